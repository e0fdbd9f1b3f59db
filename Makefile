# Two commands matter: `make demo` watches Whorl work, `make test` proves it. Both install what is missing and may be run
# again at any time.
SHELL := /bin/bash
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory
export PATH := $(CURDIR)/.venv/bin:$(PATH)
export PYTHONDONTWRITEBYTECODE := 1

# The name under which CMake finds the compiler by itself, so that every build folder shares one compiler cache.
ifeq ($(origin CXX),default)
export CXX := c++
endif

BUILD := build/release
STAMPS := build/stamps
PIP := .venv/bin/python -m pip --disable-pip-version-check -q
# Every compiler of this code holds up to about 1 GB.
JOBS ?= $(shell n=$$(nproc); m=$$(awk '/MemAvailable/ {print int($$2 / 1500000)}' /proc/meminfo); echo $$(( m < 1 ? 1 : m < n ? m : n )))
export CMAKE_BUILD_PARALLEL_LEVEL := $(JOBS)

SOURCES := $(shell find src cuda include python/src cmake -type f) CMakeLists.txt python/CMakeLists.txt
PACKAGE := $(shell find python/whorl -type f -not -name '*.pyc' | sed 's/ /\\ /g') pyproject.toml README.md
OUT ?= out/demo
SEED ?= 0

.PHONY: demo test parity bench format lint asan tsan fuzz stubs wheel dist cuda clean help
help:
	@echo "make demo     the whole flywheel on this machine (OUT=$(OUT) SEED=$(SEED))"
	@echo "make test     everything that must hold"
	@echo "make parity   the same numbers as PyTorch, transformers and PEFT"
	@echo "make bench    figures of this machine"
	@echo "make dist     a wheel for other machines, in dist/; CUDA=ON with the GPU's library in it"
	@echo "make cuda     libwhorl_cuda.so and its tests, with NVIDIA's compiler from its wheels (no GPU needed)"
	@echo "make format | lint | stubs | asan | tsan | fuzz | clean"

# ---- set-up --------------------------------------------------------------------------------------------
$(STAMPS)/setup-demo: requirements/demo.txt tools/setup.sh tools/debian-packages.txt
	@tools/setup.sh .venv requirements/demo.txt
	@mkdir -p $(@D) && touch $@

$(STAMPS)/setup-dev: $(STAMPS)/setup-demo requirements/dev.txt tools/debian-packages-dev.txt
	@tools/setup.sh .venv requirements/dev.txt tools/debian-packages-dev.txt
	@touch $@

# NVIDIA's compiler and headers in an environment of their own.
$(STAMPS)/setup-cuda: requirements/cuda.txt
	@tools/setup.sh .venv-cuda requirements/cuda.txt
	@mkdir -p $(@D) && touch $@

# ---- the wheel: one build folder for the extension, the C++ tests and the shared library ---------------
CUDA ?= OFF
PIP_WHEEL = $(PIP) wheel . --no-deps --no-build-isolation -w build/wheel --config-settings=build-dir=$(BUILD) \
	--config-settings=cmake.define.WHORL_BUILD_CUDA=$(CUDA) \
	--config-settings=cmake.define.WHORL_BUILD_TESTS=$(1) --config-settings=cmake.define.CARGO_EXECUTABLE=$$(tools/find_cargo.sh)

$(STAMPS)/wheel: $(STAMPS)/setup-demo $(if $(filter ON,$(CUDA)),$(STAMPS)/setup-cuda) $(SOURCES) $(PACKAGE)
	@echo "[build] the extension and the wheel, with $(JOBS) jobs (the first time takes minutes)"
	@rm -rf build/wheel && mkdir -p build/wheel $(@D)
	@$(call PIP_WHEEL,$(if $(wildcard $(STAMPS)/setup-dev),ON,OFF)) || { echo "[build] failed; for the compiler's words: make wheel-verbose" >&2; exit 1; }
	@touch $@

.PHONY: wheel-verbose
wheel-verbose: $(STAMPS)/setup-demo
	$(call PIP_WHEEL,OFF) -v

wheel: $(STAMPS)/wheel

# A wheel for other machines: with copies of the system libraries that it needs, and a manylinux name.
dist: $(STAMPS)/wheel
	@tools/setup.sh .venv requirements/dist.txt
	@.venv/bin/auditwheel repair -w dist build/wheel/whorl-*.whl > build/dist.log 2>&1 || { cat build/dist.log >&2; exit 1; }
	@ls dist

$(STAMPS)/installed: $(STAMPS)/wheel
	@$(PIP) install --no-deps --force-reinstall build/wheel/whorl-*.whl
	@touch $@

demo: $(STAMPS)/installed
	@cd build && PYTHONDONTWRITEBYTECODE= whorl demo --out "$(abspath $(OUT))" --seed $(SEED)

# ---- tests ---------------------------------------------------------------------------------------------
test: $(STAMPS)/setup-dev
	@.venv/bin/python tools/run_tests.py --build $(BUILD) --jobs $(JOBS)

parity: $(STAMPS)/installed
	@tools/setup.sh .venv-parity tests/parity/requirements.txt
	@$(PIP) --python .venv-parity/bin/python install --no-deps --force-reinstall build/wheel/whorl-*.whl
	@.venv-parity/bin/python -m pytest tests/parity -q

cuda: $(STAMPS)/setup-dev $(STAMPS)/setup-cuda
	@cmake --preset cuda -DCARGO_EXECUTABLE=$$(tools/find_cargo.sh) >/dev/null
	@cmake --build --preset cuda --target whorl_cuda plug_test emulation_test cudnn_graphs_test cuda_ops_test cuda_model_test cuda_answers_test cuda_ranks_test
	@ctest --preset cuda -R '^(plug|emulation|cudnn_graphs|cuda_ops|cuda_model|cuda_answers|cuda_ranks)_test$$'

# FUZZ_SECONDS: how long each fuzzer runs.
FUZZ_SECONDS ?= 60
fuzz: export WHORL_FUZZ_SECONDS = $(FUZZ_SECONDS)
asan tsan fuzz: $(STAMPS)/setup-dev
	@cmake --preset $@ -DCARGO_EXECUTABLE=$$(tools/find_cargo.sh) >/dev/null
	@cmake --build --preset $@
	@ctest --preset $@

# BENCH: options of benchmarks/run.py, e.g. BENCH=--quick or BENCH="--only train --resume". llama.cpp is
# compiled without its vision models, which take as long as all the rest.
bench: $(STAMPS)/installed
	@CMAKE_ARGS=-DLLAVA_BUILD=OFF tools/setup.sh .venv-bench requirements/bench.txt
	@$(PIP) --python .venv-bench/bin/python install --no-deps --force-reinstall build/wheel/whorl-*.whl
	@cmake -S . -B build/bench-program -G Ninja -DWHORL_BUILD_TESTS=OFF -DWHORL_BUILD_BENCHMARKS=ON \
		-DCARGO_EXECUTABLE=$$(tools/find_cargo.sh) >/dev/null
	@cmake --build build/bench-program --target profile_benchmark
	@.venv-bench/bin/python benchmarks/run.py --program build/bench-program/benchmarks/profile_benchmark $(BENCH)

# ---- the look of the code ------------------------------------------------------------------------------
CXX_FILES = $$(git ls-files '*.h' '*.cc')

format: $(STAMPS)/setup-dev
	@clang-format -i $(CXX_FILES)
	@ruff format -q . && ruff check -q --fix .

lint: $(STAMPS)/setup-dev
	@.venv/bin/python tests/check_layers.py
	@clang-format --dry-run --Werror $(CXX_FILES)
	@ruff format --check -q . && ruff check -q .

stubs: $(STAMPS)/installed $(STAMPS)/setup-dev
	@.venv/bin/python tools/make_stubs.py python/whorl/_whorl.pyi

clean:
	rm -rf build dist .venv .venv-parity .venv-clean .venv-cuda

#!/usr/bin/env python3
"""`make test`: every check in the order in which a failure is cheapest to see. The last line counts them all.

Every stage runs even when one before it failed, unless it cannot (no tests without a build).
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = ROOT / ".venv" / "bin"


class Tally:
    def __init__(self) -> None:
        self.passed = self.failed = self.skipped = 0
        self.failures: list[str] = []
        self.reasons: dict[str, int] = {}

    def add(self, name: str, outcome: str, reason: str = "") -> None:
        if outcome == "skipped":
            self.skipped += 1
            self.reasons[reason] = self.reasons.get(reason, 0) + 1
        elif outcome == "passed":
            self.passed += 1
        else:
            self.failed += 1
            self.failures.append(name)


def say(text: str) -> None:
    print(f"\n=== {text}", flush=True)


def run(tally: Tally, name: str, command: list[object], **how: object) -> bool:
    """One command that counts as one check."""
    say(name)
    begin = time.monotonic()
    good = subprocess.run([str(c) for c in command], cwd=how.pop("cwd", ROOT), **how).returncode == 0
    print(f"{'ok' if good else 'FAILED'}  {name}  ({time.monotonic() - begin:.0f} s)", flush=True)
    tally.add(name, "passed" if good else "failed")
    return good


def tracked(*patterns: str) -> list[str]:
    """Files of the repository; in an export without git, all that are there."""
    listed = subprocess.run(["git", "ls-files", *patterns], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode == 0 and listed.stdout:
        return [f for f in listed.stdout.split("\n") if f and (ROOT / f).exists()]
    folders = (
        "src",
        "cuda",
        "include",
        "tests",
        "python",
        "examples",
        "benchmarks",
        "tools",
        "recipes",
        "cmake",
    )
    return [str(p.relative_to(ROOT)) for f in folders for g in patterns for p in (ROOT / f).rglob(g)]


def formatted(tally: Tally) -> None:
    say("clang-format")
    command = [str(BIN / "clang-format"), "--dry-run", *tracked("*.h", "*.cc")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    bad = sorted(
        {line.split(":")[0] for line in done.stderr.splitlines() if "[-Wclang-format-violations]" in line}
    )
    print(
        "\n".join([*bad, "FAILED  clang-format: run `make format`"]) if bad else "ok  clang-format",
        flush=True,
    )
    tally.add("clang-format", "failed" if bad or done.returncode else "passed")


def style(tally: Tally) -> None:
    run(tally, "layers", [sys.executable, "tests/check_layers.py"])
    formatted(tally)
    run(tally, "ruff format", [BIN / "ruff", "format", "--check", "-q", "."])
    run(tally, "ruff check", [BIN / "ruff", "check", "-q", "--output-format", "concise", "."])


def count_gtest(tally: Tally, folder: Path, program: str) -> int:
    """Adds every test of one C++ program; returns how many there were. (Its JSON lacks the reasons of skips.)"""
    report = folder / f"{program}.xml"
    if not report.exists():
        return 0
    cases = list(ElementTree.parse(report).getroot().iter("testcase"))
    for case in cases:
        skipped = case.find("skipped")
        bad = case.find("failure") is not None
        outcome = "failed" if bad else "skipped" if skipped is not None else "passed"
        reason = (skipped.get("message") or "") if skipped is not None else ""
        tally.add(f"{program}: {case.get('classname')}.{case.get('name')}", outcome, reason.split("\n")[-1])
    return len(cases)


def cpp_tests(tally: Tally, build: Path) -> None:
    say("C++ tests")
    reports = build / "gtest"
    shutil.rmtree(reports, ignore_errors=True)
    junit = build / "ctest.xml"
    environment = os.environ | {"GTEST_OUTPUT": f"xml:{reports}/"}
    command = ["ctest", "--test-dir", build, "--output-on-failure", "--output-junit", junit, "--progress"]
    subprocess.run([str(c) for c in command], cwd=ROOT, env=environment)
    if not junit.exists():
        tally.add("ctest", "failed")
        return
    for case in ElementTree.parse(junit).getroot().iter("testcase"):
        name = case.get("name", "")
        before = tally.failed
        counted = count_gtest(tally, reports, name)
        # A crash leaves no report, or one without the failure.
        if case.get("status") == "fail" and tally.failed == before:
            tally.add(name, "failed")
        elif not counted:
            tally.add(name, "passed" if case.get("status") == "run" else "failed")


def clean_environment(tally: Tally) -> Path | None:
    """A new environment with the wheel and what the tests need; nothing of the tree is on its path."""
    environment = ROOT / "build" / "clean-venv"
    shutil.rmtree(environment, ignore_errors=True)
    wheel = next((ROOT / "build" / "wheel").glob("whorl-*.whl"))
    setup = [ROOT / "tools" / "setup.sh", environment, ROOT / "requirements" / "dev.txt"]
    pip = [
        environment / "bin" / "python",
        "-m",
        "pip",
        "install",
        "-q",
        "--disable-pip-version-check",
        "--no-deps",
    ]
    good = run(tally, "clean environment", setup) and run(tally, "wheel installs", [*pip, wheel])
    return environment if good else None


def python_tests(tally: Tally, environment: Path) -> None:
    say("Python tests, from outside the tree")
    outside = ROOT / "build" / "outside"
    shutil.rmtree(outside, ignore_errors=True)
    outside.mkdir(parents=True)
    report = outside / "pytest.xml"
    command = [environment / "bin" / "python", "-P", "-m", "pytest", ROOT / "tests" / "python", "-q", "-p",
               "no:cacheprovider", "-c", ROOT / "pyproject.toml", f"--rootdir={outside}", "--import-mode=importlib",
               f"--junitxml={report}", "-rs"]  # fmt: skip
    path = f"{environment / 'bin'}{os.pathsep}{os.environ['PATH']}"
    subprocess.run([str(c) for c in command], cwd=outside, env=os.environ | {"PATH": path})
    if not report.exists():
        tally.add("pytest", "failed")
        return
    for case in ElementTree.parse(report).getroot().iter("testcase"):
        skipped = case.find("skipped")
        bad = case.find("failure") is not None or case.find("error") is not None
        outcome = "failed" if bad else "skipped" if skipped is not None else "passed"
        reason = (skipped.get("message") or "") if skipped is not None else ""
        tally.add(f"{case.get('classname')}: {case.get('name')}", outcome, reason)


def fuzzers(tally: Tally, jobs: str) -> None:
    """Every parser under libFuzzer for a few seconds each; `make fuzz` runs them longer."""
    if shutil.which("clang++") is None:
        tally.add("fuzzers", "skipped", "clang++ is not here, so the fuzzers were not built")
        return
    environment = os.environ | {"WHORL_FUZZ_SECONDS": "10"}
    cargo = subprocess.run(["tools/find_cargo.sh"], cwd=ROOT, capture_output=True, text=True).stdout.strip()
    configure = ["cmake", "--preset", "fuzz", f"-DCARGO_EXECUTABLE={cargo}"]
    build = ["cmake", "--build", "--preset", "fuzz", "--parallel", jobs]
    _ = (
        run(tally, "fuzzers configure", configure, env=environment, stdout=subprocess.DEVNULL)
        and run(tally, "fuzzers build", build)
        and run(tally, "fuzzers run", ["ctest", "--preset", "fuzz", "--progress"])
    )


def cuda_library(tally: Tally, build: Path, jobs: str) -> None:
    """NVIDIA's compiler on every kernel, for one device and PTX (`make cuda`: for all), and the library's answer."""
    setup = subprocess.run(["make", "build/stamps/setup-cuda"], cwd=ROOT, capture_output=True, text=True)
    if setup.returncode != 0:
        tally.add("cuda", "skipped", "NVIDIA's wheels (requirements/cuda.txt) cannot be installed here")
        return
    folder = ROOT / "build" / "cuda-quick"
    cargo = subprocess.run(["tools/find_cargo.sh"], cwd=ROOT, capture_output=True, text=True).stdout.strip()
    configure = ["cmake", "--preset", "cuda", "-B", folder, "-DWHORL_CUDA_TARGETS=sm_90a;compute_90",
                 "-DWHORL_BUILD_TESTS=OFF", f"-DCARGO_EXECUTABLE={cargo}"]  # fmt: skip
    compile_all = ["cmake", "--build", folder, "--parallel", jobs, "--target", "whorl_cuda"]
    answer = [build / "tests" / "cuda" / "plug_test", "--gtest_filter=*TheCudaLibraryAnswers*"]
    environment = os.environ | {"WHORL_CUDA_LIBRARY": str(folder / "cuda" / "libwhorl_cuda.so")}
    _ = (
        run(tally, "cuda configures", configure, stdout=subprocess.DEVNULL)
        and run(tally, "cuda compiles", compile_all)
        and run(tally, "cuda library answers", answer, env=environment)
    )


def consumer(tally: Tally, build: Path) -> None:
    prefix, outside = ROOT / "build" / "prefix", ROOT / "build" / "consumer"
    for folder in (prefix, outside):
        shutil.rmtree(folder, ignore_errors=True)
    configure = [
        "cmake",
        "-S",
        ROOT / "tests" / "consumer",
        "-B",
        outside,
        "-G",
        "Ninja",
        f"-DCMAKE_PREFIX_PATH={prefix}",
    ]
    _ = (
        run(tally, "cmake --install", ["cmake", "--install", build, "--component", "cpp", "--prefix", prefix],
            stdout=subprocess.DEVNULL)
        and run(tally, "consumer configures", configure, stdout=subprocess.DEVNULL)
        and run(tally, "consumer builds", ["cmake", "--build", outside])
        and run(tally, "consumer runs", [outside / "consumer", outside / "files"])
    )  # fmt: skip


def published(text: str) -> str:
    """The digest of what an example has published."""
    return next((line.split()[-1] for line in text.splitlines() if line.startswith("published ")), "")


def examples(tally: Tally, environment: Path) -> None:
    """The demo in C++ and in Python on a little of its data: both publish the same bytes."""
    folder, prefix = ROOT / "build" / "examples", ROOT / "build" / "prefix"
    shutil.rmtree(folder, ignore_errors=True)
    data = folder / "data"
    configure = [
        "cmake",
        "-S",
        ROOT / "examples",
        "-B",
        folder,
        "-G",
        "Ninja",
        f"-DCMAKE_PREFIX_PATH={prefix}",
    ]
    if not (
        run(tally, "C++ example configures", configure, stdout=subprocess.DEVNULL)
        and run(tally, "C++ example builds", ["cmake", "--build", folder])
        and run(tally, "demo data", [environment / "bin" / "whorl", "demo", "--write-data", data])
    ):
        return
    for name, rows in (("train.jsonl", 120), ("test.jsonl", 10)):
        lines = (data / name).read_text().splitlines(keepends=True)
        (data / name).write_text("".join(lines[:rows]))
    base = next(environment.glob("lib/python*/site-packages/whorl/data/demo_base"))
    commands = {
        "C++": [folder / "example_demo", data, base, folder / "cpp-out"],
        "Python": [
            environment / "bin" / "python",
            ROOT / "examples" / "demo.py",
            data,
            folder / "python-out",
        ],
    }
    say("examples")
    digests = {}
    for language, command in commands.items():
        done = subprocess.run([str(c) for c in command], cwd=folder, capture_output=True, text=True)
        print(done.stderr, end="")
        digests[language] = published(done.stdout)
        tally.add(f"example in {language}", "passed" if digests[language] else "failed")
    same = len(set(digests.values())) == 1
    print(f"{'ok' if same else 'FAILED'}  published {digests}", flush=True)
    tally.add("examples publish the same bytes", "passed" if same else "failed")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", type=Path, required=True)
    parser.add_argument("--jobs", default="2")
    arguments = parser.parse_args()
    build, tally, begin = (ROOT / arguments.build).resolve(), Tally(), time.monotonic()

    style(tally)
    if run(tally, "wheel", ["make", "wheel"]):
        cmake = ["cmake", "-S", ROOT, "-B", build, "-DWHORL_BUILD_TESTS=ON"]
        everything = ["cmake", "--build", build, "--parallel", arguments.jobs]
        if run(tally, "C++ configures", cmake, stdout=subprocess.DEVNULL) and run(
            tally, "C++ builds", everything
        ):
            headers = [*everything, "--target", "all_verify_interface_header_sets"]
            run(tally, "each public header stands alone", headers)
            cpp_tests(tally, build)
            consumer(tally, build)
            fuzzers(tally, arguments.jobs)
            cuda_library(tally, build, arguments.jobs)
        if environment := clean_environment(tally):
            python_tests(tally, environment)
            examples(tally, environment)

    say(f"{(time.monotonic() - begin) / 60:.1f} minutes")
    for reason, n in sorted(tally.reasons.items()):
        print(f"skipped {n}: {reason.splitlines()[0] if reason else 'no reason given'}")
    for name in tally.failures:
        print(f"FAILED {name}")
    print(f"{tally.passed} passed, {tally.failed} failed")
    return 1 if tally.failed else 0


if __name__ == "__main__":
    sys.exit(main())

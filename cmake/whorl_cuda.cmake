# The CUDA toolkit: NVIDIA's wheels in .venv-cuda (`make cuda` installs them), else a toolkit of the system. Sets up the
# language CUDA and whorl_cuda_flags. CUDACXX or CMAKE_CUDA_COMPILER names another nvcc.
file(GLOB wheels_nvcc ${PROJECT_SOURCE_DIR}/.venv-cuda/lib/python*/site-packages/nvidia/cu13/bin/nvcc)
find_program(WHORL_NVCC NAMES nvcc
  HINTS ENV CUDACXX PATHS ${wheels_nvcc} ENV CUDA_PATH /usr/local/cuda/bin PATH_SUFFIXES bin)
if(wheels_nvcc AND NOT CMAKE_CUDA_COMPILER AND NOT DEFINED ENV{CUDACXX})
  list(GET wheels_nvcc 0 CMAKE_CUDA_COMPILER)
elseif(WHORL_NVCC AND NOT CMAKE_CUDA_COMPILER AND NOT DEFINED ENV{CUDACXX})
  set(CMAKE_CUDA_COMPILER ${WHORL_NVCC})
endif()
if(NOT CMAKE_CUDA_COMPILER AND NOT DEFINED ENV{CUDACXX})
  message(FATAL_ERROR "WHORL_BUILD_CUDA needs nvcc 13, which is neither in .venv-cuda nor on the PATH. Run: make cuda")
endif()
set(nvcc_path ${CMAKE_CUDA_COMPILER})
if(NOT nvcc_path)
  set(nvcc_path $ENV{CUDACXX})
endif()
get_filename_component(nvcc_folder ${nvcc_path} REALPATH)
get_filename_component(nvcc_folder ${nvcc_folder} DIRECTORY)
get_filename_component(WHORL_CUDA_TOOLKIT ${nvcc_folder} DIRECTORY)
# The wheels have the static runtime only, and in lib, not lib64.
find_file(WHORL_CUDART NAMES libcudart_static.a
  PATHS ${WHORL_CUDA_TOOLKIT}/lib ${WHORL_CUDA_TOOLKIT}/lib64 REQUIRED NO_DEFAULT_PATH)
get_filename_component(cudart_folder ${WHORL_CUDART} DIRECTORY)
# NCCL's header; the library itself is opened at run time.
file(GLOB wheels_nccl ${PROJECT_SOURCE_DIR}/.venv-cuda/lib/python*/site-packages/nvidia/nccl/include)
find_path(WHORL_NCCL_INCLUDE NAMES nccl.h PATHS ${wheels_nccl} ${WHORL_CUDA_TOOLKIT}/include REQUIRED)
# The headers of cuDNN, of its graphs (whose wheel has them in site-packages/include), and one that those read.
file(GLOB wheels_cudnn ${PROJECT_SOURCE_DIR}/.venv-cuda/lib/python*/site-packages/nvidia/cudnn/include)
file(GLOB wheels_graphs ${PROJECT_SOURCE_DIR}/.venv-cuda/lib/python*/site-packages/include)
find_path(WHORL_CUDNN_INCLUDE NAMES cudnn.h PATHS ${wheels_cudnn} ${WHORL_CUDA_TOOLKIT}/include REQUIRED)
find_path(WHORL_CUDNN_FRONTEND_INCLUDE NAMES cudnn_frontend.h PATHS ${wheels_graphs} ${WHORL_CUDA_TOOLKIT}/include REQUIRED)
find_path(WHORL_NVRTC_INCLUDE NAMES nvrtc.h PATHS ${WHORL_CUDA_TOOLKIT}/include REQUIRED)

set(CMAKE_CUDA_ARCHITECTURES OFF)  # WHORL_CUDA_TARGETS, as nvcc spells them
set(CMAKE_CUDA_RUNTIME_LIBRARY None)
set(CMAKE_CUDA_FLAGS_INIT "-L${cudart_folder}")
if(CCACHE_PROGRAM)
  set(CMAKE_CUDA_COMPILER_LAUNCHER ${CCACHE_PROGRAM})
endif()
enable_language(CUDA)
set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION "-std=c++20")  # CMake 3.25 does not know this compiler's
set(CMAKE_CUDA20_EXTENSION_COMPILE_OPTION "-std=c++20")
if(CMAKE_CUDA_COMPILER_VERSION VERSION_LESS 13)
  message(FATAL_ERROR "expected nvcc 13 or newer, got ${CMAKE_CUDA_COMPILER_VERSION} (${CMAKE_CUDA_COMPILER})")
endif()

# A100, H100 and H200, B200; and PTX, which a driver translates for what comes later.
set(WHORL_CUDA_TARGETS "sm_80;sm_90a;sm_100;compute_100" CACHE STRING "Devices to compile for, as nvcc spells them")
add_library(whorl_cuda_flags INTERFACE)
foreach(target IN LISTS WHORL_CUDA_TARGETS)
  string(REGEX REPLACE "^(sm|compute)_" "" architecture ${target})
  target_compile_options(whorl_cuda_flags INTERFACE
    "$<$<COMPILE_LANGUAGE:CUDA>:--generate-code=arch=compute_${architecture},code=${target}>")
endforeach()
# --fmad=false: as -ffp-contract=off on the CPU; kernels ask for FMA by name.
target_compile_options(whorl_cuda_flags INTERFACE
  "$<$<COMPILE_LANGUAGE:CUDA>:--fmad=false;--expt-relaxed-constexpr;--Werror=all-warnings;-Xcudafe=--display_error_number>"
  "$<$<COMPILE_LANGUAGE:CUDA>:-Xcompiler=-Wall,-Wextra,-Werror,-fvisibility=hidden,-fno-math-errno>")
target_include_directories(whorl_cuda_flags SYSTEM INTERFACE ${WHORL_CUDA_TOOLKIT}/include ${WHORL_NCCL_INCLUDE}
  ${WHORL_CUDNN_INCLUDE})
target_link_libraries(whorl_cuda_flags INTERFACE ${WHORL_CUDART} rt ${CMAKE_DL_LIBS} Threads::Threads)

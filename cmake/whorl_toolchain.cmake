# Flags that every target shares. Warnings are errors in our own code only.
find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE_PROGRAM})
endif()

add_library(whorl_flags INTERFACE)
set(whorl_cxx_options
  -Wall -Wextra -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual -Wformat=2 -Wimplicit-fallthrough -Werror
  -ffp-contract=off            # a*b+c means what it says; kernels ask for FMA by name
  -fno-math-errno
  -fstack-protector-strong
  $<$<CXX_COMPILER_ID:Clang>:-Wno-unknown-warning-option>)
# Sources of cuda/ that a device compiler reads have their own (cmake/whorl_cuda.cmake).
target_compile_options(whorl_flags INTERFACE "$<$<COMPILE_LANGUAGE:CXX>:${whorl_cxx_options}>")
target_compile_definitions(whorl_flags INTERFACE $<$<NOT:$<CONFIG:Debug>>:_FORTIFY_SOURCE=2> _GLIBCXX_ASSERTIONS)

# GCC 12 sees overlaps in "text" + string and uninitialised members in moved variants where there are none (PR 105651,
# PR 105562). A folder whose code is full of both turns the two warnings off for itself.
macro(whorl_without_false_alarms)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
    add_compile_options(-Wno-restrict -Wno-maybe-uninitialized)
  endif()
endmacro()

if(WHORL_SANITIZE)
  target_compile_options(whorl_flags INTERFACE -fsanitize=${WHORL_SANITIZE} -fno-omit-frame-pointer -g1 -U_FORTIFY_SOURCE)
  target_link_options(whorl_flags INTERFACE -fsanitize=${WHORL_SANITIZE})
endif()

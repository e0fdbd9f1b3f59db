# whorl_room(NAME SOURCES a.cc b.cc [DEPS room…] [LINKS third_party…])
# A room is a static library `whorl_NAME`. DEPS are rooms it may include (see CONTRIBUTING.md);
# LINKS are third-party targets that only this room names.
function(whorl_room name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS;LINKS" ${ARGN})
  add_library(whorl_${name} STATIC ${ARG_SOURCES})
  target_include_directories(whorl_${name} PUBLIC ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR}/include)
  list(TRANSFORM ARG_DEPS PREPEND whorl_)
  target_link_libraries(whorl_${name} PUBLIC ${ARG_DEPS} Threads::Threads PRIVATE whorl_flags ${ARG_LINKS})
  set_property(GLOBAL APPEND PROPERTY WHORL_ROOMS whorl_${name})
endfunction()

# whorl_test(NAME SOURCES a_test.cc [DEPS room…]): one GoogleTest program, registered with ctest.
# Tests find read-only fixtures through WHORL_SOURCE_DIR.
function(whorl_test name)
  cmake_parse_arguments(ARG "" "TIMEOUT" "SOURCES;DEPS;LINKS" ${ARGN})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 300)
  endif()
  add_executable(${name} ${ARG_SOURCES})
  list(TRANSFORM ARG_DEPS PREPEND whorl_)
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests ${PROJECT_SOURCE_DIR}/src)
  target_compile_definitions(${name} PRIVATE WHORL_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
  target_link_libraries(${name} PRIVATE ${ARG_DEPS} ${ARG_LINKS} GTest::gtest GTest::gtest_main whorl_flags)
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES TIMEOUT ${ARG_TIMEOUT})
endfunction()

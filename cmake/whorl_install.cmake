# `whorl::whorl`: the shared library a C++ program links after find_package(whorl). It holds every room; only what
# WHORL_API marks is visible.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

get_property(WHORL_ROOMS GLOBAL PROPERTY WHORL_ROOMS)

add_library(whorl SHARED ${PROJECT_SOURCE_DIR}/cmake/whorl_anchor.cc)
add_library(whorl::whorl ALIAS whorl)
# The rooms' objects whole, whether this library calls them or not; their archives for what they link.
foreach(room IN LISTS WHORL_ROOMS)
  target_sources(whorl PRIVATE $<TARGET_OBJECTS:${room}>)
endforeach()
target_link_libraries(whorl PRIVATE ${WHORL_ROOMS} whorl_flags PUBLIC Threads::Threads)
target_link_options(whorl PRIVATE
  -Wl,--version-script=${PROJECT_SOURCE_DIR}/cmake/whorl_exports.map -Wl,--gc-sections)
if(NOT WHORL_SANITIZE)  # a sanitizer's own symbols come with the program
  target_link_options(whorl PRIVATE -Wl,--no-undefined)
endif()
target_compile_features(whorl PUBLIC cxx_std_20)
set_target_properties(whorl PROPERTIES
  LINK_DEPENDS ${PROJECT_SOURCE_DIR}/cmake/whorl_exports.map
  VERSION ${PROJECT_VERSION}
  SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR}
  VERIFY_INTERFACE_HEADER_SETS ON)
target_sources(whorl PUBLIC FILE_SET HEADERS BASE_DIRS ${PROJECT_SOURCE_DIR}/include FILES
  ${PROJECT_SOURCE_DIR}/include/whorl/adapter.h
  ${PROJECT_SOURCE_DIR}/include/whorl/adapter_store.h
  ${PROJECT_SOURCE_DIR}/include/whorl/dataset.h
  ${PROJECT_SOURCE_DIR}/include/whorl/evaluate_task.h
  ${PROJECT_SOURCE_DIR}/include/whorl/evaluator.h
  ${PROJECT_SOURCE_DIR}/include/whorl/guardrail.h
  ${PROJECT_SOURCE_DIR}/include/whorl/inference_engine.h
  ${PROJECT_SOURCE_DIR}/include/whorl/metrics.h
  ${PROJECT_SOURCE_DIR}/include/whorl/model.h
  ${PROJECT_SOURCE_DIR}/include/whorl/pii.h
  ${PROJECT_SOURCE_DIR}/include/whorl/pipeline.h
  ${PROJECT_SOURCE_DIR}/include/whorl/pipeline_manifests.h
  ${PROJECT_SOURCE_DIR}/include/whorl/statistics.h
  ${PROJECT_SOURCE_DIR}/include/whorl/trainer.h
  ${PROJECT_SOURCE_DIR}/include/whorl/types.h
  ${PROJECT_SOURCE_DIR}/include/whorl/whorl.h)

set(WHORL_CMAKE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/whorl)
install(TARGETS whorl EXPORT whorlTargets COMPONENT cpp
        LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
        FILE_SET HEADERS DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(EXPORT whorlTargets NAMESPACE whorl:: DESTINATION ${WHORL_CMAKE_DIR} COMPONENT cpp)
configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/whorlConfig.cmake.in
  ${PROJECT_BINARY_DIR}/whorlConfig.cmake INSTALL_DESTINATION ${WHORL_CMAKE_DIR})
# Before 1.0 a minor version may break what the one before promised.
write_basic_package_version_file(${PROJECT_BINARY_DIR}/whorlConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/whorlConfig.cmake ${PROJECT_BINARY_DIR}/whorlConfigVersion.cmake
        DESTINATION ${WHORL_CMAKE_DIR} COMPONENT cpp)
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/whorl COMPONENT cpp)

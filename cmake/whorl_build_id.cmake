# WHORL_BUILD_ID: what a backend's shared library and the library that opens it must have in common.
set(contract_headers ${PROJECT_SOURCE_DIR}/src/ops/backend.h ${PROJECT_SOURCE_DIR}/src/ops/plug.h
  ${PROJECT_SOURCE_DIR}/src/tensor/tensor.h)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${contract_headers})
set(contract_digests "")
foreach(header IN LISTS contract_headers)
  file(SHA256 ${header} digest)
  string(APPEND contract_digests ${digest})
endforeach()
string(SHA256 contract_digest "${contract_digests}")
string(SUBSTRING ${contract_digest} 0 8 contract_digest)
string(REGEX MATCH "^[0-9]+" compiler_major ${CMAKE_CXX_COMPILER_VERSION})
set(WHORL_BUILD_ID "${PROJECT_VERSION}-${contract_digest}-${CMAKE_CXX_COMPILER_ID}-${compiler_major}")

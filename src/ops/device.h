#pragma once
// The one door to a backend: everybody asks here, nobody includes src/cpu or cuda/.
#include <memory>
#include <string>

#include "ops/backend.h"

namespace whorl::ops {

// `device`: "cpu". `threads` <= 0: all that this process may use. An unknown device, or one that this
// build or machine lacks, is an error that says what is missing.
std::shared_ptr<Backend> make_backend(const std::string& device, int threads = 0);

// What the machine has, best first, of those that have kernels: "amx", "avx512_bf16", "avx512", "avx2",
// "generic". WHORL_ISA forces one of these, or "amx_emulated", which is for tests.
std::vector<std::string> available_isas();

}  // namespace whorl::ops

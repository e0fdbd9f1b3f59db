#pragma once
// What a backend's library gives to make_backend. Declared here, defined in src/cpu, so that no room above
// includes a backend.
#include <memory>
#include <string>
#include <vector>

#include "ops/backend.h"

namespace whorl::ops {

// `isa`: one of cpu_isas() or emulated_cpu_isas(), or empty for the best. One that the machine lacks is an
// invalid_argument.
std::shared_ptr<Backend> make_cpu_backend(int threads, const std::string& isa);

// Instruction sets with kernels in this build that this machine can run, best first.
std::vector<std::string> cpu_isas();

// Those that it can only imitate, slowly: never chosen, run when asked for by name.
std::vector<std::string> emulated_cpu_isas();

}  // namespace whorl::ops

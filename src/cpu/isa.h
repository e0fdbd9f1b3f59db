#pragma once
#include <string>
#include <vector>

#include "cpu/kernels.h"

namespace whorl::cpu {

// Kernels by the name of their instruction set; empty = the best this machine has. An unknown or
// unavailable name is an invalid_argument that lists what there is.
const Kernels& kernels_for(const std::string& isa);

std::vector<std::string> available_isas();  // best first

// Run only when asked for by name: instructions that no test machine has, done in software.
std::vector<std::string> emulated_isas();

}  // namespace whorl::cpu

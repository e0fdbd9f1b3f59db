#pragma once
#include <string>
#include <vector>

#include "cpu/features.h"
#include "cpu/kernels.h"

namespace whorl::cpu {

// Kernels by the name of their instruction set; empty = the best this machine has. An unknown or
// unavailable name is an invalid_argument that lists what there is.
const Kernels& kernels_for(const std::string& isa);

std::vector<std::string> available_isas();  // best first
std::vector<std::string> isas_of(const Features& features);

// Run only when asked for by name: instructions that no test machine has, done in software.
std::vector<std::string> emulated_isas();

}  // namespace whorl::cpu

#pragma once
// A stand-in for NVIDIA's library, so that the calls to it are tested too: their operands, shapes and steps.
#include "cuda/runtime.h"

namespace whorl::cuda::emulated {

// Only where WHORL_EMULATED_PRODUCTS is set when a device is opened: else the kernels do all products.
bool products_are_asked_for();

// What a device has of FP8, by WHORL_EMULATED_FP8 when it is opened: products whose rows and columns have
// scales (as Hopper), their sums alone ("sums": Ada and Blackwell), or none ("refused": Ampere).
enum class Fp8 { scaled, sums, refused };
Fp8 fp8_asked_for();

// Every sum in ascending order. Throws where an operand is not the device's.
void multiply(const Runtime::Product& product);

}  // namespace whorl::cuda::emulated

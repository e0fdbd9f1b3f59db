#pragma once
// A stand-in for NVIDIA's library, so that the calls to it are tested too: their operands, shapes and steps.
#include "cuda/runtime.h"

namespace whorl::cuda::emulated {

// Only where WHORL_EMULATED_PRODUCTS is set when a device is opened: else the kernels do all products.
bool products_are_asked_for();

// Every sum in ascending order. Throws where an operand is not the device's.
void multiply(const Runtime::Product& product);

}  // namespace whorl::cuda::emulated

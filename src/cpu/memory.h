#pragma once
// Zeroed memory for weights, activations and working space, in the system's huge pages where it has them: a
// decode step reads gigabytes, and a lookup per 4 KB page costs up to half of the bandwidth. Blocks share
// huge pages, as most matrices fill less than one, or a little more than a few.
#include <cstddef>
#include <memory>

#include "tensor/tensor.h"

namespace whorl::cpu {

// 64-byte aligned; nothing is resident before it is touched unless the block is small. What is given back is
// the system's again at once, but for the pages that it shares with its neighbours. Any thread. Throws
// std::bad_alloc.
std::shared_ptr<void> allocate_zeroed(size_t bytes);

Tensor zeroed_tensor(DType dtype, Shape shape);

}  // namespace whorl::cpu

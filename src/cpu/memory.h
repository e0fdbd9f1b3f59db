#pragma once
// Zeroed memory for weights, activations and working space. Large blocks come from the system in huge pages
// where it has them: a decode step reads gigabytes, and a lookup per 4 KB page costs up to half of the
// bandwidth.
#include <cstddef>
#include <memory>

#include "tensor/tensor.h"

namespace whorl::cpu {

// 64-byte aligned; nothing is resident before it is touched when the block is large. Throws std::bad_alloc.
std::shared_ptr<void> allocate_zeroed(size_t bytes);

Tensor zeroed_tensor(DType dtype, Shape shape);

}  // namespace whorl::cpu

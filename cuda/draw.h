#pragma once
// What drawing tokens from rows of logits takes of a device.
#include <cstddef>
#include <cstdint>

namespace whorl::cuda {

size_t draw_bytes(int64_t rows, int64_t vocabulary);                          // borrowed, at most
size_t draw_list_bytes(int64_t rows, int64_t vocabulary, int64_t positions);  // sent, at most

}  // namespace whorl::cuda

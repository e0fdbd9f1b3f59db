#include "cpu/key_pages.h"

#include <cmath>
#include <cstring>
#include <limits>

namespace whorl::cpu {

namespace {
// As products of pairs round what they read: subnormal numbers count as zero.
uint16_t rounded(float x) {
  return float_to_bf16(std::fabs(x) < std::numeric_limits<float>::min() ? std::copysign(0.0f, x) : x);
}
}  // namespace

KeyPages::KeyPages(const ops::PagedCache& cache)
    : cache_(cache),
      width_(cache.keys.dim(2)),
      size_(cache.page_size),
      turned_(turns_keys(size_)),
      pairs_(cache.keys.dtype() == DType::bfloat16) {}

KeySource KeyPages::source(const ops::PagedSequence& sequence) const {
  return {static_cast<const float*>(cache_.keys.raw()),
          static_cast<const float*>(cache_.values.raw()),
          pairs_ ? width_ / 2 : width_,
          sequence.pages.data(),
          size_,
          turned_,
          pairs_};
}

// body(a row, the first of its page's numbers, its slot)
template <class Body>
void KeyPages::for_rows(const ops::PagedSequence& sequence, const Tensor& rows, const Body& body) const {
  for (int64_t i = sequence.begin; i < sequence.end; ++i) {
    const int64_t position = sequence.past + i - sequence.begin;
    const int64_t page = sequence.pages[static_cast<size_t>(position / size_)];
    body(rows.data<float>() + i * rows.row_stride(), page * size_ * width_, position % size_);
  }
}

void KeyPages::write(const ops::PagedSequence& sequence, const Tensor& k, const Tensor& v) const {
  if (pairs_) {
    uint16_t *const keys = cache_.keys.data<uint16_t>(), *const values = cache_.values.data<uint16_t>();
    for_rows(sequence, k, [&](const float* row, int64_t page, int64_t slot) {
      for (int64_t c = 0; c < width_; ++c) keys[page + (c / 2 * size_ + slot) * 2 + c % 2] = rounded(row[c]);
    });
    for_rows(sequence, v, [&](const float* row, int64_t page, int64_t slot) {
      for (int64_t c = 0; c < width_; ++c)
        values[page + (slot / 2 * width_ + c) * 2 + slot % 2] = rounded(row[c]);
    });
    return;
  }
  float *const keys = cache_.keys.data<float>(), *const values = cache_.values.data<float>();
  const auto copy = [&](float* to) {
    return [this, to](const float* row, int64_t page, int64_t slot) {
      std::memcpy(to + page + slot * width_, row, static_cast<size_t>(width_) * sizeof(float));
    };
  };
  if (turned_)
    for_rows(sequence, k, [&](const float* row, int64_t page, int64_t slot) {
      for (int64_t c = 0; c < width_; ++c) keys[page + c * size_ + slot] = row[c];
    });
  else
    for_rows(sequence, k, copy(keys));
  for_rows(sequence, v, copy(values));
}

}  // namespace whorl::cpu

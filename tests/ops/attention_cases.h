#pragma once
#include "ops/harness.h"

namespace whorl::ops {

struct AttentionCase {
  std::string name;
  std::vector<int32_t> starts;
  AttentionShape shape;
};
std::vector<AttentionCase> attention_cases(DType precision);

struct AttentionNumbers {
  Matrix<double> q, k, v, dout;
  // Numbers of `type`: float32 ones have to be rounded where attention multiplies bfloat16.
  AttentionNumbers(const AttentionCase& c, uint64_t seed, DType type);
  AttentionNumbers(const AttentionCase& c, uint64_t seed) : AttentionNumbers(c, seed, c.shape.precision) {}
};

// A cache with room for every sequence of a case.
struct Pages {
  PagedCache cache;
  std::vector<std::vector<int32_t>> tables;
  Pages(Backend& backend, const AttentionCase& c, int64_t page_size);
};

// All sequences through the paged cache, `chunk` rows of each per step.
Tensor run_paged(Backend& backend, const AttentionCase& c, const AttentionNumbers& in, int64_t page_size,
                 int64_t chunk, Report& report);

}  // namespace whorl::ops

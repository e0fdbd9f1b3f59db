#include "cuda/library_attention.h"

#include <algorithm>
#include <array>
#include <limits>

#include "cuda/packed_attention.h"
#include "ops/attention_checks.h"

namespace whorl::cuda {

namespace {
// Making a graph takes long: batches share one whose sizes are the next 2^n or 3 * 2^n.
int64_t common_size(int64_t n, int64_t least) {
  int64_t size = least;
  while (size < n) size = size == 1 ? 2 : size % 3 == 0 ? size / 3 * 4 : size / 2 * 3;
  return size;
}

void check(const char* op, const AttentionTensors& t, const ops::AttentionShape& s) {
  const int64_t n = t.q.dim(0);
  const Shape wide = {n, s.heads * s.head_size}, narrow = {n, s.kv_heads * s.head_size};
  const auto expect = [&](const char* what, const Tensor* tensor, const Shape& shape) {
    if (tensor) ops::expect(op, what, *tensor, shape, DType::bfloat16);
  };
  expect("q", &t.q, wide), expect("k", &t.k, narrow), expect("v", &t.v, narrow), expect("out", &t.out, wide);
  expect("dout", t.dout, wide), expect("dq", t.dq, wide), expect("dk", t.dk, narrow),
      expect("dv", t.dv, narrow);
  t.dout ? ops::expect(op, "lse", t.lse, {n, s.heads}) : ops::expect_optional(op, "lse", t.lse, {n, s.heads});
}

// Whether all of them are such numbers, where the library's loads of sixteen bytes may read them.
bool readable(const AttentionTensors& t, const ops::AttentionShape& s) {
  if (s.head_size % 8 != 0 || s.precision != DType::bfloat16) return false;
  if (!t.lse.empty() && reinterpret_cast<uintptr_t>(t.lse.raw()) % 16 != 0) return false;
  const std::array<const Tensor*, 8> all = {&t.q, &t.k, &t.v, &t.out, t.dout, t.dq, t.dk, t.dv};
  return std::all_of(all.begin(), all.end(), [](const Tensor* x) {
    return !x || (x->dtype() == DType::bfloat16 && x->row_stride() % 8 == 0 &&
                  reinterpret_cast<uintptr_t>(x->raw()) % 16 == 0);
  });
}

// Where sequences begin, in elements of a matrix: one list for each step between rows.
class Starts {
 public:
  Starts(ops::Ragged rows, int64_t sequences) : rows_(rows), sequences_(sequences) {
    std::vector<int32_t> lengths(static_cast<size_t>(sequences), 0);
    for (size_t i = 0; i + 1 < rows.starts.size(); ++i) lengths[i] = rows.starts[i + 1] - rows.starts[i];
    lists_.add(lengths);
  }
  // False where the library's numbers of 32 bits do not reach.
  bool add(const Tensor* x, PackedMatrix& to) {
    if (!x || x->empty()) return true;
    to.data = x->raw(), to.step = x->row_stride();
    if (rows_.starts.back() > std::numeric_limits<int32_t>::max() / to.step) return false;
    std::vector<int32_t> starts(static_cast<size_t>(sequences_ + 1));
    for (size_t i = 0; i < starts.size(); ++i)
      starts[i] = rows_.starts[std::min(i, rows_.starts.size() - 1)] * static_cast<int32_t>(to.step);
    matrices_.emplace_back(&to, lists_.add(starts));
    return true;
  }
  // They are the same for all layers, and sent once.
  Sent send(Lists& lists, PackedAttention& call) const {
    Sent sent(lists, lists_);
    call.lengths = sent.at<int32_t>();
    for (const auto& [matrix, place] : matrices_) matrix->starts = sent.at<int32_t>(place);
    return sent;
  }

 private:
  ops::Ragged rows_;
  int64_t sequences_;
  Packed lists_;
  std::vector<std::pair<PackedMatrix*, size_t>> matrices_;
};

PackedAttention sizes(ops::Ragged rows, const ops::AttentionShape& s) {
  PackedAttention call;
  int64_t longest = 0;
  for (size_t i = 0; i + 1 < rows.starts.size(); ++i)
    longest = std::max<int64_t>(longest, rows.starts[i + 1] - rows.starts[i]);
  call.rows = common_size(rows.starts.back(), 128), call.longest = common_size(longest, 128);
  call.sequences = common_size(static_cast<int64_t>(rows.starts.size()) - 1, 1);
  call.heads = s.heads, call.kv_heads = s.kv_heads, call.head_size = s.head_size;
  // A window that holds every key is none.
  call.window = s.window < longest ? s.window : 0, call.scale = s.scale;
  call.most_bytes = library_attention_bytes(rows.starts.back(), s);
  return call;
}
}  // namespace

bool attention_by_library(Runtime& runtime, Lists& lists, const char* op, const AttentionTensors& t,
                          ops::Ragged rows, const ops::AttentionShape& shape) {
  if (t.q.empty() || !readable(t, shape)) return false;
  check(op, t, shape);
  ops::expect_starts(op, rows, t.q.dim(0));
  if (t.q.dim(0) == 0) return false;
  PackedAttention call = sizes(rows, shape);
  Starts starts(rows, call.sequences);
  if (!starts.add(&t.q, call.q) || !starts.add(&t.k, call.k) || !starts.add(&t.v, call.v) ||
      !starts.add(&t.out, call.out) || !starts.add(&t.lse, call.lse) || !starts.add(t.dout, call.dout) ||
      !starts.add(t.dq, call.dq) || !starts.add(t.dk, call.dk) || !starts.add(t.dv, call.dv))
    return false;
  const Sent sent = starts.send(lists, call);
  return runtime.attend(call);
}

// The way back: sums of dq in float32, gradients of keys and values of every head of a group before they are
// added, and two numbers for each row and head. What a library wants beside it is little.
size_t library_attention_bytes(int64_t rows, const ops::AttentionShape& s) {
  return static_cast<size_t>(common_size(rows, 128) * s.heads * (3 * s.head_size + 2) * 4 + (1 << 20));
}

}  // namespace whorl::cuda

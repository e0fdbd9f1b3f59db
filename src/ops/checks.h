#pragma once
// What every backend checks of its arguments, in the words of the contract.
#include <algorithm>
#include <initializer_list>
#include <limits>
#include <span>

#include "base/check.h"
#include "ops/backend.h"

namespace whorl::ops {

// "[rms_norm] expected gain float32 [64], got float32 [32]". Its words are made for a fault alone: ops are
// called thousands of times a second.
inline void expect(const char* op, const char* what, const Tensor& t, const Shape& shape,
                   DType dtype = DType::float32) {
  if (!t.empty() && t.shape() == shape && t.dtype() == dtype) return;
  base::check_argument(!t.empty(), "[", op, "] expected ", what, " ", to_string(shape),
                       ", got an empty tensor");
  base::check_argument(false, "[", op, "] expected ", what, " ", name_of(dtype), " ", to_string(shape),
                       ", got ", name_of(t.dtype()), " ", to_string(t.shape()));
}

// A shape as it is written at the call: no memory is taken for one that is right.
using Sizes = std::initializer_list<int64_t>;
inline void expect(const char* op, const char* what, const Tensor& t, Sizes shape,
                   DType dtype = DType::float32) {
  if (!t.empty() && t.dtype() == dtype &&
      std::equal(t.shape().begin(), t.shape().end(), shape.begin(), shape.end()))
    return;
  expect(op, what, t, Shape(shape), dtype);
}

// An optional tensor may be empty.
inline void expect_optional(const char* op, const char* what, const Tensor& t, Sizes shape) {
  if (!t.empty()) expect(op, what, t, shape);
}
inline void expect_optional(const char* op, const char* what, const Tensor& t, const Shape& shape) {
  if (!t.empty()) expect(op, what, t, shape);
}

// A float32 matrix.
inline void expect_matrix(const char* op, const char* what, const Tensor& t) {
  if (!t.empty() && t.shape().size() == 2 && t.dtype() == DType::float32) return;
  base::check_argument(false, "[", op, "] expected ", what, " to be a float32 matrix, got ",
                       name_of(t.dtype()), " ", to_string(t.shape()));
}

// Rows of activations, for a backend that takes bfloat16 beside float32.
inline void expect_rows(const char* op, const char* what, const Tensor& t) {
  if (!t.empty() && t.shape().size() == 2 && (t.dtype() == DType::float32 || t.dtype() == DType::bfloat16))
    return;
  base::check_argument(false, "[", op, "] expected ", what, " to be a matrix of float32 or bfloat16, got ",
                       name_of(t.dtype()), " ", to_string(t.shape()));
}
inline void expect_rows(const char* op, const char* what, const Tensor& t, Sizes shape) {
  expect(op, what, t, shape, t.dtype() == DType::bfloat16 ? DType::bfloat16 : DType::float32);
}
inline void expect_rows(const char* op, const char* what, const Tensor& t, const Shape& shape) {
  expect(op, what, t, shape, t.dtype() == DType::bfloat16 ? DType::bfloat16 : DType::float32);
}
inline void expect_like(const char* op, const char* what, const Tensor& t, const Tensor& like) {
  expect(op, what, t, like.shape(), like.dtype());
}

inline void expect_dense(const char* op, const char* what, const Tensor& t) {
  if (!t.empty() && t.dtype() == DType::float32 && t.contiguous()) return;
  base::check_argument(false, "[", op, "] expected ", what, " to be contiguous float32, got ",
                       name_of(t.dtype()), " ", to_string(t.shape()));
}

inline void expect_pair(const char* op, const LoraValues& values) {
  base::check_argument(values.lora != nullptr, "[", op, "] expected a packed adapter, got none");
  expect_dense(op, "a", values.a);
  expect_dense(op, "b", values.b);
}

inline void expect_updates(const char* op, std::span<const ClippedUpdate> updates, const Tensor& norms) {
  for (const ClippedUpdate& u : updates) {
    expect_dense(op, "parameter", u.parameter);
    const Shape flat = {u.parameter.numel()};
    expect(op, "parameter", u.parameter, flat);
    expect(op, "gradient", u.gradient, flat);
    expect(op, "m", u.m, flat);
    expect(op, "v", u.v, flat);
    base::check_argument(u.decayed >= 0 && u.decayed <= flat[0], "[", op, "] expected decayed in [0, ",
                         flat[0], "], got ", u.decayed);
    base::check_argument(u.max_grad_norm >= 0, "[", op, "] expected max_grad_norm >= 0, got ",
                         u.max_grad_norm);
    base::check_argument(u.options.step >= 1, "[", op, "] expected step >= 1, got ", u.options.step);
    base::check_argument(u.options.gradient_scale == 1, "[", op, "] expected gradient_scale 1, got ",
                         u.options.gradient_scale);
  }
  expect(op, "norms", norms, {static_cast<int64_t>(updates.size())}, DType::int64);
}

inline void expect_count(const char* op, const char* what, size_t got, int64_t expected) {
  base::check_argument(static_cast<int64_t>(got) == expected, "[", op, "] expected ", expected, " ", what,
                       ", got ", got);
}

// `what` ("ids", "positions") each in [0, end).
inline void expect_below(const char* op, const char* what, std::span<const int32_t> values, int64_t end) {
  for (size_t i = 0; i < values.size(); ++i)
    base::check_argument(values[i] >= 0 && values[i] < end, "[", op, "] expected ", what, " in [0, ", end,
                         "), got ", values[i], " at row ", i);
}

// The size of one of `groups` groups of x's channels.
inline int64_t group_size(const char* op, const Tensor& x, int64_t groups, bool takes_bfloat16 = false) {
  takes_bfloat16 ? expect_rows(op, "x", x) : expect_matrix(op, "x", x);
  base::check_argument(groups > 0 && x.dim(1) % groups == 0, "[", op, "] expected groups to divide ",
                       x.dim(1), " channels, got ", groups);
  return x.dim(1) / groups;
}

// What is added to a product, if anything.
inline void expect_residual(const char* op, const LinearJob& job) {
  if (!job.residual) return;
  expect(op, "residual", *job.residual, job.y.shape());
  base::check_argument(job.y.numel() == 0 || job.residual->raw() != job.y.raw(), "[", op,
                       "] expected a residual that lies elsewhere than y, got the same memory for both");
}

inline void expect_segments(const char* op, std::span<const LoraSegment> segments, int64_t rows) {
  int64_t end = 0;
  for (const auto& s : segments) {
    base::check_argument(s.begin >= end && s.end >= s.begin && s.end <= rows, "[", op,
                         "] expected ascending segments within ", rows, " rows, got [", s.begin, ", ", s.end,
                         ")");
    end = s.end;
    base::check_argument(s.dropout >= 0 && s.dropout < 1, "[", op, "] expected dropout in [0, 1), got ",
                         s.dropout);
  }
}
inline void expect_adapter(const char* op, int64_t its_inputs, int64_t its_outputs, int64_t inputs,
                           int64_t outputs) {
  base::check_argument(its_inputs == inputs && its_outputs == outputs, "[", op, "] expected an adapter for [",
                       outputs, ", ", inputs, "], got [", its_outputs, ", ", its_inputs, "]");
}

inline int64_t largest_rank(std::span<const LoraSegment> segments) {
  int64_t rank = 0;
  for (const auto& s : segments)
    if (s.lora && s.end > s.begin && s.lora->rank() > rank) rank = s.lora->rank();
  return rank;
}

inline void expect_draw(const Tensor& logits, std::span<const Draw> draws, const Tensor& out) {
  expect_matrix("draw", "logits", logits);
  expect_count("draw", "draws, one per row", draws.size(), logits.dim(0));
  expect("draw", "out", out, {logits.dim(0), 1}, DType::int32);
  constexpr auto in = [](double x, double least, double most) { return x >= least && x <= most; };
  for (const Draw& d : draws) {
    base::check_argument(d.temperature >= 0 && d.temperature <= std::numeric_limits<float>::max() &&
                             d.top_k >= 0 && in(d.top_p, 0, 1) && d.top_p > 0 && in(d.min_p, 0, 1) &&
                             in(d.uniform, 0, 1) && d.uniform < 1,
                         "[draw] expected temperature and top_k of 0 or more, top_p in (0, 1], min_p in [0, "
                         "1] and uniform in [0, 1), got ",
                         d.temperature, ", ", d.top_k, ", ", d.top_p, ", ", d.min_p, ", ", d.uniform);
    base::check_argument(d.repetition > 0, "[draw] expected a repetition above 0, got ", d.repetition);
    for (const Penalty& p : d.penalties)
      base::check_argument(p.id >= 0 && p.id < logits.dim(1), "[draw] expected penalties of ids below ",
                           logits.dim(1), ", got ", p.id);
    if (!d.allowed.empty())
      expect_count("draw", "words of what is allowed", d.allowed.size(), mask_words(logits.dim(1)));
  }
}

inline void expect_score(const Tensor& logits, std::span<const int32_t> targets, const Tensor& out) {
  expect_matrix("score", "logits", logits);
  expect_count("score", "targets, one per row", targets.size(), logits.dim(0));
  expect_below("score", "targets", targets, logits.dim(1));
  expect("score", "out", out, {logits.dim(0), Backend::kScoreWords}, DType::int32);
}

// s [n, rank] or wider.
inline void expect_low(const char* op, const Tensor& s, int64_t n, int64_t rank, bool may_be_empty) {
  const bool fits = (may_be_empty && s.empty()) || rank == 0 ||
                    (!s.empty() && s.shape().size() == 2 && s.dim(0) == n && s.dim(1) >= rank &&
                     s.dtype() == DType::float32);
  if (fits) return;
  base::check_argument(false, "[", op, "] expected s [", n, ", ", rank, "] or more columns, got ",
                       to_string(s.shape()));
}

}  // namespace whorl::ops

#pragma once
// One harness for every backend: an op is checked by a function of (Backend&, Setting, Report&), which the
// tests run over instruction sets and types, and the planted faults run over broken backends.
#include <functional>
#include <string>
#include <vector>

#include "base/random.h"
#include "ops/backend.h"
#include "ops/reference/matrix.h"
#include "ops/tolerances.h"

namespace whorl::ops {

using reference::Complex;
using reference::Matrix;

// Collects what went wrong: which case, which element, both numbers, how near the rest were.
class Report {
 public:
  void enter(std::string name) { case_ = std::move(name); }
  void compare(const std::string& what, const Tensor& got, const std::vector<double>& want, double limit);
  void same_bits(const std::string& what, const Tensor& a, const Tensor& b);
  void expect(bool ok, const std::string& what);

  bool ok() const { return failures_ == 0; }
  int checks() const { return checks_; }
  std::string text() const;

 private:
  void fail(const std::string& text);
  std::string case_, text_;
  int failures_ = 0, checks_ = 0;
};

// A float32 output with sentinels before, behind and between its rows; filled with sentinels itself, so that
// an element nobody wrote shows too.
class Guarded {
 public:
  explicit Guarded(const Shape& shape);
  Guarded(const Shape& shape, double value) : Guarded(shape) { fill(value); }
  const Tensor& tensor() const { return tensor_; }
  void fill(double value);
  void check(Report& report, const std::string& what) const;

 private:
  Tensor memory_, tensor_;
};

// Random matrices that float32 holds exactly; bfloat16 ones where the dtype asks for it, or for all of them
// while a RoundedNumbers lives.
class RoundedNumbers {
 public:
  explicit RoundedNumbers(bool rounded) : before_(rounded_) { rounded_ = rounded; }
  ~RoundedNumbers() { rounded_ = before_; }
  RoundedNumbers(const RoundedNumbers&) = delete;
  RoundedNumbers& operator=(const RoundedNumbers&) = delete;
  static bool wanted() { return rounded_; }

 private:
  bool before_;
  static inline bool rounded_ = false;
};
class Random {
 public:
  explicit Random(uint64_t seed) : key_(base::derive(seed, 77)) {}
  Matrix<double> matrix(int64_t rows, int64_t columns, double deviation = 1, DType dtype = DType::float32);
  int64_t below(int64_t n) {
    return static_cast<int64_t>(base::below(key_, index_++, static_cast<uint64_t>(n)));
  }

 private:
  uint64_t key_, index_ = 0;
};

Tensor to_tensor(const Matrix<double>& m, DType dtype = DType::float32);
// As float32 inside a wider buffer, so that row_stride > columns.
Tensor to_slice(const Matrix<double>& m);
std::vector<double> to_doubles(const Tensor& t);

// d scalar / d at[i] by complex step, for up to `samples` elements of `at` spread evenly.
struct Derivative {
  std::vector<size_t> index;
  std::vector<double> value;
};
Derivative differentiate(const Matrix<double>& at,
                         const std::function<Complex(const Matrix<Complex>&)>& scalar, size_t samples = 24);
// got = before + derivative, at the sampled elements.
void compare_gradient(Report& report, const std::string& what, const Tensor& got, const Derivative& want,
                      double limit, double before = 0);

// sum of dy * y, the scalar whose gradient a backward pass with dy computes.
template <class Values>
Complex dot(const Matrix<double>& dy, const Values& y) {
  Complex sum = 0;
  for (size_t i = 0; i < dy.data.size(); ++i) sum += dy.data[i] * y[i];
  return sum;
}

struct Setting {
  DType weights = DType::float32;
  bool rounds = false;  // the backend multiplies pairs of bfloat16: it rounds the other operand
  // Attention of bfloat16 precision rounds weights and gradients of scores, whatever other products do.
  bool attention_rounds = rounds;
  // Adapters beside such a base, likewise.
  bool adapters_round = rounds;
  // Activations are rounded wherever they are written.
  bool activations_round = false;
  Tolerance attention() const {
    if (activations_round) return kNarrow;
    return attention_rounds && weights == DType::bfloat16 ? kRounded : exact();
  }
  // Where all operands of the products are numbers that `weights` holds, and where they are not.
  Tolerance exact() const { return activations_round ? kNarrow : tolerance(weights); }
  Tolerance limit() const {
    return activations_round ? kNarrow : rounds && weights == DType::bfloat16 ? kRounded : exact();
  }
  Tolerance adapters() const {
    return activations_round ? kNarrow : adapters_round && weights == DType::bfloat16 ? kRounded : exact();
  }
  // Widened whole numbers are multiplied as bfloat16 wherever that is fast.
  Tolerance widened() const { return activations_round ? kNarrow : rounds ? kRounded : exact(); }
};

// The checks, one per op and its backward pass (cases_*.cc).
using Check = void (*)(Backend&, const Setting&, Report&);
void check_linear(Backend&, const Setting&, Report&);
void check_quantised(Backend&, const Setting&, Report&);
void check_quantised_codes(Backend&, const Setting&, Report&);
void check_fp8(Backend&, const Setting&, Report&);
void check_fp8_rows_alone(Backend&, const Setting&, Report&);
void check_linear_weight_gradient(Backend&, const Setting&, Report&);
void check_embedding(Backend&, const Setting&, Report&);
void check_packing(Backend&, const Setting&, Report&);
void check_parts(Backend&, const Setting&, Report&);
void check_late(Backend&, const Setting&, Report&);
void check_memory(Backend&, const Setting&, Report&);
void check_rms_norm(Backend&, const Setting&, Report&);
void check_rope(Backend&, const Setting&, Report&);
void check_swiglu(Backend&, const Setting&, Report&);
void check_add(Backend&, const Setting&, Report&);
void check_attention(Backend&, const Setting&, Report&);
void check_attention_paged(Backend&, const Setting&, Report&);
void check_cross_entropy(Backend&, const Setting&, Report&);
void check_loss_not_finite(Backend&, const Setting&, Report&);
void check_draw(Backend&, const Setting&, Report&);
void check_score(Backend&, const Setting&, Report&);
void check_optimizer(Backend&, const Setting&, Report&);
void check_clipped_adamw(Backend&, const Setting&, Report&);
void check_repack_loras(Backend&, const Setting&, Report&);
void check_repack_many(Backend&, const Setting&, Report&);
// Bits: alone and in a batch (cases_invariance.cc).
void check_rows_alone(Backend&, const Setting&, Report&);
void check_segments_alone(Backend&, const Setting&, Report&);
void check_chunked_attention(Backend&, const Setting&, Report&);
// The same of adapters of several products at once (cases_adapters.cc).
void check_adapters_at_once(Backend&, const Setting&, Report&);
void check_adapter_rows_alone(Backend&, const Setting&, Report&);
// What a backend may do in passing (cases_together.cc).
void check_residual(Backend&, const Setting&, Report&);
void check_norm_linears(Backend&, const Setting&, Report&);
void check_swiglu_linears(Backend&, const Setting&, Report&);
void check_ropes(Backend&, const Setting&, Report&);
void check_rope_attention_paged(Backend&, const Setting&, Report&);
// Their gradients, all of each, over numbers that no rounding changes (cases_adapter_gradients.cc).
void check_adapter_gradients(Backend&, const Setting&, Report&);
void check_adapter_gradients_alone(Backend&, const Setting&, Report&);

struct NamedCheck {
  const char* name;
  Check run;
};
std::vector<NamedCheck> all_checks();

}  // namespace whorl::ops

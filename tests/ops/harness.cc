#include "ops/harness.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <sstream>

namespace whorl::ops {

namespace {
constexpr uint32_t kSentinel = 0x7fc0dead;  // a quiet NaN nobody computes
float sentinel() {
  float value;
  std::memcpy(&value, &kSentinel, 4);
  return value;
}
uint32_t bits_of(float x) {
  uint32_t bits;
  std::memcpy(&bits, &x, 4);
  return bits;
}
int64_t columns_of(const Tensor& t) {
  return t.shape().size() == 1 ? t.dim(0) : t.numel() / std::max<int64_t>(1, t.dim(0));
}
float at(const Tensor& t, int64_t i) {
  const int64_t columns = columns_of(t), stride = t.shape().size() == 1 ? columns : t.row_stride();
  return t.data<float>()[i / columns * stride + i % columns];
}
double rms(const std::vector<double>& values) {
  double squares = 0;
  for (double v : values) squares += v * v;
  return values.empty() ? 0 : std::sqrt(squares / static_cast<double>(values.size()));
}
}  // namespace

void Report::fail(const std::string& text) {
  if (++failures_ <= 8) text_ += "  " + case_ + ": " + text + "\n";
}

std::string Report::text() const {
  return text_ + (failures_ > 8 ? "  and " + std::to_string(failures_ - 8) + " more\n" : "");
}

void Report::expect(bool ok, const std::string& what) {
  ++checks_;
  if (!ok) fail(what);
}

void Report::compare(const std::string& what, const Tensor& got, const std::vector<double>& want,
                     double limit) {
  ++checks_;
  if (got.numel() != static_cast<int64_t>(want.size())) return fail(what + ": wrong size");
  if (want.empty()) return;
  const double scale = rms(want);
  std::vector<double> share;  // error as a share of the limit
  for (size_t i = 0; i < want.size(); ++i) {
    const double error = std::abs(static_cast<double>(at(got, static_cast<int64_t>(i))) - want[i]);
    const double ratio = error == 0 ? 0 : error / (limit * (std::abs(want[i]) + scale));
    share.push_back(std::isnan(ratio) ? 1e30 : ratio);
  }
  const size_t worst = static_cast<size_t>(std::max_element(share.begin(), share.end()) - share.begin());
  if (share[worst] <= 1) return;
  const auto over = std::count_if(share.begin(), share.end(), [](double s) { return s > 1; });
  auto sorted = share;
  std::sort(sorted.begin(), sorted.end());
  std::ostringstream out;
  out.precision(9);
  out << what << "[" << worst << "] expected " << want[worst] << ", got "
      << at(got, static_cast<int64_t>(worst)) << " (" << share[worst] << " of the limit); " << over << " of "
      << want.size() << " beyond it, median at " << sorted[sorted.size() / 2];
  fail(out.str());
}

void Report::same_bits(const std::string& what, const Tensor& a, const Tensor& b) {
  ++checks_;
  if (a.shape() != b.shape())
    return fail(what + ": shapes " + to_string(a.shape()) + " and " + to_string(b.shape()));
  int64_t differ = 0, first = -1;
  for (int64_t i = 0; i < a.numel(); ++i)
    if (bits_of(at(a, i)) != bits_of(at(b, i))) {
      if (first < 0) first = i;
      ++differ;
    }
  if (differ == 0) return;
  std::ostringstream out;
  out.precision(9);
  out << what << "[" << first << "] differs in bits: " << at(a, first) << " and " << at(b, first) << "; "
      << differ << " of " << a.numel() << " differ";
  fail(out.str());
}

Guarded::Guarded(const Shape& shape) {
  const bool flat = shape.size() == 1;
  const int64_t rows = flat ? 1 : shape[0], columns = flat ? shape[0] : shape[1];
  // Of an odd number of rows such that four neighbours may be loaded together, if their number allows it.
  memory_ = Tensor::zeros(DType::float32, {rows + 2, columns + (rows % 2 ? 20 : 21)});
  std::fill_n(memory_.data<float>(), memory_.numel(), sentinel());
  tensor_ = memory_.rows(1, rows + 1).columns(4, 4 + columns);
  if (flat) tensor_ = Tensor::view(DType::float32, shape, tensor_.raw(), nullptr);
}

void Guarded::fill(double value) {
  for (int64_t r = 0; r < memory_.dim(0) - 2; ++r)
    std::fill_n(memory_.data<float>() + (r + 1) * memory_.dim(1) + 4, columns_of(tensor_),
                static_cast<float>(value));
}

void Guarded::check(Report& report, const std::string& what) const {
  int64_t overwritten = 0;
  for (int64_t r = 0; r < memory_.dim(0); ++r)
    for (int64_t c = 0; c < memory_.dim(1); ++c) {
      const bool inside = r > 0 && r < memory_.dim(0) - 1 && c >= 4 && c < 4 + columns_of(tensor_);
      if (!inside && bits_of(memory_.data<float>()[r * memory_.dim(1) + c]) != kSentinel) ++overwritten;
    }
  report.expect(overwritten == 0,
                what + ": " + std::to_string(overwritten) + " sentinels outside it were overwritten");
}

Matrix<double> Random::matrix(int64_t rows, int64_t columns, double deviation, DType dtype) {
  Matrix<double> m(rows, columns);
  for (double& x : m.data) {
    const float value = static_cast<float>(deviation * base::normal(key_, index_++));
    x = static_cast<double>(
        dtype == DType::bfloat16 || RoundedNumbers::wanted() ? bf16_to_float(float_to_bf16(value)) : value);
  }
  return m;
}

Tensor to_tensor(const Matrix<double>& m, DType dtype) {
  Tensor t = Tensor::zeros(dtype, {m.rows, m.columns});
  for (size_t i = 0; i < m.data.size(); ++i) {
    if (dtype == DType::bfloat16)
      t.data<uint16_t>()[i] = float_to_bf16(static_cast<float>(m.data[i]));
    else
      t.data<float>()[i] = static_cast<float>(m.data[i]);
  }
  return t;
}

Tensor to_slice(const Matrix<double>& m) {
  const int64_t before = m.rows % 2 ? 4 : 5;  // as of Guarded
  Tensor t =
      Tensor::zeros(DType::float32, {m.rows, m.columns + before + 4}).columns(before, before + m.columns);
  for (int64_t i = 0; i < m.rows; ++i)
    for (int64_t j = 0; j < m.columns; ++j)
      t.data<float>()[i * t.row_stride() + j] = static_cast<float>(m(i, j));
  return t;
}

std::vector<double> to_doubles(const Tensor& t) {
  std::vector<double> out;
  for (int64_t i = 0; i < t.numel(); ++i) out.push_back(static_cast<double>(at(t, i)));
  return out;
}

Derivative differentiate(const Matrix<double>& at,
                         const std::function<Complex(const Matrix<Complex>&)>& scalar, size_t samples) {
  constexpr double kStep = 1e-30;
  Derivative d;
  Matrix<Complex> x(at);
  const size_t n = at.data.size(), count = std::min(n, samples);
  for (size_t i = 0; i < count; ++i) {
    const size_t index = count == n ? i : i * (n - 1) / (count - 1);
    x.data[index] += Complex(0, kStep);
    d.index.push_back(index);
    d.value.push_back(scalar(x).imag() / kStep);
    x.data[index] = at.data[index];
  }
  return d;
}

void compare_gradient(Report& report, const std::string& what, const Tensor& got, const Derivative& want,
                      double limit, double before) {
  Tensor picked = Tensor::zeros(DType::float32, {static_cast<int64_t>(want.index.size())});
  std::vector<double> expected;
  for (size_t i = 0; i < want.index.size(); ++i) {
    picked.data<float>()[i] = at(got, static_cast<int64_t>(want.index[i]));
    expected.push_back(before + want.value[i]);
  }
  report.compare(what, picked, expected, limit);
}

std::vector<NamedCheck> all_checks() {
  return {{"memory", check_memory},
          {"packing", check_packing},
          {"parts", check_parts},
          {"late", check_late},
          {"embedding", check_embedding},
          {"linear", check_linear},
          {"quantised", check_quantised},
          {"quantised_codes", check_quantised_codes},
          {"fp8", check_fp8},
          {"fp8_rows_alone", check_fp8_rows_alone},
          {"linear_weight_gradient", check_linear_weight_gradient},
          {"rms_norm", check_rms_norm},
          {"rope", check_rope},
          {"swiglu", check_swiglu},
          {"add", check_add},
          {"attention", check_attention},
          {"attention_paged", check_attention_paged},
          {"cross_entropy", check_cross_entropy},
          {"loss_not_finite", check_loss_not_finite},
          {"draw", check_draw},
          {"score", check_score},
          {"optimizer", check_optimizer},
          {"clipped_adamw", check_clipped_adamw},
          {"repack_loras", check_repack_loras},
          {"repack_many", check_repack_many},
          {"rows_alone", check_rows_alone},
          {"segments_alone", check_segments_alone},
          {"chunked_attention", check_chunked_attention},
          {"adapters_at_once", check_adapters_at_once},
          {"adapter_rows_alone", check_adapter_rows_alone},
          {"residual", check_residual},
          {"norm_linears", check_norm_linears},
          {"swiglu_linears", check_swiglu_linears},
          {"ropes", check_ropes},
          {"rope_attention_paged", check_rope_attention_paged},
          {"adapter_gradients", check_adapter_gradients},
          {"adapter_gradients_alone", check_adapter_gradients_alone}};
}

}  // namespace whorl::ops

// Weights of FP8 E4M3: what they stand for, products with rows rounded as the contract says, gradients, rows
// alone, adapters on top, rows that are no numbers. A backend that has none of it says so.
#include <cmath>
#include <limits>

#include "ops/harness.h"
#include "ops/reference/linear.h"

namespace whorl::ops {

namespace {
using Part = reference::LoraPart<double>;

// THE RULE, in double. To the nearest number of four bits from 2^-6 on, of 2^-9 below; ties to even.
double e4m3(double x) {
  const double size = std::min(std::abs(x), 448.0);
  const double step = std::ldexp(1, std::max(size > 0 ? std::ilogb(size) : -6, -6) - 3);
  return std::copysign(std::min(std::nearbyint(size / step) * step, 448.0), x);
}
// The smallest power of two that brings the row to 448 or less, as if none were below 2^-100.
double scale_of(const Matrix<double>& m, int64_t row) {
  double most = 0x1p-100, scale = 0x1p-120;
  for (int64_t i = 0; i < m.columns; ++i) most = std::max(most, std::abs(m(row, i)));
  while (448 * scale < most) scale *= 2;
  return scale;
}
Matrix<double> codes_of(const Matrix<double>& m) {
  Matrix<double> out = m;
  for (int64_t r = 0; r < m.rows; ++r)
    for (int64_t i = 0; i < m.columns; ++i) out(r, i) = e4m3(m(r, i) / scale_of(m, r));
  return out;
}
Matrix<double> rounded(const Matrix<double>& m) {
  Matrix<double> out = codes_of(m);
  for (int64_t r = 0; r < m.rows; ++r)
    for (int64_t i = 0; i < m.columns; ++i) out(r, i) *= scale_of(m, r);
  return out;
}
// dy w: the scales of w's rows go into dy, which is rounded row by row; w's codes are multiplied.
Matrix<double> gradient(const Matrix<double>& dy, const Matrix<double>& w) {
  Matrix<double> scaled = dy, dx(dy.rows, w.columns);
  for (int64_t o = 0; o < w.rows; ++o)
    for (int64_t r = 0; r < dy.rows; ++r) scaled(r, o) *= scale_of(w, o);
  const auto left = rounded(scaled), right = codes_of(w);
  for (int64_t r = 0; r < dy.rows; ++r)
    for (int64_t o = 0; o < w.rows; ++o)
      for (int64_t i = 0; i < w.columns; ++i) dx(r, i) += left(r, o) * right(o, i);
  return dx;
}

// Rows and columns of very different sizes: one scale for several of them would lose the small ones.
Matrix<double> uneven(Random& random, int64_t rows, int64_t columns, DType dtype) {
  Matrix<double> out = random.matrix(rows, columns, 0.3, dtype);
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t i = 0; i < columns; ++i) out(r, i) *= std::ldexp(1, static_cast<int>(r * 5 % 23 - 11));
  return out;
}
std::vector<double> plus(std::vector<double> x, const std::vector<double>& y) {
  for (size_t i = 0; i < x.size(); ++i) x[i] += y[i];
  return x;
}

// Each row against its own size, and with `outputs` each column over the scale of that row of theirs: an
// error must not hide behind larger numbers.
void compare_rows(Report& report, const std::string& what, const Tensor& got, std::vector<double> want,
                  double limit, const Matrix<double>* outputs = nullptr) {
  const int64_t width = got.dim(1);
  for (int64_t r = 0; r < got.dim(0); ++r) {
    Matrix<double> row(1, width);
    row.data = to_doubles(got.rows(r, r + 1));
    const auto begin = want.begin() + r * width;
    for (int64_t i = 0; outputs && i < width; ++i) {
      row(0, i) /= scale_of(*outputs, i);
      begin[i] /= scale_of(*outputs, i);
    }
    report.compare(what + " of row " + std::to_string(r), to_tensor(row), {begin, begin + width}, limit);
  }
}

// Where results go: among sentinels, rows at odd steps; or `even`, as NVIDIA's library takes results of FP8.
class Output {
 public:
  Output(const Shape& shape, bool even, double value = 0) : guarded_(shape, value) {
    if (even) even_ = Tensor::zeros(DType::float32, shape);
    for (int64_t i = 0; even && i < even_.numel(); ++i) even_.data<float>()[i] = static_cast<float>(value);
  }
  const Tensor& tensor() const { return even_.empty() ? guarded_.tensor() : even_; }
  void check(Report& report, const std::string& what) const { guarded_.check(report, what); }

 private:
  Guarded guarded_;
  Tensor even_;
};

struct Case {
  Matrix<double> w, x, dy, bias, residual;
  Weight packed;

  Case(Backend& backend, const Setting& setting, int64_t n, int64_t k, int64_t o) {
    Random random(static_cast<uint64_t>(n * k + o));
    w = uneven(random, o, k, setting.weights), x = uneven(random, n, k, DType::float32);
    dy = uneven(random, n, o, DType::float32), bias = random.matrix(1, o);
    residual = random.matrix(n, o);
    packed = backend.pack_quantized(to_tensor(w, setting.weights), Quantize::fp8);
  }
};

void check_weight(Backend& backend, const Case& its, Report& report) {
  const PackedWeight& w = *its.packed;
  report.expect(w.outputs() == its.w.rows && w.inputs() == its.w.columns && w.quantize() == Quantize::fp8 &&
                    w.dtype() == DType::bfloat16,
                "shape");
  report.expect(to_doubles(backend.unpack(w)) == rounded(its.w).data, "the weight stands for other numbers");
  const auto last = static_cast<int32_t>(its.w.rows - 1);
  Guarded row({1, its.w.columns}), alone({1, its.w.columns});
  backend.embedding(std::vector<int32_t>{last}, w, row.tensor());
  report.same_bits("a row of the table", row.tensor(), backend.unpack(w).rows(last, last + 1));
  const Tensor part = Tensor::zeros(DType::float32, {1, its.w.columns});
  backend.unpack_rows(w, last, part);
  report.same_bits("a row unpacked", part, backend.unpack(w).rows(last, last + 1));
}

void check_forward(Backend& backend, const Setting& setting, const Case& its, bool even, Report& report) {
  const auto x = to_slice(its.x);
  const auto product = reference::linear(rounded(its.x), rounded(its.w), {}, {}).data;
  const auto with_bias = reference::linear(rounded(its.x), rounded(its.w), its.bias, {}).data;
  const Tensor none, bias = to_tensor(its.bias).reshape({its.w.rows}), residual = to_slice(its.residual);
  const Shape shape = {its.x.rows, its.w.rows};
  Output plain(shape, even), biased(shape, even), onto(shape, even), both(shape, even);
  const std::vector<LinearJob> jobs = {{*its.packed, none, {}, none, plain.tensor()},
                                       {*its.packed, bias, {}, none, biased.tensor()},
                                       {*its.packed, none, {}, none, onto.tensor(), &residual},
                                       {*its.packed, bias, {}, none, both.tensor(), &residual}};
  backend.linears(x, jobs);
  const double limit = setting.exact().forward;
  compare_rows(report, "y", plain.tensor(), product, limit, &its.w);
  report.compare("y with a bias", biased.tensor(), with_bias, limit);
  report.compare("y with a residual", onto.tensor(), plus(product, its.residual.data), limit);
  report.compare("y with both", both.tensor(), plus(with_bias, its.residual.data), limit);
  for (const Output* one : {&plain, &biased, &onto, &both}) one->check(report, "y");
}

void check_backward(Backend& backend, const Setting& setting, const Case& its, bool even, Report& report) {
  const auto want = gradient(its.dy, its.w).data;
  const Shape shape = {its.x.rows, its.w.columns};
  Output in_passing(shape, even), kept(shape, even), added(shape, even, 0.5);
  const auto back = [&](const Output& dx, bool accumulate) {
    backend.linear_backward(to_slice(its.dy), to_slice(its.x), *its.packed, {}, Tensor(), {}, dx.tensor(),
                            accumulate);
  };
  const size_t before = its.packed->nbytes();
  back(in_passing, false);
  backend.prepare_backward(*its.packed);
  const size_t more = backend.gradient_layout_bytes(*its.packed);
  report.expect(its.packed->nbytes() == before + more,
                "the layout for gradients takes " + std::to_string(its.packed->nbytes() - before) +
                    " bytes, " + std::to_string(more) + " were foreseen");
  backend.prepare_backward(*its.packed);
  report.expect(its.packed->nbytes() == before + more, "a second layout for gradients");
  back(kept, false), back(added, true);
  const double limit = setting.exact().gradient;
  compare_rows(report, "dx", in_passing.tensor(), want, limit);
  report.same_bits("dx with its layout kept", in_passing.tensor(), kept.tensor());
  report.compare("dx accumulated", added.tensor(), plus(want, std::vector<double>(want.size(), 0.5)), limit);
  for (const Output* one : {&in_passing, &kept, &added}) one->check(report, "dx");
}

// Adapters beside such a base see rows as they are.
void check_adapters(Backend& backend, const Setting& setting, const Case& its, Report& report) {
  const int64_t n = its.x.rows, k = its.w.columns, o = its.w.rows, rank = 4;
  const Tolerance limit = setting.adapters_round ? kRounded : setting.exact();
  Random random(9);
  Part part{0, n, random.matrix(rank, k, 0.3), random.matrix(o, rank, 0.3), 0.5};
  const Lora lora = backend.pack_lora(to_tensor(part.a), to_tensor(part.b), 0.5f, its.packed->dtype());
  const LoraSegment all{0, n, lora.get()};
  Guarded y({n, o}), s({n, rank}), dx({n, k});
  backend.linear(to_slice(its.x), *its.packed, Tensor(), {&all, 1}, s.tensor(), y.tensor());
  const auto base = reference::linear(rounded(its.x), rounded(its.w), {}, {}).data;
  const Matrix<double> nothing(o, k);
  compare_rows(report, "y with an adapter", y.tensor(),
               plus(base, reference::linear(its.x, nothing, {}, {part}).data), limit.forward);
  backend.linear_backward(to_slice(its.dy), to_slice(its.x), *its.packed, {&all, 1}, s.tensor(), {},
                          dx.tensor(), false);
  auto want = gradient(its.dy, its.w);
  for (int64_t r = 0; r < n; ++r)
    for (int64_t j = 0; j < rank; ++j) {
      double ds = 0;
      for (int64_t i = 0; i < o; ++i) ds += 0.5 * its.dy(r, i) * part.b(i, j);
      for (int64_t i = 0; i < k; ++i) want(r, i) += ds * part.a(j, i);
    }
  compare_rows(report, "dx with an adapter", dx.tensor(), want.data, limit.gradient);
}

// NaN, infinity, zeros, the least and the largest numbers: each in a row of its own.
void check_odd_rows(Backend& backend, const Setting& setting, Report& report) {
  report.enter("fp8, odd rows");
  Random random(3);
  const int64_t k = 40, o = 32;
  const auto w = random.matrix(o, k, 0.3, setting.weights);
  const Weight packed = backend.pack_quantized(to_tensor(w, setting.weights), Quantize::fp8);
  Matrix<double> x = random.matrix(6, k), y(6, o);
  for (int64_t i = 0; i < k; ++i) x(1, i) = 0, x(2, i) *= 0x1p-110, x(3, i) *= 0x1p100;
  x(4, 7) = std::numeric_limits<double>::quiet_NaN(), x(5, 9) = -std::numeric_limits<double>::infinity();
  Guarded got({6, o});
  backend.linear(to_slice(x), *packed, Tensor(), {}, Tensor(), got.tensor());
  Matrix<double> sound(4, k);
  std::copy_n(x.data.begin(), sound.data.size(), sound.data.begin());
  compare_rows(report, "y", got.tensor().rows(0, 4),
               reference::linear(rounded(sound), rounded(w), {}, {}).data, setting.exact().forward);
  bool lost = false;
  for (int64_t r = 4; r < 6; ++r)
    for (int64_t i = 0; i < o; ++i)
      lost |= std::isfinite(got.tensor().data<float>()[r * got.tensor().row_stride() + i]);
  report.expect(!lost, "a row with NaN or infinity became numbers");
}

bool refuses(Backend& backend) {
  try {
    backend.pack_quantized(Tensor::zeros(DType::float32, {16, 32}), Quantize::fp8);
  } catch (const std::invalid_argument& error) {
    return std::string(error.what()).find("fp8") != std::string::npos;
  }
  return false;
}
}  // namespace

void check_fp8(Backend& backend, const Setting& setting, Report& report) {
  report.enter("fp8");
  if (!backend.takes_fp8()) return report.expect(refuses(backend), "fp8 was not refused");
  for (const auto& [n, k, o] : {std::array<int64_t, 3>{1, 32, 16},
                                {2, 33, 17},
                                {7, 95, 48},
                                {16, 128, 65},
                                {50, 70, 32},
                                {67, 160, 144},
                                {20, 272, 80}}) {
    report.enter("fp8 " + to_string({n, k, o}));
    for (const bool even : {false, true}) {
      const Case its(backend, setting, n, k, o);
      check_weight(backend, its, report);
      check_forward(backend, setting, its, even, report);
      check_backward(backend, setting, its, even, report);
    }
    const Case its(backend, setting, n, k, o);
    check_adapters(backend, setting, its, report);
  }
  check_odd_rows(backend, setting, report);
}

// The bits of a row do not depend on the batch.
void check_fp8_rows_alone(Backend& backend, const Setting& setting, Report& report) {
  report.enter("fp8, rows alone");
  if (!backend.takes_fp8()) return report.expect(refuses(backend), "fp8 was not refused");
  Random random(5);
  for (const int64_t k : {160, 100}) {
    const int64_t n = 70, o = 80;
    const auto w = random.matrix(o, k, 0.3, setting.weights);
    const Tensor x = to_tensor(uneven(random, n, k, DType::float32)),
                 dy = to_tensor(uneven(random, n, o, DType::float32));
    const Weight packed = backend.pack_quantized(to_tensor(w, setting.weights), Quantize::fp8);
    const auto both = [&](int64_t begin, int64_t end) {
      const Tensor y = Tensor::zeros(DType::float32, {end - begin, o}),
                   dx = Tensor::zeros(DType::float32, {end - begin, k});
      backend.linear(x.rows(begin, end), *packed, Tensor(), {}, Tensor(), y);
      backend.linear_backward(dy.rows(begin, end), x.rows(begin, end), *packed, {}, Tensor(), {}, dx, false);
      return std::pair(y, dx);
    };
    const auto all = both(0, n);
    for (const auto& [begin, end] : {std::pair<int64_t, int64_t>{0, 1}, {30, 39}, {5, 69}}) {
      const auto part = both(begin, end);
      report.same_bits("y", part.first, all.first.rows(begin, end));
      report.same_bits("dx", part.second, all.second.rows(begin, end));
    }
  }
}

}  // namespace whorl::ops

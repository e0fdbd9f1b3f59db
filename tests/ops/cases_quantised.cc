// Weights of whole numbers: what they stand for, products with rows rounded as the contract says, gradients,
// rows alone, adapters on top, the table and the loss.
#include <cmath>

#include "ops/harness.h"
#include "ops/quantised_group.h"
#include "ops/reference/linear.h"

namespace whorl::ops {

namespace {
constexpr int64_t kGroup = 32;

// Each group of a row as int8 codes times one scale, in float32 as a kernel does it.
Matrix<double> rounded_rows(const Matrix<double>& x) {
  Matrix<double> out = x;
  for (int64_t r = 0; r < x.rows; ++r)
    for (int64_t g = 0; g < x.columns; g += kGroup) {
      const int64_t end = std::min(x.columns, g + kGroup);
      float most = 0;
      for (int64_t i = g; i < end; ++i) most = std::max(most, std::abs(static_cast<float>(x(r, i))));
      const float inverse = most > 0 ? 127.0f / most : 0.0f, scale = most / 127.0f;
      for (int64_t i = g; i < end; ++i)
        out(r, i) = static_cast<double>(std::nearbyint(static_cast<float>(x(r, i)) * inverse)) *
                    static_cast<double>(scale);
    }
  return out;
}

Matrix<double> unpacked(Backend& backend, const PackedWeight& w) {
  Matrix<double> out(w.outputs(), w.inputs());
  out.data = to_doubles(backend.unpack(w));
  return out;
}

double rms(const Matrix<double>& m) {
  double sum = 0;
  for (double v : m.data) sum += v * v;
  return std::sqrt(sum / static_cast<double>(m.data.size()));
}

void check_numbers(const Matrix<double>& w, const Matrix<double>& stands_for, Quantize quantize,
                   Report& report) {
  double error = 0, most = 0;
  for (size_t i = 0; i < w.data.size(); ++i)
    error = std::max(error, std::abs(w.data[i] - stands_for.data[i])),
    most = std::max(most, std::abs(w.data[i]));
  // Half a step, and what the scale's own rounding moves.
  report.expect(error <= most / (quantize == Quantize::int8 ? 250 : 7),
                "a weight moved by " + std::to_string(error));
  Matrix<double> difference = w;
  for (size_t i = 0; i < w.data.size(); ++i) difference.data[i] -= stands_for.data[i];
  report.expect(rms(difference) <= rms(w) * (quantize == Quantize::int8 ? 0.008 : 0.11),
                "weights moved by " + std::to_string(rms(difference) / rms(w)) + " of their size");
}

// Products, gradients and a row of the table of a packed weight against the numbers that it stands for.
void check_ops(Backend& backend, const Setting& setting, const PackedWeight& packed, int64_t n,
               Report& report) {
  const int64_t k = packed.inputs(), o = packed.outputs();
  Random random(static_cast<uint64_t>(n * k + 1));
  const auto stands_for = unpacked(backend, packed);
  const auto x = random.matrix(n, k), dy = random.matrix(n, o, 1, DType::bfloat16),
             bias = random.matrix(1, o);
  Guarded y({n, o}), dx({n, k}), added({n, k}, 0.5), rows({1, k});
  backend.linear(to_slice(x), packed, to_tensor(bias).reshape({o}), {}, Tensor(), y.tensor());
  report.compare("y", y.tensor(), reference::linear(rounded_rows(x), stands_for, bias, {}).data,
                 setting.exact().forward);
  backend.linear_backward(to_slice(dy), to_slice(x), packed, {}, Tensor(), {}, dx.tensor(), false);
  backend.linear_backward(to_slice(dy), to_slice(x), packed, {}, Tensor(), {}, added.tensor(), true);
  Matrix<double> want(n, k), want_added(n, k);
  for (int64_t r = 0; r < n; ++r)
    for (int64_t i = 0; i < k; ++i) {
      for (int64_t j = 0; j < o; ++j) want(r, i) += dy(r, j) * stands_for(j, i);
      want_added(r, i) = want(r, i) + 0.5;
    }
  report.compare("dx", dx.tensor(), want.data, setting.widened().gradient);
  report.compare("dx accumulated", added.tensor(), want_added.data, setting.widened().gradient);
  const std::vector<int32_t> last = {static_cast<int32_t>(o - 1)};
  backend.embedding(last, packed, rows.tensor());
  report.same_bits("a row of the table", rows.tensor(), backend.unpack(packed).rows(o - 1, o));
  y.check(report, "y"), dx.check(report, "dx"), added.check(report, "dx accumulated"),
      rows.check(report, "row");
}

void check_products(Backend& backend, const Setting& setting, int64_t n, int64_t k, int64_t o,
                    Quantize quantize, Report& report) {
  Random random(static_cast<uint64_t>(n * k));
  const auto w = random.matrix(o, k, 0.3, setting.weights);
  const Weight packed = backend.pack_quantized(to_tensor(w, setting.weights), quantize);
  report.expect(packed->outputs() == o && packed->inputs() == k && packed->quantize() == quantize, "shape");
  check_numbers(w, unpacked(backend, *packed), quantize, report);
  check_ops(backend, setting, *packed, n, report);
}

// Any codes, the least and the largest among them, scales of both signs and zero.
QuantizedMatrix random_codes(Random& random, int64_t k, int64_t o, Quantize quantize, bool minima) {
  const int64_t groups = (k + kGroup - 1) / kGroup;
  QuantizedMatrix w{quantize, k,
                    Tensor::zeros(DType::uint8, {o, quantize == Quantize::int8 ? k : (k + 1) / 2}),
                    Tensor::zeros(DType::float16, {o, groups}), Tensor()};
  if (minima) w.minima = Tensor::zeros(DType::float16, {o, groups});
  for (int64_t i = 0; i < w.codes.numel(); ++i)
    w.codes.data<uint8_t>()[i] = static_cast<uint8_t>(i % 7 == 0 ? 0x80 : random.below(256));
  const auto half = [&] {  // 2^-6 to 2^-2, either sign
    return static_cast<uint16_t>(random.below(2) << 15 | (9 + random.below(4)) << 10 | random.below(1024));
  };
  for (int64_t i = 0; i < o * groups; ++i) {
    w.scales.data<uint16_t>()[i] = i % 11 == 3 ? uint16_t{0} : half();
    if (minima) w.minima.data<uint16_t>()[i] = half();
  }
  return w;
}

Matrix<double> stand_for(const QuantizedMatrix& w) {
  Matrix<double> out(w.codes.dim(0), w.inputs);
  for (int64_t r = 0; r < out.rows; ++r)
    for (int64_t k = 0; k < w.inputs; ++k) {
      const uint8_t* row = w.codes.data<uint8_t>() + r * w.codes.dim(1);
      const int64_t at = r * w.scales.dim(1) + k / kGroup;
      const int nibble = k % 2 ? row[k / 2] / 16 : row[k / 2] % 16;
      const int code = w.quantize == Quantize::int8 ? static_cast<int8_t>(row[k])
                       : w.minima.empty()           ? nibble - 8
                                                    : nibble;
      const float minimum = w.minima.empty() ? 0.0f : half_to_float(w.minima.data<uint16_t>()[at]);
      out(r, k) = static_cast<double>(
          half_to_float(w.scales.data<uint16_t>()[at]) * static_cast<float>(code) - minimum);
    }
  return out;
}

// The same codes read row by row; and rows of a packed weight one part at a time.
void check_rows(Backend& backend, const QuantizedMatrix& codes, const PackedWeight& packed, Report& report) {
  const Weight read = backend.pack_quantized(rows_of(codes));
  const Tensor all = backend.unpack(packed);
  report.same_bits("codes row by row", backend.unpack(*read), all);
  const int64_t o = all.dim(0);
  for (const auto& [begin, end] : {std::pair<int64_t, int64_t>{0, 1}, {o / 2, o}}) {
    const Tensor part = Tensor::zeros(all.dtype(), {end - begin, all.dim(1)});
    backend.unpack_rows(packed, begin, part);
    report.same_bits("rows alone", part, all.rows(begin, end));
  }
}

// Adapters on top, and rows alone: the bits of a row do not depend on the batch.
void check_alone(Backend& backend, const Setting& setting, Quantize quantize, Report& report) {
  Random random(5);
  const int64_t n = 132, k = 700, o = 70;  // long and many enough for every way that kernels cut them
  const auto w = random.matrix(o, k, 0.3, setting.weights);
  const Tensor x = to_tensor(random.matrix(n, k)), dy = to_tensor(random.matrix(n, o));
  const Weight packed = backend.pack_quantized(to_tensor(w, setting.weights), quantize);
  const Lora lora = backend.pack_lora(to_tensor(random.matrix(4, k)), to_tensor(random.matrix(o, 4)), 0.5f,
                                      packed->dtype());
  const auto both = [&](int64_t begin, int64_t end, std::span<const LoraSegment> segments) {
    const Tensor y = Tensor::zeros(DType::float32, {end - begin, o}),
                 s = Tensor::zeros(DType::float32, {end - begin, 4});
    const Tensor dx = Tensor::zeros(DType::float32, {end - begin, k});
    backend.linear(x.rows(begin, end), *packed, Tensor(), segments, s, y);
    backend.linear_backward(dy.rows(begin, end), x.rows(begin, end), *packed, segments, s, {}, dx, false);
    return std::pair(y, dx);
  };
  const std::vector<LoraSegment> some = {{10, 30, lora.get(), 0.25f, 3}, {130, 132, lora.get()}};
  const auto [y, dx] = both(0, n, some);
  for (const auto& [begin, end] : {std::pair<int64_t, int64_t>{0, 1}, {30, 39}, {31, 59}, {50, 129}}) {
    const auto alone = both(begin, end, {});
    report.same_bits("y without an adapter", alone.first, y.rows(begin, end));
    report.same_bits("dx without an adapter", alone.second, dx.rows(begin, end));
  }
  const LoraSegment whole = {0, 20, lora.get(), 0.25f, 3};
  const auto alone = both(10, 30, std::span(&whole, 1));
  report.same_bits("y of a segment", alone.first, y.rows(10, 30));
  report.same_bits("dx of a segment", alone.second, dx.rows(10, 30));
}
}  // namespace

void check_quantised(Backend& backend, const Setting& setting, Report& report) {
  for (const Quantize quantize : {Quantize::int8, Quantize::int4}) {
    const std::string name = quantize == Quantize::int8 ? "int8" : "int4";
    for (const auto& [n, k, o] : {std::array<int64_t, 3>{1, 32, 16},
                                  {1, 64, 130},
                                  {2, 33, 17},
                                  {7, 95, 40},
                                  {16, 128, 65},
                                  {50, 70, 33},
                                  {211, 160, 18}}) {
      report.enter("quantised " + name + " " + to_string({n, k, o}));
      check_products(backend, setting, n, k, o, quantize, report);
    }
    report.enter("quantised " + name + ", rows alone");
    check_alone(backend, setting, quantize, report);
  }
  report.enter("quantised, numbers on the grid");
  Matrix<double> grid(3, 64);
  for (size_t i = 0; i < grid.data.size(); ++i)
    grid.data[i] = (i % kGroup == 0 ? -8.0 : static_cast<double>(i % 15) - 7) * 0.125;
  report.expect(unpacked(backend, *backend.pack_quantized(to_tensor(grid), Quantize::int4)).data == grid.data,
                "int4 changed what it can hold");
  for (size_t i = 0; i < grid.data.size(); i += kGroup) grid.data[i] = -127 * 0.125;
  report.expect(unpacked(backend, *backend.pack_quantized(to_tensor(grid), Quantize::int8)).data == grid.data,
                "int8 changed what it can hold");
}

namespace {
// Weights of every kind over the same rows: a backend may round the rows once for those of one kind.
void check_kinds_at_once(Backend& backend, Report& report) {
  for (const int64_t n : {1, 3, 16, 47, 48, 49}) {
    report.enter("weights of several kinds at once, " + std::to_string(n) + " rows");
    Random random(21);
    const int64_t k = 700, o = 98;  // from 24 rows on threads share the rounding
    const Tensor x = to_tensor(random.matrix(n, k)), none;
    std::vector<Weight> weights;
    std::vector<Tensor> results;
    std::vector<LinearJob> jobs;
    for (const auto& [quantize, minima] : std::vector<std::pair<Quantize, bool>>{{Quantize::int4, false},
                                                                                 {Quantize::int8, false},
                                                                                 {Quantize::int4, true},
                                                                                 {Quantize::int8, false},
                                                                                 {Quantize::int4, false},
                                                                                 {Quantize::int4, true}})
      weights.push_back(backend.pack_quantized(random_codes(random, k, o, quantize, minima)));
    weights.push_back(backend.pack(to_tensor(random.matrix(o, k)), false));
    for (size_t i = 0; i < weights.size(); ++i) results.push_back(Tensor::zeros(DType::float32, {n, o}));
    for (size_t i = 0; i < weights.size(); ++i) jobs.push_back({*weights[i], none, {}, none, results[i]});
    backend.linears(x, jobs);
    for (size_t i = 0; i < weights.size(); ++i) {
      const Tensor alone = Tensor::zeros(DType::float32, {n, o});
      backend.linear(x, *weights[i], none, {}, none, alone);
      report.same_bits("y of weight " + std::to_string(i), results[i], alone);
    }
  }
}
}  // namespace

void check_quantised_codes(Backend& backend, const Setting& setting, Report& report) {
  struct Kind {
    const char* name;
    Quantize quantize;
    bool minima;
  };
  for (const Kind& kind : {Kind{"int8", Quantize::int8, false}, Kind{"int4", Quantize::int4, false},
                           Kind{"int4 with minima", Quantize::int4, true}})
    for (const auto& [n, k, o] : {std::array<int64_t, 3>{1, 64, 130},
                                  {2, 33, 17},
                                  {9, 95, 40},
                                  {16, 128, 65},
                                  {31, 256, 64},
                                  {61, 70, 33},
                                  {90, 300, 139}}) {
      report.enter(std::string("codes as they are, ") + kind.name + " " + to_string({n, k, o}));
      Random random(static_cast<uint64_t>(k * o));
      const QuantizedMatrix codes = random_codes(random, k, o, kind.quantize, kind.minima);
      const Weight packed = backend.pack_quantized(codes);
      report.expect(packed->outputs() == o && packed->inputs() == k && packed->quantize() == kind.quantize,
                    "shape");
      report.expect(unpacked(backend, *packed).data == stand_for(codes).data,
                    "the codes stand for other numbers");
      check_ops(backend, setting, *packed, n, report);
      check_rows(backend, codes, *packed, report);
    }
  check_kinds_at_once(backend, report);
}

}  // namespace whorl::ops

// Packed weights taken apart and put together again over other memory: the same numbers, the same bits of
// every product; what does not fit is refused.
#include <cstring>

#include "ops/harness.h"
#include "ops/quantised_group.h"

namespace whorl::ops {

namespace {
// The same bytes, beginning `crooked` elements behind a line of the cache.
Tensor elsewhere(const Tensor& part, int64_t crooked) {
  const Tensor room = Tensor::zeros(part.dtype(), {part.numel() + crooked});
  const Tensor copy = room.rows(crooked, room.dim(0)).reshape(part.shape());
  std::memcpy(copy.raw(), part.raw(), part.nbytes());
  return copy;
}

bool same_bytes(const Tensor& a, const Tensor& b) {
  return a.shape() == b.shape() && a.dtype() == b.dtype() && std::memcmp(a.raw(), b.raw(), a.nbytes()) == 0;
}

bool refuses(const std::function<void()>& call) {
  try {
    call();
  } catch (const std::invalid_argument&) {
    return true;
  }
  return false;
}

// Products of either, forward and backward.
void check_same_ops(Backend& backend, PackedWeight& a, PackedWeight& b, Report& report) {
  Random random(5);
  for (const int64_t n : {1, 3, 19}) {
    const Tensor x = to_tensor(random.matrix(n, a.inputs())), dy = to_tensor(random.matrix(n, a.outputs()));
    std::vector<Tensor> y, dx;
    for (PackedWeight* w : {&a, &b}) {
      backend.prepare_backward(*w);
      y.push_back(Tensor::zeros(DType::float32, {n, a.outputs()}));
      dx.push_back(Tensor::zeros(DType::float32, {n, a.inputs()}));
      backend.linear(x, *w, Tensor(), {}, Tensor(), y.back());
      backend.linear_backward(dy, Tensor(), *w, {}, Tensor(), {}, dx.back(), false);
    }
    report.same_bits("y of " + std::to_string(n) + " rows", y[1], y[0]);
    report.same_bits("dx of " + std::to_string(n) + " rows", dx[1], dx[0]);
  }
}

void check_again(Backend& backend, const Weight& weight, Report& report) {
  const WeightParts parts = backend.parts(*weight);
  for (const int64_t crooked : {0, 1}) {
    WeightParts moved = parts;
    for (auto& [name, tensor] : moved.tensors) tensor = elsewhere(tensor, crooked);
    const Weight again = backend.from_parts(moved);
    report.expect(again->outputs() == weight->outputs() && again->inputs() == weight->inputs() &&
                      again->dtype() == weight->dtype() && again->quantize() == weight->quantize(),
                  "shape and type");
    report.expect(same_bytes(backend.unpack(*again), backend.unpack(*weight)), "other numbers");
    check_same_ops(backend, *weight, *again, report);
    report.expect(refuses([&] { backend.repack(*again, backend.unpack(*weight)); }),
                  "wrote into memory that is not its own");
  }
  WeightParts wrong = parts;
  wrong.outputs += 16;
  report.expect(refuses([&] { backend.from_parts(wrong); }), "took too few panels");
  wrong = {parts.outputs, parts.inputs, {}};
  report.expect(refuses([&] { backend.from_parts(wrong); }), "took no parts");
  for (const auto& [name, tensor] : parts.tensors) {
    wrong = parts;
    wrong.tensors[name] = Tensor::zeros(DType::int64, tensor.shape());
    report.expect(refuses([&] { backend.from_parts(wrong); }), "took numbers of another kind as " + name);
  }
}
}  // namespace

void check_parts(Backend& backend, const Setting& setting, Report& report) {
  if (backend.weight_layout().empty()) {
    report.enter("parts of a backend without a layout");
    const Weight weight = backend.pack(to_tensor(Matrix<double>(5, 7), setting.weights), false);
    report.expect(refuses([&] { backend.parts(*weight); }) && refuses([&] { backend.from_parts({}); }),
                  "gives parts without naming their layout");
    return;
  }
  for (const auto& [o, k] : {std::pair<int64_t, int64_t>{1, 1}, {17, 33}, {130, 61}, {64, 96}}) {
    Random random(static_cast<uint64_t>(k * o));
    const Tensor w = to_tensor(random.matrix(o, k, 1, setting.weights), setting.weights);
    report.enter("parts " + to_string({o, k}));
    check_again(backend, backend.pack(w, false), report);
    for (const Quantize quantize : {Quantize::int8, Quantize::int4}) {
      report.enter("parts of whole numbers " + to_string({o, k}));
      check_again(backend, backend.pack_quantized(w, quantize), report);
    }
    report.enter("parts with minima " + to_string({o, k}));
    QuantizedRows rows = rounded_rows(w, Quantize::int4);
    const auto read = rows.read;
    rows.minima = true;
    rows.read = [&](int64_t row, const QuantizedRow& to) {
      read(row, {to.codes, to.scales, nullptr});
      for (int64_t g = 0; g < (k + 31) / 32; ++g)
        to.minima[g] = float_to_half(0.25f * static_cast<float>(g + row));
    };
    check_again(backend, backend.pack_quantized(rows), report);
  }
}

}  // namespace whorl::ops

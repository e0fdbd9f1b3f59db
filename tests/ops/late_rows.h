#pragma once
// A weight of any kind, packed at once and packed later: what late ones are compared with.
#include <atomic>
#include <cstring>

#include "ops/harness.h"
#include "ops/quantised_group.h"

namespace whorl::ops {

struct LateKind {
  const char* name;
  Quantize quantize;
  bool minima;
};
inline constexpr LateKind kLateKinds[] = {{"whole", Quantize::none, false},
                                          {"int8", Quantize::int8, false},
                                          {"int4", Quantize::int4, false},
                                          {"int4 with minima", Quantize::int4, true}};

// Rows of a matrix [o, k]. What is packed from them later reads a copy that is overwritten when it has been
// laid out: whoever reads on sees numbers that are none, or codes of others.
class LateSource {
 public:
  LateSource(const LateKind& kind, DType dtype, int64_t o, int64_t k) : kind_(kind) {
    Random random(static_cast<uint64_t>(o * k + 3));
    whole_ = to_tensor(random.matrix(o, k, 0.3, dtype), dtype);
  }
  Weight at_once(Backend& backend) const {
    return kind_.quantize == Quantize::none ? backend.pack(whole_, false)
                                            : backend.pack_quantized(codes(whole_));
  }
  Weight later(Backend& backend) {
    const Tensor copy = Tensor::zeros(whole_.dtype(), whole_.shape());
    std::memcpy(copy.raw(), whole_.raw(), whole_.nbytes());
    const auto laid_out = [copy, this] {
      ++laid_out_;
      std::memset(copy.raw(), 0xff, copy.nbytes());
    };
    return kind_.quantize == Quantize::none ? backend.pack_later(copy, laid_out)
                                            : backend.pack_quantized_later(codes(copy), laid_out);
  }
  int laid_out() const { return laid_out_; }

 private:
  QuantizedRows codes(const Tensor& rows) const {
    QuantizedRows out = rounded_rows(rows, kind_.quantize);
    if (!kind_.minima) return out;
    out.minima = true;
    out.read = [read = out.read, k = rows.dim(1)](int64_t row, const QuantizedRow& to) {
      read(row, {to.codes, to.scales, nullptr});
      for (int64_t g = 0; g < (k + 31) / 32; ++g)
        to.minima[g] = float_to_half(0.01f * static_cast<float>((g + row) % 50));
    };
    return out;
  }

  LateKind kind_;
  Tensor whole_;
  std::atomic<int> laid_out_{0};
};

}  // namespace whorl::ops

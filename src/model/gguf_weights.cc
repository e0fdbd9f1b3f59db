#include "model/gguf_weights.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "base/thread_pool.h"
#include "model/value_hash.h"

namespace whorl::model {

namespace {

using tensor::GgufType;

ops::Quantize kind_of(GgufType type) {
  if (type == GgufType::q8_0) return ops::Quantize::int8;
  return tensor::has_codes(type) ? ops::Quantize::int4 : ops::Quantize::none;
}

// Rows of a matrix in the order of the checkpoint; the file outlives them.
struct Rows {
  tensor::Gguf file;
  tensor::GgufTensor info;
  const uint8_t* blocks;
  ModelConfig config;
  TensorSpec spec;
  bool moved = gguf_moves_rows(config, spec);  // asked once, not for each row

  int64_t width() const { return info.shape.back(); }
  const uint8_t* at(int64_t row, int64_t column) const {
    const int64_t index = (moved ? gguf_row(config, spec, row) : row) * width() + column;
    return blocks + index / tensor::block_size(info.type) * tensor::bytes_per_block(info.type);
  }
};

[[noreturn]] void refuse_values(const Rows& rows, const std::string& context) {
  base::invalid(context, ": tensor '", rows.info.name, "' has values that are NaN or infinite");
}

// Numbers of Q8_0, Q4_0 and Q4_1 are finite where their scales and minima are.
ops::QuantizedRows codes_of(std::shared_ptr<const Rows> rows, const std::string& context) {
  const int64_t inputs = rows->width();
  return {kind_of(rows->info.type), rows->info.shape.front(), inputs, tensor::has_minima(rows->info.type),
          [=](int64_t row, const ops::QuantizedRow& to) {
            tensor::copy_codes(rows->info.type, rows->at(row, 0), inputs, {to.codes, to.scales, to.minima});
            int full = 0;
            for (int64_t i = 0; i < inputs / 32; ++i)
              full += (to.scales[i] & 0x7c00) == 0x7c00 || (to.minima && (to.minima[i] & 0x7c00) == 0x7c00);
            if (full > 0) refuse_values(*rows, context);
          }};
}

// The same for the whole matrix, of codes that are read late; in whatever order it lies.
void check_scales(const Rows& rows, const std::string& context) {
  constexpr int64_t kPart = 1 << 14;  // numbers, a multiple of every block
  const int64_t all = rows.info.shape.front() * rows.width();
  const int64_t block = tensor::block_size(rows.info.type), bytes = tensor::bytes_per_block(rows.info.type);
  base::ThreadPool::shared()->run((all + kPart - 1) / kPart, [&](int64_t part) {
    const int64_t begin = part * kPart, n = std::min(all - begin, kPart);
    if (!tensor::scales_are_finite(rows.info.type, rows.blocks + begin / block * bytes, n))
      refuse_values(rows, context);
  });
}

// Over the numbers in the file, as if they had been widened: an adapter belongs to either.
std::string digest_of(const Rows& rows) {
  const int64_t width = rows.width();
  return value_digest(*base::ThreadPool::shared(), rows.info.shape.front() * width,
                      [&](int64_t begin, int64_t end, float* to) {
                        while (begin < end) {
                          const int64_t column = begin % width, n = std::min(end - begin, width - column);
                          tensor::widen_blocks(rows.info.type, rows.at(begin / width, column), n, to);
                          begin += n, to += n;
                        }
                      });
}

// The scales of Q4_K are products, and float_to_half has no infinity: what came of too large a one shows in
// the widened numbers alone.
void refuse_not_finite(const Rows& rows, const std::string& context) {
  const int64_t width = rows.width();
  base::ThreadPool::shared()->run(rows.info.shape.front(), [&](int64_t row) {
    const Tensor wide = Tensor::zeros(DType::float32, {width});
    tensor::widen_blocks(rows.info.type, rows.at(row, 0), width, wide.data<float>());
    const float* x = wide.data<float>();
    if (!std::all_of(x, x + width, [](float v) { return std::abs(v) <= 1e30f; }))
      refuse_values(rows, context);
  });
}

}  // namespace

StoredMatrix read_gguf_matrix(const tensor::Gguf& file, const ModelConfig& config, const TensorSpec& spec,
                              const std::string& quantize, const std::string& context) {
  const std::string name = gguf_tensor_name(spec);
  const auto rows =
      std::make_shared<const Rows>(Rows{file, file.info(name), file.blocks(name), config, spec});
  const bool keep = quantize == "auto";
  const ops::Quantize asked = keep ? ops::Quantize::none : quantize_named(quantize, context);
  const ops::Quantize kind = kind_of(rows->info.type);
  if (kind == ops::Quantize::none || !(keep || kind == asked))
    return {{}, {}, keep && tensor::block_size(rows->info.type) > 1 ? ops::Quantize::int8 : asked};
  StoredMatrix stored{codes_of(rows, context), {}, kind, [=] { check_scales(*rows, context); }};
  if (rows->info.type == GgufType::q4_k) {
    refuse_not_finite(*rows, context);
    stored.check = [] {};
    stored.digest = [rows] { return digest_of(*rows); };
  }
  return stored;
}

}  // namespace whorl::model

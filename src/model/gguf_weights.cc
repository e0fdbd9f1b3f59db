#include "model/gguf_weights.h"

#include <algorithm>

#include "base/check.h"
#include "base/thread_pool.h"
#include "model/value_hash.h"

namespace whorl::model {

namespace {

using tensor::GgufType;

ops::Quantize kind_of(GgufType type) {
  if (type == GgufType::q8_0) return ops::Quantize::int8;
  return type == GgufType::q4_0 || type == GgufType::q4_k ? ops::Quantize::int4 : ops::Quantize::none;
}

// Rows of a matrix in the order of the checkpoint.
struct Rows {
  const tensor::GgufTensor& info;
  const uint8_t* blocks;
  const ModelConfig& config;
  const TensorSpec& spec;

  int64_t width() const { return info.shape.back(); }
  const uint8_t* at(int64_t row, int64_t column) const {
    const int64_t index = gguf_row(config, spec, row) * width() + column;
    return blocks + index / tensor::block_size(info.type) * tensor::bytes_per_block(info.type);
  }
};

ops::QuantizedMatrix codes_of(const Rows& rows) {
  const ops::Quantize kind = kind_of(rows.info.type);
  const int64_t outputs = rows.info.shape.front(), inputs = rows.width(), groups = inputs / 32;
  const int64_t bytes = kind == ops::Quantize::int8 ? inputs : inputs / 2;
  ops::QuantizedMatrix out{kind, inputs, Tensor::zeros(DType::uint8, {outputs, bytes}),
                           Tensor::zeros(DType::float16, {outputs, groups}), Tensor()};
  const bool minima = rows.info.type == GgufType::q4_k;
  if (minima) out.minima = Tensor::zeros(DType::float16, {outputs, groups});
  base::ThreadPool::shared()->run(outputs, [&](int64_t row) {
    tensor::copy_codes(rows.info.type, rows.at(row, 0), inputs,
                       {out.codes.data<uint8_t>() + row * bytes, out.scales.data<uint16_t>() + row * groups,
                        minima ? out.minima.data<uint16_t>() + row * groups : nullptr});
  });
  return out;
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

// float_to_half has no infinity: what came of too large a product shows in the widened numbers alone.
void refuse_not_finite(const Rows& rows, const std::string& context) {
  const int64_t width = rows.width();
  base::ThreadPool::shared()->run(rows.info.shape.front(), [&](int64_t row) {
    const Tensor wide = Tensor::zeros(DType::float32, {width});
    tensor::widen_blocks(rows.info.type, rows.at(row, 0), width, wide.data<float>());
    const float* x = wide.data<float>();
    base::check_argument(std::all_of(x, x + width, [](float v) { return std::abs(v) <= 1e30f; }), context,
                         ": tensor '", rows.info.name, "' has values that are NaN or infinite");
  });
}

}  // namespace

StoredMatrix read_gguf_matrix(const tensor::Gguf& file, const ModelConfig& config, const TensorSpec& spec,
                              const std::string& quantize, const std::string& context) {
  const std::string name = gguf_tensor_name(spec);
  const Rows rows{file.info(name), file.blocks(name), config, spec};
  const bool keep = quantize == "auto";
  const ops::Quantize asked = keep ? ops::Quantize::none : quantize_named(quantize, context);
  const ops::Quantize kind = kind_of(rows.info.type);
  if (kind == ops::Quantize::none || !(keep || kind == asked))
    return {{}, {}, keep && rows.info.type == GgufType::q6_k ? ops::Quantize::int8 : asked};
  refuse_not_finite(rows, context);
  return {codes_of(rows), digest_of(rows), kind};
}

}  // namespace whorl::model

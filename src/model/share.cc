#include "model/share.h"

#include <cstring>
#include <map>

#include "base/check.h"
#include "ops/quantised_group.h"

namespace whorl::model {

namespace {

struct Range {
  int64_t begin = 0, end = 0;
  int64_t size() const { return end - begin; }
};

Range range_of(const Share& share, int64_t whole) {
  const int64_t each = whole / share.size;
  return {share.rank * each, (share.rank + 1) * each};
}

// Contiguous, of its own.
Tensor columns_of(const Tensor& x, const Range& range) {
  Tensor out = Tensor::zeros(x.dtype(), {x.dim(0), range.size()});
  const size_t width = static_cast<size_t>(x.dim(1)) * size_of(x.dtype()),
               part = static_cast<size_t>(range.size()) * size_of(x.dtype()),
               first = static_cast<size_t>(range.begin) * size_of(x.dtype());
  for (int64_t row = 0; row < x.dim(0); ++row)
    std::memcpy(static_cast<char*>(out.raw()) + static_cast<size_t>(row) * part,
                static_cast<const char*>(x.raw()) + static_cast<size_t>(row) * width + first, part);
  return out;
}

void check_divides(int64_t what, const char* name, int size, const std::string& context) {
  base::check_argument(what % size == 0, context, " tensor_parallel_size ", size,
                       " cannot share this model: ", name, " ", what, " is no multiple of it");
}

// A matrix whose inputs fill no groups is never rounded, and can be cut anywhere.
void check_groups(int64_t inputs, const char* name, int size, const std::string& context) {
  constexpr int64_t kGroup = ops::kQuantisedGroup;
  const bool fills = inputs % kGroup == 0;
  base::check_argument(!fills || inputs / size % kGroup == 0, context, " tensor_parallel_size ", size,
                       " cannot share this model in whole numbers: ", kGroup,
                       " inputs share a scale, and each rank would have ", inputs / size, " of ", name,
                       "; use a smaller size, or quantize 'none'");
}

std::map<std::string, TensorSpec> specs_by_name(const ModelConfig& config) {
  std::map<std::string, TensorSpec> out;
  for (TensorSpec& spec : tensor_specs(config)) out.emplace(spec.name, spec);
  return out;
}

size_t bytes_of_codes(ops::Quantize quantize, int64_t n) {
  return static_cast<size_t>(quantize == ops::Quantize::int8 ? n : (n + 1) / 2);
}

// Rows of the whole, of which the columns are kept.
ops::QuantizedRows columns_of(const ops::QuantizedRows& whole, const Range& range) {
  ops::QuantizedRows out = whole;
  out.inputs = range.size();
  out.read = [whole, range](int64_t row, const ops::QuantizedRow& to) {
    constexpr int64_t kGroup = ops::kQuantisedGroup;
    const auto groups = static_cast<size_t>((whole.inputs + kGroup - 1) / kGroup),
               first = static_cast<size_t>(range.begin / kGroup),
               count = static_cast<size_t>(range.size() / kGroup);
    thread_local std::vector<uint8_t> codes;
    thread_local std::vector<uint16_t> scales, minima;
    codes.resize(bytes_of_codes(whole.quantize, whole.inputs));
    scales.resize(groups), minima.resize(groups);
    whole.read(row, {codes.data(), scales.data(), to.minima ? minima.data() : nullptr});
    std::memcpy(to.codes, codes.data() + bytes_of_codes(whole.quantize, range.begin),
                bytes_of_codes(whole.quantize, range.size()));
    std::copy_n(scales.begin() + static_cast<std::ptrdiff_t>(first), count, to.scales);
    if (to.minima) std::copy_n(minima.begin() + static_cast<std::ptrdiff_t>(first), count, to.minima);
  };
  return out;
}

}  // namespace

Cut cut_of(int linear) {
  if (linear < 0) return Cut::none;
  return linear == kOutput || linear == kDown ? Cut::inputs : Cut::outputs;
}

void check_share(const ModelConfig& config, int size, bool rounded, const std::string& context) {
  check_divides(config.num_attention_heads, "num_attention_heads", size, context);
  check_divides(config.num_key_value_heads, "num_key_value_heads", size, context);
  check_divides(config.intermediate_size, "intermediate_size", size, context);
  if (!rounded) return;
  check_groups(linear_shape(config, kOutput)[1], "o_proj", size, context);
  check_groups(linear_shape(config, kDown)[1], "down_proj", size, context);
}

ModelConfig config_of(const Share& share, ModelConfig whole) {
  whole.num_attention_heads /= share.size;
  whole.num_key_value_heads /= share.size;
  whole.intermediate_size /= share.size;
  return whole;
}

Tensor part_of(const Share& share, const TensorSpec& whole, const Tensor& x) {
  const Cut cut = cut_of(whole.linear);
  if (share.whole() || cut == Cut::none) return x;
  if (whole.kind == TensorKind::bias && cut == Cut::inputs)
    return share.rank == 0 ? x : Tensor::zeros(x.dtype(), x.shape());
  if (cut == Cut::inputs) return columns_of(x, range_of(share, x.dim(1)));
  const Range range = range_of(share, x.dim(0));
  return x.rows(range.begin, range.end);
}

ops::QuantizedRows part_of(const Share& share, const TensorSpec& whole, const ops::QuantizedRows& rows,
                           const std::string& context) {
  const Cut cut = cut_of(whole.linear);
  if (share.whole() || cut == Cut::none) return rows;
  if (cut == Cut::inputs) {
    check_groups(rows.inputs, whole.name.c_str(), share.size, context);
    return columns_of(rows, range_of(share, rows.inputs));
  }
  const Range range = range_of(share, rows.outputs);
  ops::QuantizedRows out = rows;
  out.outputs = range.size();
  out.read = [read = rows.read, range](int64_t row, const ops::QuantizedRow& to) {
    read(range.begin + row, to);
  };
  return out;
}

TensorSource part_of(const Share& share, const ModelConfig& whole, const TensorSource& source) {
  if (share.whole()) return source;
  return [share, source, specs = specs_by_name(whole)](const TensorSpec& spec) {
    const TensorSpec& all = specs.at(spec.name);
    return part_of(share, all, source(all));
  };
}

StoredSource part_of(const Share& share, const ModelConfig& whole, const StoredSource& source,
                     const std::string& context) {
  if (share.whole() || !source) return source;
  return [share, source, context, specs = specs_by_name(whole)](const TensorSpec& spec) {
    const TensorSpec& all = specs.at(spec.name);
    StoredMatrix stored = source(all);
    if (stored.codes.read) stored.codes = part_of(share, all, stored.codes, context);
    return stored;
  };
}

LoraPair part_of(const Share& share, int linear, const LoraPair& whole) {
  if (share.whole()) return whole;
  if (cut_of(linear) == Cut::inputs) return {columns_of(whole.a, range_of(share, whole.a.dim(1))), whole.b};
  const Range range = range_of(share, whole.b.dim(0));
  return {whole.a, whole.b.rows(range.begin, range.end)};
}

}  // namespace whorl::model

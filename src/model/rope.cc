#include "model/rope.h"

#include <algorithm>
#include <cmath>

namespace whorl::model {

namespace {

// "The Llama 3 Herd of Models", section 3.4.3, as Hugging Face's config fields spell it: long wavelengths are
// divided by `factor`, short ones kept, those between blended.
float llama3_frequency(float frequency, const RopeScaling& s) {
  const auto original = static_cast<float>(s.original_max_position_embeddings);
  const auto low = static_cast<float>(s.low_freq_factor), high = static_cast<float>(s.high_freq_factor);
  const float wavelength = static_cast<float>(2 * M_PI) / frequency;
  const float slow = frequency / static_cast<float>(s.factor);
  if (wavelength > original / low) return slow;
  if (wavelength < original / high) return frequency;
  const float smooth = (original / wavelength - low) / (high - low);
  return (1 - smooth) * slow + smooth * frequency;
}

}  // namespace

Tensor rope_frequencies(const ModelConfig& config) {
  const RopeScaling scaling = parse_rope_scaling(config.rope_scaling, "[Model]");
  const int64_t half = config.head_dim / 2;
  Tensor out = Tensor::zeros(DType::float32, {half});
  for (int64_t i = 0; i < half; ++i) {
    const float exponent = static_cast<float>(2 * i) / static_cast<float>(config.head_dim);
    float frequency = 1.0f / static_cast<float>(std::pow(config.rope_theta, static_cast<double>(exponent)));
    if (scaling.kind == RopeScaling::Kind::linear) frequency /= static_cast<float>(scaling.factor);
    if (scaling.kind == RopeScaling::Kind::llama3) frequency = llama3_frequency(frequency, scaling);
    out.data<float>()[i] = frequency;
  }
  return out;
}

Tensor rope_table(const ModelConfig& config, int64_t positions) {
  const Tensor frequencies = rope_frequencies(config);
  const int64_t half = config.head_dim / 2;
  Tensor out = Tensor::zeros(DType::float32, {positions, 2 * half});
  for (int64_t p = 0; p < positions; ++p) {
    float* row = out.data<float>() + p * 2 * half;
    for (int64_t i = 0; i < half; ++i) {
      const float angle = static_cast<float>(p) * frequencies.data<float>()[i];
      row[i] = static_cast<float>(std::cos(static_cast<double>(angle)));
      row[half + i] = static_cast<float>(std::sin(static_cast<double>(angle)));
    }
  }
  return out;
}

int64_t rope_positions(const ModelConfig& config, int64_t positions) {
  int64_t size = 512;
  while (size < positions) size *= 2;
  return std::min(size, config.max_position_embeddings);
}

}  // namespace whorl::model

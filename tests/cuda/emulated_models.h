#pragma once
// Small models and adapters on the emulated device, and what it counts.
#include <string>

#include "base/random.h"
#include "cuda/counted.h"
#include "model/model_impl.h"

namespace whorl::testing {

// Two-decimal numbers from -0.5 on.
inline Tensor numbers(Shape shape, uint64_t seed) {
  const Tensor out = Tensor::zeros(DType::float32, std::move(shape));
  for (int64_t i = 0; i < out.numel(); ++i)
    out.data<float>()[i] =
        0.01f * static_cast<float>(base::below(seed, static_cast<uint64_t>(i), 100)) - 0.5f;
  return out;
}

// Over all linears of a model.
inline model::DeviceAdapter adapter_of(const model::Transformer& t, int64_t rank, uint64_t seed = 0) {
  model::DeviceAdapter out;
  out.max_rank = rank;
  for (size_t i = 0; i < t.linear_names().size(); ++i) {
    const Shape shape = t.linear_shape(i);
    out.linears.push_back(t.backend().pack_lora(numbers({rank, shape[1]}, base::derive(seed, i)),
                                                numbers({shape[0], rank}, base::derive(seed, i + 99)), 0.5f,
                                                t.weights().layers[0].weights[0]->dtype()));
  }
  return out;
}

}  // namespace whorl::testing

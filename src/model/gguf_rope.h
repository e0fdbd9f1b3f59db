#pragma once
// How a GGUF file stretches rotary positions, as config.json would say it.
#include "base/json.h"
#include "model/gguf_keys.h"

namespace whorl::model {

inline constexpr const char* kRopeDivisors = "rope_freqs.weight";

// The field rope_scaling; null = none. `arch` is the architecture's prefix of keys. rope.scaling.type is
// "none" or "linear"; llama files may hold divisors of the frequencies instead (kRopeDivisors, float32
// [head_dim / 2]), which must be those of Llama 3's rule. Anything else is refused by name.
base::Json gguf_rope_scaling(const tensor::Gguf& file, const GgufKeys& keys, const std::string& arch,
                             int64_t head_dim);

}  // namespace whorl::model

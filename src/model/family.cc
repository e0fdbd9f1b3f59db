#include "model/family.h"

#include "base/check.h"
#include "base/file.h"

namespace whorl::model {

const std::vector<Family>& families() {
  static const std::vector<Family> table = {
      // type, architecture, biases, head norms, window; defaults: kv heads, head_dim, window, positions
      {"llama", "LlamaForCausalLM", Biases::optional_qkvo, false, false, 0, 0, 0, 2048},
      {"mistral", "MistralForCausalLM", Biases::never, false, true, 8, 0, 4096, 131072},
      {"qwen2", "Qwen2ForCausalLM", Biases::always_qkv, false, false, 32, 0, 0, 32768},
      {"qwen3", "Qwen3ForCausalLM", Biases::optional_qkvo, true, false, 32, 128, 0, 32768},
  };
  return table;
}

const Family& family_of(const std::string& model_type, const std::string& context) {
  std::string known;
  for (const Family& family : families()) {
    if (model_type == family.model_type) return family;
    known += (known.empty() ? "" : ", ") + std::string(family.model_type);
  }
  base::invalid(context, ": model_type '", base::printable(model_type), "' is not supported; there is ",
                known);
}

}  // namespace whorl::model

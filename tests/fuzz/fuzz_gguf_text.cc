// libFuzzer target: any vocabulary, merges and scores as the keys of a GGUF file. What is accepted becomes a
// tokenizer, or is refused by name.
#include <fuzzer/FuzzedDataProvider.h>

#include <stdexcept>

#include "model/gguf_tokenizer.h"

namespace {
using Strings = std::vector<std::string>;
using Metadata = std::map<std::string, whorl::tensor::GgufValue>;

// Half of the time a key is there.
template <class Make>
void sometimes(FuzzedDataProvider& in, Metadata& keys, const char* key, const Make& make) {
  if (in.ConsumeBool()) keys[std::string("tokenizer.") + key] = make();
}

Strings strings(FuzzedDataProvider& in, size_t most, size_t longest) {
  Strings out(in.ConsumeIntegralInRange<size_t>(0, most));
  for (std::string& s : out) s = in.ConsumeRandomLengthString(longest);
  return out;
}

Metadata keys_of(FuzzedDataProvider& in) {
  Metadata keys;
  keys["tokenizer.ggml.model"] = std::string(in.PickValueInArray({"llama", "gpt2", "bert", "unigram"}));
  keys["tokenizer.ggml.pre"] = std::string(
      in.PickValueInArray({"default", "gpt-2", "llama-bpe", "qwen2", "smollm", "nothing of the kind"}));
  for (const char* id : {"ggml.bos_token_id", "ggml.eos_token_id", "ggml.unknown_token_id",
                         "ggml.padding_token_id", "ggml.add_bos_token", "ggml.add_space_prefix"})
    sometimes(in, keys, id, [&] { return int64_t{in.ConsumeIntegralInRange<int>(-2, 40)}; });
  sometimes(in, keys, "chat_template", [&] { return in.ConsumeRandomLengthString(64); });
  const Strings tokens = strings(in, 40, 8);
  std::vector<int64_t> kinds(tokens.size() + (in.ConsumeBool() ? 0 : 1));
  for (int64_t& kind : kinds) kind = in.ConsumeIntegralInRange<int>(0, 7);
  std::vector<double> scores(tokens.size());
  for (double& score : scores) score = in.ConsumeFloatingPoint<double>();
  sometimes(in, keys, "ggml.tokens", [&] { return tokens; });
  sometimes(in, keys, "ggml.token_type", [&] { return kinds; });
  sometimes(in, keys, "ggml.scores", [&] { return scores; });
  sometimes(in, keys, "ggml.merges", [&] { return strings(in, 40, 10); });
  return keys;
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  FuzzedDataProvider in(data, size);
  const Metadata keys = keys_of(in);
  try {
    const whorl::model::GgufText text = whorl::model::gguf_text({keys, "[fuzz]"});
    const auto parts = whorl::model::parse_text_files(text.files, "[fuzz]");
    if (!parts.tokenizer) return 0;
    const std::string rest = in.ConsumeRemainingBytesAsString();
    (void)parts.tokenizer->decode(parts.tokenizer->encode(rest, true), false);
  } catch (const std::invalid_argument&) {
  }
  return 0;
}

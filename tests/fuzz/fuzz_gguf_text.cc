// The keys tokenizer.* of a GGUF file made of any bytes. What is accepted becomes a tokenizer that encodes
// and decodes: a tokenizer.json of this library's own making that its tokenizer refuses is a fault.
#include <fuzzer/FuzzedDataProvider.h>

#include <cstdlib>
#include <iostream>
#include <optional>

#include "model/gguf_tokenizer.h"
#include "text/tokenizer.h"

namespace {
using Metadata = std::map<std::string, whorl::tensor::GgufValue>;

constexpr const char* kModels[] = {"gpt2", "llama", "bert"};
constexpr const char* kPre[] = {"default", "gpt-2", "llama-bpe", "qwen2", "smollm", "other"};
// Pieces that tokens are often made of, beside bytes of the input.
constexpr const char* kPieces[] = {"a", "b", "ab", "\u2581", "\u0120", "<0x0A>", "<s>", "</s>", "", "\xff"};

std::string piece(FuzzedDataProvider& data) {
  std::string out;
  for (int i = data.ConsumeIntegralInRange(1, 3); i > 0; --i)
    out += data.ConsumeBool() ? data.PickValueInArray(kPieces) : data.ConsumeRandomLengthString(4);
  return out;
}

// A key that a file may lack, have, or have as another kind.
template <class Make>
void maybe(FuzzedDataProvider& data, Metadata& keys, const std::string& key, const Make& make) {
  const int choice = data.ConsumeIntegralInRange(0, 15);
  if (choice == 0) keys[key] = 0.5;
  if (choice > 1) keys[key] = make();
}

Metadata keys_of(FuzzedDataProvider& data) {
  Metadata keys;
  const std::string ggml = "tokenizer.ggml.";
  keys[ggml + "model"] = std::string(data.PickValueInArray(kModels));
  maybe(data, keys, ggml + "pre", [&] { return std::string(data.PickValueInArray(kPre)); });
  std::vector<std::string> tokens;
  for (int i = data.ConsumeIntegralInRange(0, 40); i > 0; --i) tokens.push_back(piece(data));
  const auto count = static_cast<int64_t>(tokens.size());
  const auto some = [&](int64_t low, int64_t high) {
    std::vector<int64_t> out(data.ConsumeBool() ? tokens.size() : tokens.size() / 2);
    for (int64_t& x : out) x = data.ConsumeIntegralInRange<int64_t>(low, high);
    return out;
  };
  maybe(data, keys, ggml + "tokens", [&] { return tokens; });
  maybe(data, keys, ggml + "token_type", [&] { return some(0, 8); });
  maybe(data, keys, ggml + "scores", [&] {
    std::vector<double> out;
    for (const int64_t x : some(-20, 0)) out.push_back(static_cast<double>(x) / 2);
    if (!out.empty() && data.ConsumeBool()) out[0] = data.ConsumeFloatingPoint<double>();
    return out;
  });
  maybe(data, keys, ggml + "merges", [&] {
    std::vector<std::string> out;
    for (int i = data.ConsumeIntegralInRange(0, 20); i > 0; --i)
      out.push_back(piece(data) + " " + piece(data));
    return out;
  });
  for (const char* id : {"bos", "eos", "unknown", "padding"}) {
    maybe(data, keys, ggml + id + "_token_id",
          [&] { return data.ConsumeIntegralInRange<int64_t>(-2, count + 1); });
    maybe(data, keys, ggml + "add_" + id + "_token", [&] { return data.ConsumeIntegral<int64_t>(); });
  }
  for (const char* flag : {"add_space_prefix", "remove_extra_whitespaces"})
    maybe(data, keys, ggml + flag, [&] { return data.ConsumeIntegralInRange<int64_t>(0, 1); });
  maybe(data, keys, "tokenizer.chat_template", [&] { return data.ConsumeRandomLengthString(20); });
  return keys;
}

// Only the text may be refused.
void use(const std::string& json, const std::string& text) {
  std::optional<whorl::text::Tokenizer> tokenizer;
  try {
    tokenizer = whorl::text::Tokenizer::from_json(json);
  } catch (const std::exception& error) {
    std::cerr << error.what() << "\n" << json << "\n";
    std::abort();
  }
  tokenizer->decode(tokenizer->encode(text, true), false);
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  FuzzedDataProvider data(bytes, size);
  const Metadata keys = keys_of(data);
  try {
    const whorl::model::GgufText text = whorl::model::gguf_text({keys, "[fuzz]"});
    const auto file = text.files.find("tokenizer.json");
    if ((file == text.files.end()) == text.no_tokenizer.empty()) std::abort();
    if (file != text.files.end()) use(file->second, data.ConsumeRemainingBytesAsString());
  } catch (const std::invalid_argument&) {
  }
  return 0;
}

#include "model/gguf_tokenizer.h"

#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/unicode.h"
#include "model/gguf_pre.h"
#include "model/gguf_vocabulary.h"

namespace whorl::model {

using base::concat;
using base::Json;
using base::printable;

namespace {

constexpr const char* kSpace = "\u2581";  // how SentencePiece writes a space

Json added_tokens(const GgufVocabulary& vocabulary) {
  Json out = Json::array();
  for (size_t i = 0; i < vocabulary.tokens.size(); ++i) {
    const GgufToken kind = vocabulary.kinds[i];
    const bool special = kind == GgufToken::control || kind == GgufToken::unknown;
    if (!special && kind != GgufToken::user_defined) continue;
    out.push_back({{"id", i},
                   {"content", vocabulary.tokens[i]},
                   {"single_word", false},
                   {"lstrip", false},
                   {"rstrip", false},
                   {"normalized", false},
                   {"special", special}});
  }
  return out;
}

Json model_json(const GgufVocabulary& vocabulary, const Merges& merges) {
  Json ids = Json::object(), pairs = Json::array();
  auto& entries = ids.get_ref<Json::object_t&>();
  entries.reserve(vocabulary.tokens.size());  // push_back: all differ, and a look-up for each is quadratic
  for (size_t i = 0; i < vocabulary.tokens.size(); ++i)
    static_cast<Json::object_t::Container&>(entries).emplace_back(vocabulary.tokens[i], i);
  for (const auto& [left, right] : merges) pairs.push_back(Json::array({left, right}));
  return {{"type", "BPE"},
          {"dropout", nullptr},
          {"unk_token", nullptr},
          {"continuing_subword_prefix", nullptr},
          {"end_of_word_suffix", nullptr},
          {"fuse_unk", false},
          {"byte_fallback", false},
          {"ignore_merges", false},
          {"vocab", std::move(ids)},
          {"merges", std::move(pairs)}};
}

// The tokens that open and close a text; null where there are none.
Json surroundings(const GgufKeys& keys, const GgufVocabulary& vocabulary, bool bos_by_default) {
  Json used = Json::object(), single = Json::array(), pair = Json::array();
  const auto add = [&](const char* key, int64_t id, bool by_default) {
    const std::string name = concat("tokenizer.ggml.add_", key, "_token");
    const bool said = keys.get<int64_t>(name, 0) != 0;
    if (!said && (keys.find<int64_t>(name) || !by_default || id < 0)) return Json();
    base::check_argument(id >= 0, keys.context, ": '", name, "' is true, but there is no 'tokenizer.ggml.",
                         key, "_token_id'");
    const std::string& token = vocabulary.tokens[static_cast<size_t>(id)];
    used[token] = {{"id", token}, {"ids", Json::array({id})}, {"tokens", Json::array({token})}};
    return Json(token);
  };
  const Json bos = add("bos", vocabulary.bos, bos_by_default), eos = add("eos", vocabulary.eos, false);
  if (used.empty()) return nullptr;
  for (const int type : {0, 1}) {
    const auto put = [&](const char* kind, const Json& id) {
      const Json item = {{kind, {{"id", id}, {"type_id", type}}}};
      if (type == 0) single.push_back(item);
      pair.push_back(item);
    };
    if (!bos.is_null()) put("SpecialToken", bos);
    put("Sequence", type == 0 ? "A" : "B");
    if (!eos.is_null()) put("SpecialToken", eos);
  }
  return {{"type", "TemplateProcessing"}, {"single", single}, {"pair", pair}, {"special_tokens", used}};
}

Json whole(const GgufVocabulary& vocabulary, Json model) {
  return {{"version", "1.0"},          {"truncation", nullptr},
          {"padding", nullptr},        {"added_tokens", added_tokens(vocabulary)},
          {"normalizer", nullptr},     {"pre_tokenizer", nullptr},
          {"post_processor", nullptr}, {"decoder", nullptr},
          {"model", std::move(model)}};
}

Json byte_level_json(const GgufKeys& keys, const GgufVocabulary& vocabulary, const PreTokenizer& pre) {
  Json out = whole(vocabulary, model_json(vocabulary, read_gguf_merges(keys, vocabulary)));
  out["model"]["ignore_merges"] = pre.ignore_merges;
  if (!pre.normalizer.empty()) out["normalizer"] = Json::parse(pre.normalizer);
  out["pre_tokenizer"] = Json::parse(pre.json);
  const Json bytes = {
      {"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", false}, {"use_regex", false}};
  out["decoder"] = bytes;
  const Json around = surroundings(keys, vocabulary, pre.add_bos);
  out["post_processor"] =
      around.is_null() ? bytes : Json{{"type", "Sequence"}, {"processors", Json::array({bytes, around})}};
  return out;
}

Json sentencepiece_json(const GgufKeys& keys, const GgufVocabulary& vocabulary) {
  Json out = whole(vocabulary, model_json(vocabulary, merges_of_scores(keys, vocabulary)));
  out["model"]["unk_token"] = vocabulary.tokens.at(static_cast<size_t>(vocabulary.unknown));
  out["model"]["fuse_unk"] = out["model"]["byte_fallback"] = true;
  const bool prefix = keys.get<int64_t>("tokenizer.ggml.add_space_prefix", 1) != 0;
  const Json spaces = {{"type", "Replace"}, {"pattern", {{"String", " "}}}, {"content", kSpace}};
  const Json back = {{"type", "Replace"}, {"pattern", {{"String", kSpace}}}, {"content", " "}};
  Json normalizers = Json::array(), decoders = {back, {{"type", "ByteFallback"}}, {{"type", "Fuse"}}};
  if (prefix) normalizers.push_back({{"type", "Prepend"}, {"prepend", kSpace}});
  if (prefix) decoders.push_back({{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}});
  normalizers.push_back(spaces);
  out["normalizer"] = {{"type", "Sequence"}, {"normalizers", normalizers}};
  out["decoder"] = {{"type", "Sequence"}, {"decoders", decoders}};
  out["post_processor"] = surroundings(keys, vocabulary, true);
  return out;
}

Json config_json(const GgufVocabulary& vocabulary) {
  Json out = {{"tokenizer_class", "PreTrainedTokenizerFast"}};
  const auto name = [&](const char* key, int64_t id) {
    if (id >= 0) out[key] = vocabulary.tokens[static_cast<size_t>(id)];
  };
  name("bos_token", vocabulary.bos);
  name("eos_token", vocabulary.eos);
  name("unk_token", vocabulary.unknown);
  name("pad_token", vocabulary.padding);
  return out;
}

// Empty where the tokenizer can be reproduced.
std::string what_is_missing(const GgufKeys& keys, const std::string& model) {
  if (model.empty()) return "no 'tokenizer.ggml.model'";
  if (model != "gpt2" && model != "llama")
    return concat("'tokenizer.ggml.model' is '", printable(model), "'; Whorl reads gpt2 and llama");
  const auto* pre = keys.find<std::string>("tokenizer.ggml.pre");
  if (model == "gpt2" && !pre) return "no 'tokenizer.ggml.pre': nothing says how texts are cut into words";
  if (model == "gpt2" && !find_pre_tokenizer(*pre))
    return concat("'tokenizer.ggml.pre' is '", printable(*pre), "'; Whorl reads ", pre_tokenizer_names());
  if (keys.get<int64_t>("tokenizer.ggml.remove_extra_whitespaces", 0) != 0)
    return "'tokenizer.ggml.remove_extra_whitespaces' is true, which is not done here";
  return {};
}

}  // namespace

GgufText gguf_text(const GgufKeys& keys) {
  GgufText out;
  const auto model = keys.get<std::string>("tokenizer.ggml.model", "");
  out.no_tokenizer = what_is_missing(keys, model);
  Json config = Json::object();
  if (out.no_tokenizer.empty()) {
    const GgufVocabulary vocabulary = read_gguf_vocabulary(keys, model == "llama");
    const Json json =
        model == "llama" ? sentencepiece_json(keys, vocabulary)
                         : byte_level_json(keys, vocabulary,
                                           *find_pre_tokenizer(keys.need<std::string>("tokenizer.ggml.pre")));
    out.files["tokenizer.json"] = json.dump();
    config = config_json(vocabulary);
  }
  if (const auto* source = keys.find<std::string>("tokenizer.chat_template")) {
    base::check_argument(base::to_utf8(base::code_points(*source)) == *source, keys.context,
                         ": 'tokenizer.chat_template' is not valid UTF-8");
    config["chat_template"] = *source;
  }
  if (!config.empty()) out.files["tokenizer_config.json"] = config.dump(2);
  return out;
}

}  // namespace whorl::model

#include "model/text_files.h"

#include <array>
#include <nlohmann/json.hpp>

#include "base/check.h"
#include "base/file.h"

namespace whorl::model {

using base::Json;

namespace {

constexpr std::array<const char*, 9> kNames = {"tokenizer.json",
                                               "tokenizer_config.json",
                                               "special_tokens_map.json",
                                               "added_tokens.json",
                                               "vocab.json",
                                               "merges.txt",
                                               "chat_template.jinja",
                                               "chat_template.json",
                                               "generation_config.json"};

// A special token is its text, or an object with it in "content".
void collect_special_tokens(const Json& json, std::map<std::string, std::string>& out) {
  for (const char* key :
       {"bos_token", "eos_token", "unk_token", "pad_token", "sep_token", "cls_token", "mask_token"}) {
    const auto it = json.find(key);
    if (it == json.end()) continue;
    if (it->is_string()) out[key] = it->get<std::string>();
    if (it->is_object() && it->contains("content") && it->at("content").is_string())
      out[key] = it->at("content").get<std::string>();
  }
}

// "chat_template" is the template, or a list of {name, template} of which "default" is meant.
std::string template_in(const Json& json, const std::string& context) {
  if (!base::has(json, "chat_template")) return {};
  const Json& field = json.at("chat_template");
  if (field.is_string()) return field.get<std::string>();
  if (!field.is_array())
    base::invalid(context, ": expected field 'chat_template' to be a string or a list, got ",
                  base::kind_of(field));
  for (const Json& item : field)
    if (base::string_or(item, "name", "", context) == "default")
      return base::require_string(item, "template", context);
  base::invalid(context, ": none of the chat templates is called 'default'");
}

std::string template_source(const TextFiles& files, const Json& tokenizer_config,
                            const std::string& context) {
  if (const auto it = files.find("chat_template.jinja"); it != files.end()) return it->second;
  if (const auto it = files.find("chat_template.json"); it != files.end())
    return template_in(base::parse_json(it->second, context + "/chat_template.json"),
                       context + "/chat_template.json");
  return template_in(tokenizer_config, context + "/tokenizer_config.json");
}

Json parse_or_empty(const TextFiles& files, const char* name, const std::string& context) {
  const auto it = files.find(name);
  if (it == files.end()) return Json::object();
  Json json = base::parse_json(it->second, context + "/" + name);
  base::check_argument(json.is_object(), context, "/", name, ": expected an object, got ",
                       base::kind_of(json));
  return json;
}

}  // namespace

TextFiles read_text_files(const std::string& folder, const std::string& operation) {
  TextFiles files;
  base::FileSystem& fs = *base::FileSystem::real();
  for (const char* name : kNames) {
    const std::string path = base::join(folder, name);
    if (base::exists(fs, path)) files[name] = base::read_file(fs, path, uint64_t{1} << 30, operation);
  }
  return files;
}

TextParts parse_text_files(const TextFiles& files, const std::string& context) {
  TextParts parts;
  collect_special_tokens(parse_or_empty(files, "special_tokens_map.json", context), parts.special_tokens);
  const Json config = parse_or_empty(files, "tokenizer_config.json", context);
  collect_special_tokens(config, parts.special_tokens);
  if (const auto it = files.find("tokenizer.json"); it != files.end())
    parts.tokenizer = std::make_shared<const text::Tokenizer>(text::Tokenizer::from_json(it->second));
  const std::string source = template_source(files, config, context);
  if (!source.empty()) {
    text::ChatTemplateOptions options;
    options.special_tokens = parts.special_tokens;
    parts.chat_template = std::make_shared<const text::ChatTemplate>(source, options);
  }
  return parts;
}

void apply_generation_config(const TextFiles& files, const TextParts& parts, const std::string& context,
                             ModelConfig& config) {
  const Json generation = parse_or_empty(files, "generation_config.json", context);
  const std::string where = context + "/generation_config.json";
  if (base::has(generation, "eos_token_id")) config.eos_token_ids = parse_eos(generation, where);
  if (config.bos_token_id < 0) config.bos_token_id = base::int_or(generation, "bos_token_id", -1, where);
  if (!parts.tokenizer) return;
  const auto id_of = [&parts](const char* key) -> int64_t {
    const auto it = parts.special_tokens.find(key);
    if (it == parts.special_tokens.end()) return -1;
    const auto id = parts.tokenizer->token_to_id(it->second);
    return id ? *id : -1;
  };
  if (config.eos_token_ids.empty())
    if (const int64_t id = id_of("eos_token"); id >= 0) config.eos_token_ids = {id};
  if (config.bos_token_id < 0) config.bos_token_id = id_of("bos_token");
}

std::string generation_config(const ModelConfig& config) {
  Json json = Json::object();
  if (config.bos_token_id >= 0) json["bos_token_id"] = config.bos_token_id;
  if (config.eos_token_ids.size() == 1) json["eos_token_id"] = config.eos_token_ids[0];
  if (config.eos_token_ids.size() > 1) json["eos_token_id"] = config.eos_token_ids;
  return base::to_sorted_json(json);
}

}  // namespace whorl::model

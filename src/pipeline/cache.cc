#include "pipeline/cache.h"

#include <unistd.h>

#include <cstdlib>
#include <nlohmann/json.hpp>

#include "base/check.h"
#include "base/hash.h"
#include "base/json.h"
#include "pipeline/kinds.h"
#include "whorl/adapter_store.h"
#include "whorl/types.h"

namespace whorl::pipeline {

std::string beneath(const std::string& folder, const std::string& path) {
  if (path.starts_with("/")) return path;
  return folder.empty() || folder == "." ? path : base::join(folder, path);
}

std::string InputDigests::of(const std::string& path, const std::string& context) {
  std::scoped_lock lock(mutex_);
  auto& known = known_[path];
  if (known.empty()) known = content_digest(fs_, path, base::base_name_of(path), context, Links::follow);
  return known;
}

std::string code_version(const std::string& kind) {
  static const std::map<std::string, int> kRevisions = {{"curate", 1}, {"train", 2},   {"evaluate", 2},
                                                        {"gate", 2},   {"publish", 1}, {"guard_check", 2},
                                                        {"python", 1}, {"command", 1}};
  return kind + "/" + std::to_string(kRevisions.at(kind)) + " whorl/" + version();
}

std::string find_program(const std::string& name) {
  if (name.find('/') != std::string::npos) {
    if (::access(name.c_str(), X_OK) == 0) return name;
    base::invalid("'", base::printable(name, 100), "' is no program that can be run");
  }
  const char* path = std::getenv("PATH");
  std::string folders = path != nullptr ? path : "/usr/local/bin:/usr/bin:/bin";
  for (size_t at = 0; at <= folders.size();) {
    const size_t end = std::min(folders.find(':', at), folders.size());
    const auto candidate = base::join(end > at ? folders.substr(at, end - at) : ".", name);
    if (::access(candidate.c_str(), X_OK) == 0) return candidate;
    at = end + 1;
  }
  base::invalid("no program '", base::printable(name, 100), "' along PATH");
}

namespace {

using base::Json;

// A path becomes the digest of its content; an artifact has it already.
Value by_content(const Value& value, const KeyParts& parts, InputDigests& inputs) {
  if (const auto* path = value.text())
    return Object{{"content", inputs.of(beneath(parts.folder, *path), parts.context)}};
  if (const auto artifact = artifact_of(value)) return Object{{"content", artifact->digest}};
  if (const auto* list = value.list()) {
    List made;
    for (const auto& entry : *list) made.push_back(by_content(entry, parts, inputs));
    return made;
  }
  if (const auto* object = value.object()) {
    Object made;
    for (const auto& [key, member] : *object) made.emplace(key, by_content(member, parts, inputs));
    return made;
  }
  return value;
}

// Which versions a store holds: when it was made, and where, does not matter.
Value by_versions(const Value& value, const KeyParts& parts) {
  const AdapterStore store(beneath(parts.folder, *value.text()), {.create = false});
  Object made;
  for (const auto& name : store.list())
    for (const auto& version : store.versions(name))
      made[base::concat(name, "@", version.version)] =
          Object{{"digest", version.digest}, {"latest", version.latest}};
  return made;
}

}  // namespace

std::string cache_key(const KeyParts& parts, InputDigests& inputs) {
  const Kind& kind = *find_kind(parts.step.kind);
  Json with = Json::object(), outputs = Json::object();
  for (const auto& [name, value] : parts.with) {
    const Argument* argument = find_argument(kind, name);
    if (argument != nullptr && argument->type == ArgumentType::store)
      with[name] = to_json(by_versions(value, parts));
    else
      with[name] = to_json(
          argument != nullptr && holds_paths(argument->type) ? by_content(value, parts, inputs) : value);
  }
  for (const auto& [key, output] : parts.step.outputs)
    outputs[key] = {{"path", output.path}, {"type", output.type}};
  const Json all = {
      {"format", 1}, {"kind", kind.name}, {"code", parts.code}, {"with", with}, {"outputs", outputs}};
  return base::sha256_hex(base::to_sorted_json(all));
}

bool all_intact(const Object& outputs, const RunStore& store) {
  for (const auto& [key, value] : outputs)
    if (const auto artifact = artifact_of(value); artifact && !store.intact(*artifact)) return false;
  return true;
}

ResultCache::ResultCache(const RunStore& store) : store_(store) {
  base::make_directories(store.fs(), base::join(store.root(), "cache"), "[Pipeline.run]");
}

std::string ResultCache::path_of(const std::string& key) const {
  return base::join(base::join(store_.root(), "cache"), key + ".json");
}

std::optional<CachedResult> ResultCache::find(const std::string& key) const {
  const auto path = path_of(key);
  if (!base::exists(store_.fs(), path)) return std::nullopt;
  try {
    const auto text = base::read_file(store_.fs(), path, uint64_t{1} << 28, "[Pipeline.run]");
    const Value found = parse_value(text, "[Pipeline.run] " + path);
    const Value *outputs = found.find("outputs"), *seconds = found.find("seconds");
    if (outputs == nullptr || outputs->object() == nullptr || seconds == nullptr || !seconds->is_number())
      return std::nullopt;
    if (!all_intact(*outputs->object(), store_)) return std::nullopt;
    return CachedResult{*outputs->object(), seconds->number()};
  } catch (const std::invalid_argument&) {
    return std::nullopt;  // damaged: the step runs again and writes it anew
  }
}

void ResultCache::put(const std::string& key, const CachedResult& result) const {
  const Value whole = Object{{"outputs", result.outputs}, {"seconds", result.seconds}};
  base::write_file_durably(store_.fs(), path_of(key), compact(whole) + "\n", "[Pipeline.run]");
}

}  // namespace whorl::pipeline

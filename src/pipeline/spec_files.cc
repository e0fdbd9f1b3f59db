// Pipelines from files and texts, with the places that their messages name.
#include <nlohmann/json.hpp>

#include "base/check.h"
#include "base/file.h"
#include "base/yaml.h"
#include "pipeline/spec.h"

namespace whorl::pipeline {
namespace {

class PlainPlaces final : public Places {
 public:
  explicit PlainPlaces(std::string where) : where_(std::move(where)) {}
  std::string at(const std::string&) const override { return where_; }

 private:
  std::string where_;
};

class YamlPlaces final : public Places {
 public:
  YamlPlaces(std::string operation, base::Yaml yaml)
      : operation_(std::move(operation)), yaml_(std::move(yaml)) {}
  std::string at(const std::string& pointer) const override {
    return "[" + operation_ + "] " + yaml_.where(pointer);
  }

 private:
  std::string operation_;
  base::Yaml yaml_;
};

constexpr size_t kMaxBytes = size_t{16} << 20;

Spec from_yaml(base::Yaml yaml, const std::string& operation) {
  return parse_spec(yaml.value(), std::make_shared<YamlPlaces>(operation, yaml));
}

}  // namespace

std::shared_ptr<const Places> plain_places(const std::string& where) {
  return std::make_shared<PlainPlaces>(where);
}

Spec spec_from_json(const std::string& text, const std::string& operation, const std::string& name) {
  const auto where = "[" + operation + "]" + (name.empty() ? "" : " " + name);
  return parse_spec(base::parse_json(text, where, {.max_depth = 64, .max_bytes = kMaxBytes}),
                    plain_places(where));
}

Spec spec_from_yaml(const std::string& text, const std::string& operation, const std::string& name) {
  return from_yaml(base::parse_yaml(text, operation, name), operation);
}

Spec load_spec(const std::string& path, const std::string& operation) {
  const bool yaml = path.ends_with(".yaml") || path.ends_with(".yml");
  Spec made = yaml ? from_yaml(base::read_yaml(path, operation), operation)
                   : spec_from_json(base::read_file(path, kMaxBytes), operation, path);
  made.folder = base::parent_of(path);
  return made;
}

}  // namespace whorl::pipeline

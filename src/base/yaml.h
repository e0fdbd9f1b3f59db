#pragma once
// Strict YAML 1.2 with its core schema, as Json that knows its lines: `no` is a string, only true and false
// are booleans, 012 is twelve, dates are strings. Duplicate keys, merge keys (<<), tags other than the core
// schema's, a second document, .inf and .nan, bad UTF-8 and whatever is deeper or larger than the limits are
// errors that name file and line.
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "base/json.h"

namespace whorl::base {

struct YamlLimits {
  size_t max_bytes = size_t{4} << 20;
  size_t max_depth = 64;
  size_t max_nodes = 200'000;  // keys and values with every alias written out: no small file can explode
};

struct YamlLines;  // the tree of line numbers beside the value

// One document. Cheap to copy; immutable.
class Yaml {
 public:
  const Json& value() const { return *value_; }
  const std::string& name() const { return name_; }  // what `where` opens with
  // The line, from 1, on which the value (or, in a mapping, its key) stands. `pointer` is a JSON pointer
  // ("/rails/input/flows/0", with ~0 and ~1); where it leads nowhere, or through an alias, the nearest
  // ancestor answers.
  size_t line(std::string_view pointer) const;
  std::string where(std::string_view pointer) const;  // "config.yml:12"

 private:
  friend class YamlBuilder;
  std::string name_;
  std::shared_ptr<const Json> value_;
  std::shared_ptr<const YamlLines> lines_;
};

// Errors are std::invalid_argument: "[Guardrail.load] config.yml:12: …", with `operation` and `name` as
// given. Text without a document is null.
Yaml parse_yaml(std::string_view text, std::string_view operation, std::string_view name,
                const YamlLimits& limits = {});
// Reads the file; `name` is the path.
Yaml read_yaml(const std::string& path, std::string_view operation, const YamlLimits& limits = {});

// `pointer` + "/" + `key`, with ~ and / in the key escaped.
std::string pointer_to(std::string_view pointer, std::string_view key);
std::string pointer_to(std::string_view pointer, size_t index);

}  // namespace whorl::base

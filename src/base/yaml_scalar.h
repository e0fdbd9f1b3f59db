#pragma once
// What an untagged plain scalar means, and a tagged one: YAML 1.2.2, section 10.3.2.
#include <optional>
#include <string_view>

#include "base/json.h"

namespace whorl::base {

inline constexpr std::string_view kYamlTags = "tag:yaml.org,2002:";

// Null, true/false, a number or the string itself. Empty: a number that JSON cannot hold.
std::optional<Json> plain_scalar(std::string_view text);
// `tag` is one of the core schema's, without its prefix: "str", "int", "float", "bool", "null". Empty: the
// text is not of that kind, or the tag is another one.
std::optional<Json> tagged_scalar(std::string_view text, std::string_view tag);

}  // namespace whorl::base

#pragma once
// JSON as YAML for Git: sorted keys, every string quoted, the same value gives the same bytes. Numbers and
// true/false stay bare, since a quoted one is a string to the schema.
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "base/json.h"

namespace whorl::pipeline {

// One document, newline at the end. Null is refused by std::invalid_argument: a cluster takes an explicit
// null for an error.
std::string to_yaml(const base::Json& value);

// Several documents in one stream, "---" between.
std::string to_yaml_stream(const std::vector<base::Json>& documents);

}  // namespace whorl::pipeline

#pragma once
// JSON Schema (draft 2020-12, or what "$schema" names): what is wrong with a value.
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace whorl::text {

class JsonSchema {
 public:
  // `operation` opens the messages. A schema that is wrong, points outside itself or refers to itself without
  // end is std::invalid_argument.
  JsonSchema(std::string_view schema, std::string operation);
  // At most `most` sentences; none: the value is valid.
  std::vector<std::string> errors(std::string_view json, size_t most = 32) const;

 private:
  struct Body;
  std::shared_ptr<const Body> body_;
};

}  // namespace whorl::text

#include "text/json_schema.h"

#include "base/json.h"
#include "text/bridge.h"

namespace whorl::text {

struct JsonSchema::Body {
  whorl_schema* handle = nullptr;
  std::string operation;
  explicit Body(std::string name) : operation(std::move(name)) {}
  ~Body() {
    if (handle) whorl_schema_free(handle);
  }
};

JsonSchema::JsonSchema(std::string_view schema, std::string operation) {
  auto body = std::make_shared<Body>(std::move(operation));
  whorl_bytes error{};
  check_call(whorl_schema_compile(schema.data(), schema.size(), &body->handle, &error), error,
             body->operation);
  body_ = std::move(body);
}

std::vector<std::string> JsonSchema::errors(std::string_view json, size_t most) const {
  whorl_bytes bytes{}, error{};
  check_call(whorl_schema_errors(body_->handle, json.data(), json.size(), most, &bytes, &error), error,
             body_->operation);
  std::vector<std::string> out;
  const std::string joined = take(bytes);
  for (size_t begin = 0; begin < joined.size();) {
    const size_t end = joined.find('\0', begin);
    out.push_back(joined.substr(begin, end - begin));
    begin = end + 1;
  }
  return out;
}

}  // namespace whorl::text

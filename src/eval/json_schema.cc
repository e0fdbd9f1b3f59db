#include "text/json_schema.h"

#include "whorl/metrics.h"

namespace whorl {

struct JsonSchema::Impl {
  text::JsonSchema schema;
};

JsonSchema::JsonSchema(const std::string& schema)
    : impl_(std::make_shared<Impl>(Impl{text::JsonSchema(schema, "JsonSchema")})) {}

std::vector<std::string> JsonSchema::errors(const std::string& json) const {
  return impl_->schema.errors(json);
}
bool JsonSchema::is_valid(const std::string& json) const { return impl_->schema.errors(json, 1).empty(); }

}  // namespace whorl

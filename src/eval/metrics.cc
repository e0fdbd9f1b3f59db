#include "eval/metrics.h"

#include <nlohmann/json.hpp>

#include "base/json.h"

namespace whorl::eval {

using base::Json;

std::string calls_json(const std::vector<ToolCall>& calls) {
  Json out = Json::array();
  for (const auto& call : calls) {
    Json arguments = Json::parse(call.arguments, nullptr, false);
    if (arguments.is_discarded()) arguments = call.arguments;
    out.push_back({{"name", call.name}, {"arguments", std::move(arguments)}});
  }
  return out.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace whorl::eval

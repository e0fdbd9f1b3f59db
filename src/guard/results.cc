// From the decisions of flows to what a caller reads.
#include <map>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "guard/guardrail_impl.h"

namespace whorl {
namespace guard {
namespace {

using base::Json;

std::string exception_type(Place place) {
  switch (place) {
    case Place::input:
      return "Input";
    case Place::output:
      return "Output";
    case Place::retrieval:
      return "Retrieval";
    default:
      return "Tool";
  }
}

std::string error_json(const Config& config, Place place, const std::string& flow) {
  Json error = {{"error",
                 {{"message", "Blocked by " + flow + " rails."},
                  {"type", "guardrails_violation"},
                  {"param", flow},
                  {"code", "content_blocked"}}}};
  if (config.enable_rails_exceptions) {
    const std::string what = exception_type(place);
    std::string small = what;
    small[0] = static_cast<char>(small[0] - 'A' + 'a');
    error["exception"] = {
        {"type", what + "RailException"},
        {"message", what + " not allowed. The " + small + " was blocked by the '" + flow + "' flow."}};
  }
  return error.dump();
}

Json decision_json(const GuardDecision& decision) {
  Json out = {{"rail", decision.rail}, {"flow", decision.flow}, {"verdict", decision.verdict}};
  if (!decision.reason.empty()) out["reason"] = decision.reason;
  if (!decision.part.empty()) out["part"] = decision.part;
  if (!decision.spans.empty()) out["spans"] = Json::array();
  for (const auto& span : decision.spans)
    out["spans"].push_back(
        {{"begin", span.begin}, {"end", span.end}, {"rule", span.rule}, {"score", span.score}});
  if (decision.score >= 0) out["score"] = decision.score;
  if (!decision.failed.empty()) out["failed"] = decision.failed;
  out["seconds"] = decision.seconds;
  return out;
}

Json message_json(const Message& message) {
  Json out = {{"role", message.role}, {"content", message.content}};
  if (!message.tool_call_id.empty()) out["tool_call_id"] = message.tool_call_id;
  if (!message.name.empty()) out["name"] = message.name;
  return out;
}

}  // namespace

void add_result(const Config& config, Place place, const ItemResult& from, GuardResult& into) {
  into.decisions.insert(into.decisions.end(), from.decisions.begin(), from.decisions.end());
  if (from.changed && into.status == "allowed") into.status = "changed";
  if (!from.blocked || into.status == "blocked") return;
  into.status = "blocked";
  into.blocked_by = from.blocked_by;
  into.text = config.enable_rails_exceptions ? "" : from.refusal;
  into.error = error_json(config, place, from.blocked_by);
}

}  // namespace guard

std::string GuardResult::to_json() const {
  base::Json out = {{"status", status}, {"text", text}, {"blocked_by", blocked_by}};
  std::map<std::string, bool> blocked;
  for (const auto& decision : decisions) blocked[decision.flow] |= decision.verdict == "blocked";
  out["rails_status"] = base::Json::object();
  for (const auto& [flow, is_blocked] : blocked)
    out["rails_status"][flow] = {{"status", is_blocked ? "blocked" : "success"}};
  out["decisions"] = base::Json::array();
  for (const auto& decision : decisions) out["decisions"].push_back(guard::decision_json(decision));
  for (const auto& message : messages) out["messages"].push_back(guard::message_json(message));
  if (!chunks.empty()) out["chunks"] = chunks;
  for (const auto& call : tool_calls)
    out["tool_calls"].push_back({{"name", call.name}, {"arguments", call.arguments}, {"id", call.id}});
  if (!error.empty()) out["error"] = base::parse_json(error, "GuardResult");
  out["seconds"] = seconds;
  return out.dump(2, ' ', false, base::Json::error_handler_t::replace);
}

}  // namespace whorl

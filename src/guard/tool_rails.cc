#include "guard/tool_rails.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/check.h"
#include "base/json.h"
#include "whorl/metrics.h"

namespace whorl::guard {
namespace {

bool holds(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

const Tool* offered(const ToolCall& call, const std::vector<Tool>& tools) {
  const auto found =
      std::find_if(tools.begin(), tools.end(), [&](const Tool& tool) { return tool.name == call.name; });
  return found == tools.end() ? nullptr : &*found;
}

}  // namespace

bool is_json(const std::string& text) {
  try {
    base::parse_json(text, "arguments");
    return true;
  } catch (const std::invalid_argument&) {
    return false;
  }
}

std::string refuse_tool(const ToolCallsEntry& config, const ToolCall& call, const std::vector<Tool>& tools) {
  if (holds(config.denied, call.name))
    return "tool '" + call.name + "' is denied by rails.config.tool_calls.denied";
  if (!offered(call, tools)) return "a tool was called that was not offered";
  if (config.has_allowed && !holds(config.allowed, call.name))
    return "tool '" + call.name + "' is not in rails.config.tool_calls.allowed";
  return "";
}

std::string refuse_arguments(const ToolCall& call, const std::vector<Tool>& tools) {
  const Tool* tool = offered(call, tools);
  if (!tool) return "a tool was called that was not offered";
  const std::string text = call.arguments.empty() ? "{}" : call.arguments;
  base::Json arguments;
  try {
    arguments = base::parse_json(text, "arguments");
  } catch (const std::invalid_argument&) {
    return "the arguments of '" + tool->name + "' are not JSON";
  }
  if (!arguments.is_object()) return "the arguments of '" + tool->name + "' are not a JSON object";
  if (tool->parameters.empty())
    return arguments.empty() ? "" : "tool '" + tool->name + "' takes no arguments, some were given";
  // What the schema says names places, and may quote values: only the count leaves.
  const auto faults = JsonSchema(tool->parameters).errors(text);
  if (faults.empty()) return "";
  return base::concat("the arguments of '", tool->name, "' do not fit its schema (", faults.size(),
                      faults.size() == 1 ? " fault)" : " faults)");
}

}  // namespace whorl::guard

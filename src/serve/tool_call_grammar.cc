#include <nlohmann/json.hpp>

#include "base/check.h"
#include "base/json.h"
#include "serve/constraint.h"

namespace whorl::serve {
namespace {

using base::Json;

Json parameters_of(const Tool& tool) {
  if (tool.parameters.empty())
    return {{"type", "object"}, {"properties", Json::object()}, {"additionalProperties", false}};
  const std::string context = "[InferenceEngine.submit] parameters of tool '" + tool.name + "'";
  Json schema = base::parse_json(tool.parameters, context);
  base::check_argument(schema.is_object(), context, ": expected an object, got ", base::kind_of(schema));
  return schema;
}

// {"name": NAME, ARGUMENTS: {…}} as a schema of its own. Definitions move to its root, where "#/$defs/…"
// looks.
std::string call_schema(const Tool& tool, const char* arguments) {
  Json parameters = parameters_of(tool);
  Json schema = {{"type", "object"}};
  for (const char* key : {"$defs", "definitions"}) {
    if (!parameters.contains(key)) continue;
    schema[key] = parameters[key];
    parameters.erase(key);
  }
  schema["properties"] = {{"name", {{"const", tool.name}}}, {arguments, parameters}};
  schema["required"] = {"name", arguments};
  schema["additionalProperties"] = false;
  return schema.dump();
}

// A marker as a terminal: by id where the tokenizer has it as a special token, else as its characters.
std::string marker(const std::string& text, const text::Tokenizer& tokenizer) {
  const auto id = tokenizer.token_to_id(text);
  if (id && tokenizer.is_special(*id)) return "<[" + std::to_string(*id) + "]>";
  return Json(text).dump();
}

}  // namespace

bool must_call(const GenerateRequest& request) {
  return request.tool_choice != "auto" && request.tool_choice != "none";
}

std::vector<Tool> chosen_tools(const GenerateRequest& request) {
  if (request.tool_choice == "none") return {};
  if (!must_call(request)) return request.tools;
  base::check_argument(!request.tools.empty(), "[InferenceEngine.submit] tool_choice '", request.tool_choice,
                       "' expected tools, got none");
  if (request.tool_choice == "required") return request.tools;
  std::vector<std::string> names;
  for (const auto& tool : request.tools) {
    if (tool.name == request.tool_choice) return {tool};
    names.push_back(tool.name);
  }
  base::invalid(
      "[InferenceEngine.submit] expected tool_choice 'auto', 'none', 'required' or a tool's name, got '",
      request.tool_choice, "'", base::did_you_mean(request.tool_choice, names));
}

std::string tool_call_grammar(const std::vector<Tool>& tools, text::ToolCallFormat format, bool single,
                              const text::Tokenizer& tokenizer) {
  using text::ToolCallFormat;
  base::check_argument(
      format != ToolCallFormat::none,
      "[InferenceEngine.submit] the model's chat template knows no tool calls, so none can be demanded");
  const char* arguments = format == ToolCallFormat::llama3 ? "parameters" : "arguments";
  std::string rules, body;
  for (size_t i = 0; i < tools.size(); ++i) {
    const std::string name = "call_" + std::to_string(i);
    rules += name + ": %json " + call_schema(tools[i], arguments) + "\n";
    body += (i ? " | " : "") + name;
  }
  rules += "body: " + body + "\n";
  std::string start;
  if (format == ToolCallFormat::hermes) {
    rules += "call: " + marker("<tool_call>", tokenizer) + " \"\\n\" body \"\\n\" " +
             marker("</tool_call>", tokenizer) + "\n";
    start = single ? "call" : "call (\"\\n\" call)*";
  } else if (format == ToolCallFormat::mistral) {
    start = marker("[TOOL_CALLS]", tokenizer) + " \"[\" body " + (single ? "" : "(\", \" body)* ") + "\"]\"";
  } else {
    start = "body";
  }
  return "start: " + start + "\n" + rules;
}

}  // namespace whorl::serve

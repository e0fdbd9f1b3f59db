#include "eval/answers.h"

#include <nlohmann/json.hpp>

#include "base/check.h"
#include "base/hash.h"
#include "eval/task_json.h"

namespace whorl::eval {

using base::Json;

namespace {

// What a model wrote may be cut inside a character; what is kept and shown is UTF-8 all the same.
std::string dumped(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

std::string spelt(const Json& value) { return value.is_string() ? value.get<std::string>() : value.dump(); }

Json request_json(const GenerateRequest& request) {
  Json messages = Json::array(), tools = Json::array();
  for (const auto& m : request.messages)
    messages.push_back(Json::array(
        {m.role, m.content, calls_to_json(m.tool_calls), m.tool_call_id, m.name, m.reasoning_content}));
  for (const auto& t : request.tools) tools.push_back(Json::array({t.name, t.description, t.parameters}));
  Json sampling = sampling_json(request.sampling);
  sampling["stop_token_ids"] = request.sampling.stop_token_ids;
  sampling["ignore_eos"] = request.sampling.ignore_eos;
  sampling["n"] = request.sampling.n;
  return {{"messages", messages},
          {"prompt", request.prompt},
          {"prompt_ids", request.prompt_ids},
          {"tools", tools},
          {"tool_choice", request.tool_choice},
          {"template_variables", request.template_variables},
          {"json_schema", request.json_schema},
          {"regex", request.regex},
          {"sampling", sampling}};
}

std::string key_of(const char* kind, const std::string& model, const std::string& adapter, const Json& what) {
  return base::sha256_hex(dumped(Json::array({kind, model, adapter, what})));
}

}  // namespace

Answer answer_from(const GenerateResult& result) {
  return {.text = result.text,
          .content = result.content,
          .tool_call_error = result.tool_call_error,
          .finish_reason = result.finish_reason,
          .tool_calls = result.tool_calls,
          .prompt_tokens = result.prompt_tokens,
          .completion_tokens = result.completion_tokens};
}

Json calls_to_json(const std::vector<ToolCall>& calls) {
  Json out = Json::array();
  for (const auto& call : calls)
    out.push_back({{"id", call.id},
                   {"type", "function"},
                   {"function", {{"name", call.name}, {"arguments", call.arguments}}}});
  return out;
}

Json to_json(const Answer& a) {
  return {{"text", a.text},
          {"content", a.content},
          {"tool_call_error", a.tool_call_error},
          {"finish_reason", a.finish_reason},
          {"tool_calls", calls_to_json(a.tool_calls)},
          {"prompt_tokens", a.prompt_tokens},
          {"completion_tokens", a.completion_tokens}};
}

Answer answer_from(const Json& json, const std::string& context) {
  Answer out;
  out.text = base::require_string(json, "text", context);
  out.content = base::require_string(json, "content", context);
  out.tool_call_error = base::require_string(json, "tool_call_error", context);
  out.finish_reason = base::require_string(json, "finish_reason", context);
  out.tool_calls = calls_from(base::require_array(json, "tool_calls", context), context);
  out.prompt_tokens = base::require_int(json, "prompt_tokens", context);
  out.completion_tokens = base::require_int(json, "completion_tokens", context);
  return out;
}

Json sample_json(const Answer& a) {
  const Json calls = calls_to_json(a.tool_calls);
  Json message = {{"role", "assistant"}, {"content", a.content}, {"tool_calls", calls}};
  Json choice = {{"index", 0}, {"finish_reason", a.finish_reason}, {"message", message}};
  return {{"output_text", a.content},
          {"tool_calls", calls},
          {"finish_reason", a.finish_reason},
          {"response", {{"choices", Json::array({choice})}}}};
}

std::vector<ToolCall> calls_from(const Json& list, const std::string& context) {
  base::check_argument(list.is_array(), context, ": expected a list of tool calls, got ",
                       base::kind_of(list));
  std::vector<ToolCall> out;
  for (const Json& call : list) {
    const bool wrapped = base::has(call, "function");
    const Json& inner = wrapped ? base::require_object(call, "function", context) : call;
    ToolCall made{base::require_string(inner, "name", context), "{}",
                  wrapped ? base::string_or(call, "id", "", context) : std::string()};
    if (base::has(inner, "arguments")) made.arguments = spelt(inner["arguments"]);
    out.push_back(std::move(made));
  }
  return out;
}

std::vector<Message> messages_from(const Json& list, const std::string& context) {
  base::check_argument(list.is_array(), context, ": expected a list of messages, got ", base::kind_of(list));
  std::vector<Message> out;
  for (const Json& m : list) {
    base::check_known_keys(m, {"role", "content", "tool_calls", "tool_call_id", "name", "reasoning_content"},
                           context);
    Message made;
    made.role = base::require_string(m, "role", context);
    made.content = base::string_or(m, "content", "", context);
    if (base::has(m, "tool_calls")) made.tool_calls = calls_from(m["tool_calls"], context);
    made.tool_call_id = base::string_or(m, "tool_call_id", "", context);
    made.name = base::string_or(m, "name", "", context);
    made.reasoning_content = base::string_or(m, "reasoning_content", "", context);
    out.push_back(std::move(made));
  }
  return out;
}

std::vector<Tool> tools_from(const Json& list, const std::string& context) {
  base::check_argument(list.is_array(), context, ": expected a list of tools, got ", base::kind_of(list));
  std::vector<Tool> out;
  for (const Json& tool : list) {
    const Json& inner = base::has(tool, "function") ? base::require_object(tool, "function", context) : tool;
    out.push_back({base::require_string(inner, "name", context),
                   base::string_or(inner, "description", "", context),
                   base::has(inner, "parameters") ? spelt(inner["parameters"]) : ""});
  }
  return out;
}

std::string request_key(const std::string& model_digest, const std::string& adapter_digest,
                        const GenerateRequest& request) {
  return key_of("generate", model_digest, adapter_digest, request_json(request));
}

std::string likelihood_key(const std::string& model_digest, const std::string& adapter_digest,
                           const InferenceEngine::LikelihoodRequest& request) {
  return key_of("likelihood", model_digest, adapter_digest,
                Json::array({request.context, request.continuation}));
}

}  // namespace whorl::eval

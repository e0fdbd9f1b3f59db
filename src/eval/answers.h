#pragma once
// What the engine answered, as JSON; and the digest under which an answer is kept.
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "base/json.h"
#include "whorl/evaluator.h"

namespace whorl::eval {

// `error`: there is no answer, and why. Everything else is then empty.
struct Answer {
  std::string error = {};
  std::string text = {}, content = {}, tool_call_error = {}, finish_reason = {};
  std::vector<ToolCall> tool_calls = {};
  int64_t prompt_tokens = 0, completion_tokens = 0;
};

Answer answer_from(const GenerateResult& result);
base::Json to_json(const Answer& answer);
Answer answer_from(const base::Json& json, const std::string& context);

// What `sample` is in templates: output_text, response, tool_calls, finish_reason.
base::Json sample_json(const Answer& answer);

// Calls as NeMo's data and OpenAI's replies spell them; arguments as an object or as its text.
base::Json calls_to_json(const std::vector<ToolCall>& calls);
std::vector<ToolCall> calls_from(const base::Json& list, const std::string& context);

std::vector<Message> messages_from(const base::Json& list, const std::string& context);
std::vector<Tool> tools_from(const base::Json& list, const std::string& context);

// Of everything that decides an answer: model, adapter, and the request without the adapter's name.
std::string request_key(const std::string& model_digest, const std::string& adapter_digest,
                        const GenerateRequest& request);
std::string likelihood_key(const std::string& model_digest, const std::string& adapter_digest,
                           const InferenceEngine::LikelihoodRequest& request);

}  // namespace whorl::eval

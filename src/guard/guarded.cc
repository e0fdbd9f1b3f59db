#include "guard/guarded.h"

#include "base/check.h"

namespace whorl::guard {
namespace {

constexpr const char* kFiltered = "content_filter";

void forget_tokens(GenerateResult& result) {
  result.ids.clear();
  result.logprobs.clear();
}

}  // namespace

std::vector<Message> conversation_of(const Guardrail::Impl& impl, const GenerateRequest& request,
                                     const char* where) {
  base::check_argument(impl.rooms.engine != nullptr, where,
                       " needs an InferenceEngine: give one to Guardrail");
  base::check_argument(request.prompt_ids.empty(), where,
                       " expected messages or a prompt: rails cannot read token ids");
  base::check_argument(request.sampling.n == 1, where, " expected sampling.n = 1, got ", request.sampling.n);
  if (request.messages.empty()) return {{"user", request.prompt}};
  return request.messages;
}

GenerateRequest guarded_request(const Guardrail::Impl& impl, GenerateRequest request,
                                const std::vector<Message>& checked) {
  const Config& config = impl.rooms.config;
  const ModelEntry* main = config.model_of_type("main");
  if (request.adapter.empty() && main && main->judges_here()) request.adapter = main->adapter();
  if (request.messages.empty()) {
    request.prompt = checked.at(0).content;
    return request;
  }
  request.messages = checked;
  const bool has_system = request.messages.front().role == "system";
  if (!config.passthrough && !config.instructions.empty() && !has_system)
    request.messages.insert(request.messages.begin(), Message{"system", config.instructions});
  return request;
}

Message answer_of(const GenerateResult& result) {
  Message answer{"assistant", result.text};
  answer.tool_calls = result.tool_calls;
  return answer;
}

GuardContext context_of(const GenerateRequest& request, const std::vector<Message>& conversation,
                        GuardContext context) {
  if (context.messages.empty()) context.messages = conversation;
  if (context.tools.empty()) context.tools = request.tools;
  return context;
}

void settle(const Guardrail::Impl& impl, const GuardResult& output, GuardedResult& result) {
  GenerateResult& made = result.result;
  result.output = output;
  result.output.messages.clear();
  if (output.status == "allowed") return;
  forget_tokens(made);
  made.text = output.text;
  made.tool_calls = output.tool_calls;
  made.tool_call_error.clear();
  if (!output.allowed()) {
    made.content = output.text;
    made.finish_reason = kFiltered;
    return;
  }
  // The content is a part of the text; masked by itself it is what the masked text holds of it.
  if (made.tool_calls.empty()) {
    made.content = output.text;
  } else {
    const auto& place = impl.rooms.places[static_cast<int>(Place::output)];
    made.content = place.texts.check(made.content).text;
  }
}

GuardedResult blocked_input(GuardResult input) {
  GuardedResult result;
  result.result.text = result.result.content = input.text;
  result.result.finish_reason = kFiltered;
  result.input = std::move(input);
  return result;
}

std::vector<GuardedResult> generate_all(const Guardrail::Impl& impl,
                                        const std::vector<GenerateRequest>& requests,
                                        const std::vector<GuardContext>& contexts) {
  std::vector<std::vector<Message>> conversations;
  for (const auto& request : requests)
    conversations.push_back(conversation_of(impl, request, "[Guardrail.generate]"));
  auto inputs = check_conversations(impl, conversations);
  std::vector<GuardedResult> results(requests.size());
  std::vector<size_t> going;
  std::vector<GenerateRequest> allowed;
  for (size_t i = 0; i < requests.size(); ++i) {
    if (!inputs[i].allowed()) {
      results[i] = blocked_input(std::move(inputs[i]));
      continue;
    }
    going.push_back(i);
    allowed.push_back(guarded_request(impl, requests[i], inputs[i].messages));
  }
  auto generated = impl.rooms.engine->generate(allowed);
  std::vector<Message> answers;
  std::vector<GuardContext> around;
  for (size_t g = 0; g < going.size(); ++g) {
    answers.push_back(answer_of(generated[g].front()));
    around.push_back(context_of(allowed[g], inputs[going[g]].messages, contexts[going[g]]));
  }
  const auto outputs = check_answers(impl, answers, around);
  for (size_t g = 0; g < going.size(); ++g) {
    GuardedResult& result = results[going[g]];
    result.result = std::move(generated[g].front());
    result.input = std::move(inputs[going[g]]);
    settle(impl, outputs[g], result);
  }
  return results;
}

}  // namespace whorl::guard

namespace whorl {

GuardedResult Guardrail::generate(const GenerateRequest& request, const GuardContext& context) const {
  return std::move(guard::generate_all(*impl_, {request}, {context}).front());
}

std::vector<GuardedResult> Guardrail::generate(const std::vector<GenerateRequest>& requests) const {
  return guard::generate_all(*impl_, requests, std::vector<GuardContext>(requests.size()));
}

}  // namespace whorl

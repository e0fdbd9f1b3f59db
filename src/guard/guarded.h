#pragma once
// What guarded generation, whole and in pieces, shares.
#include "guard/guardrail_impl.h"

namespace whorl::guard {

// A request as a conversation: its messages, or its prompt as one user message. std::invalid_argument for
// token ids, n > 1 and a missing engine; `where` opens the message.
std::vector<Message> conversation_of(const Guardrail::Impl& impl, const GenerateRequest& request,
                                     const char* where);
// The request with what the input rails left of it, and what the configuration adds.
GenerateRequest guarded_request(const Guardrail::Impl& impl, GenerateRequest request,
                                const std::vector<Message>& checked);
// What output rails look at; the context's messages and tools default to the request's.
Message answer_of(const GenerateResult& result);
GuardContext context_of(const GenerateRequest& request, const std::vector<Message>& conversation,
                        GuardContext context);
// Puts into result.result what the output rails left; ids and logprobs go where they would tell more.
void settle(const Guardrail::Impl& impl, const GuardResult& output, GuardedResult& result);
GuardedResult blocked_input(GuardResult input);
// Three stages, each one batch over all requests.
std::vector<GuardedResult> generate_all(const Guardrail::Impl& impl,
                                        const std::vector<GenerateRequest>& requests,
                                        const std::vector<GuardContext>& contexts);

}  // namespace whorl::guard

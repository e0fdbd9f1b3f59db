#pragma once
// From a request to the token ids of its prompt.
#include <cstdint>
#include <vector>

#include "model/model_impl.h"
#include "text/tool_calls.h"
#include "whorl/inference_engine.h"

namespace whorl::serve {

// Chats go through the model's template. What users, tools and system messages wrote can never become a
// control token; where the template does not let us tell their bytes apart, text that holds one is refused.
// `prompt` is the caller's own text: special tokens in it count, and the tokenizer adds what it adds (BOS).
// std::invalid_argument for none or several of messages, prompt and prompt_ids, ids outside the vocabulary,
// an empty prompt, or one that leaves no room in the context.
std::vector<int32_t> prompt_ids(const Model::Impl& model, const GenerateRequest& request);

// The format in which calls are read back; none when the request cannot lead to calls.
text::ToolCallFormat tool_format(const Model::Impl& model, const GenerateRequest& request);

}  // namespace whorl::serve

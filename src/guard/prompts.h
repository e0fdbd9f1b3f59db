#pragma once
// The questions that flows put to a model: templates of the configuration, filled with text nobody trusts.
// That text is a value of the template and never becomes template.
#include <string>
#include <vector>

#include "guard/config.h"
#include "text/chat_template.h"

namespace whorl::guard {

// What templates may print. All are there, so that a misspelt one is found when the configuration is loaded.
struct PromptValues {
  std::string user_input, bot_response, evidence, history, instructions, sample_conversation, reasoning;
};

// "self_check_input", "content_safety_check_input $model=content_safety"; "" = asks nothing.
std::string task_of(const FlowEntry& flow);
// The entry of models that answers the flow's question; null = the base model.
const ModelEntry* judge_of(const Config& config, const FlowEntry& flow);

// A compiled prompt. Immutable; threads may share it.
class Prompt {
 public:
  explicit Prompt(const PromptEntry& entry);  // std::invalid_argument with file and line
  // A prompt of `content` is one message of role "user". std::invalid_argument where it is longer than
  // max_length or the template refuses.
  std::vector<Message> render(const PromptValues& values) const;
  const PromptEntry& entry() const { return entry_; }

 private:
  PromptEntry entry_;
  std::vector<std::pair<std::string, text::ChatTemplate>> parts_;  // role, template
};

void try_prompt(const PromptEntry& entry);  // compiles and renders it once

}  // namespace whorl::guard

#include "guard/prompts.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/check.h"
#include "base/json.h"

namespace whorl::guard {
namespace {

std::string values_json(const PromptValues& values) {
  // NeMo's names, old and new.
  const base::Json all = {{"user_input", values.user_input},
                          {"user_message", values.user_input},
                          {"bot_response", values.bot_response},
                          {"bot_message", values.bot_response},
                          {"response", values.bot_response},
                          {"evidence", values.evidence},
                          {"relevant_chunks", values.evidence},
                          {"history", values.history},
                          {"reasoning", values.reasoning},
                          {"instructions", values.instructions},
                          {"general_instructions", values.instructions},
                          {"sample_conversation", values.sample_conversation}};
  return all.dump(-1, ' ', false, base::Json::error_handler_t::replace);
}

size_t characters(const std::string& text) {
  return static_cast<size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

text::ChatTemplate compiled(const PromptEntry& entry, const std::string& source) {
  try {
    return text::ChatTemplate(source,
                              {.fuel = 500'000, .max_output_bytes = 16u << 20, .refuse_undefined = true});
  } catch (const std::invalid_argument& error) {
    base::invalid("[Guardrail.load] ", entry.where, ": prompt '", entry.task, "': ", error.what());
  }
}

}  // namespace

std::string task_of(const FlowEntry& flow) {
  std::string task(flow.kind->task);
  return flow.kind->takes_model ? task + " $model=" + flow.model : task;
}

const ModelEntry* judge_of(const Config& config, const FlowEntry& flow) {
  if (flow.kind->takes_model) return config.model_of_type(flow.model);
  const bool llama_guard = flow.kind->check == Check::llama_guard;
  const ModelEntry* own = config.model_of_type(llama_guard ? "llama_guard" : flow.kind->task);
  return own ? own : config.model_of_type("main");
}

Prompt::Prompt(const PromptEntry& entry) : entry_(entry) {
  if (!entry.content.empty()) parts_.emplace_back("user", compiled(entry, entry.content));
  for (const auto& message : entry.messages)
    parts_.emplace_back(message.role, compiled(entry, message.content));
}

std::vector<Message> Prompt::render(const PromptValues& values) const {
  const std::string json = values_json(values);
  std::vector<Message> messages;
  size_t length = 0;
  for (const auto& [role, source] : parts_) {
    text::RenderOptions options;
    options.extra_json = json;
    options.now = 0;
    messages.push_back({role, source.render_text("[]", options)});
    length += characters(messages.back().content);
  }
  if (length > static_cast<size_t>(entry_.max_length))
    base::invalid("the prompt has ", length, " characters, its max_length is ", entry_.max_length);
  return messages;
}

void try_prompt(const PromptEntry& entry) {
  const Prompt prompt(entry);
  try {
    prompt.render({"x", "x", "x", "x", "x", "x", "x"});
  } catch (const std::invalid_argument& error) {
    base::invalid("[Guardrail.load] ", entry.where, ": prompt '", entry.task, "': ", error.what());
  }
}

}  // namespace whorl::guard

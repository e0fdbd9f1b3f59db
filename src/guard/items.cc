// Conversations and answers taken apart into the texts that rails look at.
#include <algorithm>

#include "base/check.h"
#include "guard/guardrail_impl.h"

namespace whorl {
namespace guard {
namespace {

std::string history_of(const std::vector<Message>& messages) {
  std::string text;
  for (const auto& message : messages)
    if (message.role == "user" || message.role == "assistant")
      text += message.role + ": " + message.content + "\n";
  return text;
}

Item text_item(Place place, const std::string& text, std::string part) {
  Item item;
  item.place = place;
  item.text = text;
  item.part = std::move(part);
  return item;
}

}  // namespace

long last_user(const std::vector<Message>& messages) {
  for (long i = std::ssize(messages) - 1; i >= 0; --i)
    if (messages[static_cast<size_t>(i)].role == "user") return i;
  return -1;
}

PromptValues values_of(const std::vector<Message>& messages, const std::vector<std::string>& chunks) {
  PromptValues values;
  const long last = last_user(messages);
  if (last >= 0) values.user_input = messages[static_cast<size_t>(last)].content;
  for (const auto& chunk : chunks) values.evidence += (values.evidence.empty() ? "" : "\n") + chunk;
  values.history = history_of(messages);
  return values;
}

}  // namespace guard

using guard::Item;
using guard::Place;

std::vector<Item> Guardrail::Impl::input_items(const std::vector<Message>& messages,
                                               std::vector<size_t>& places) const {
  std::vector<Item> items;
  if (!has_flows(Place::input)) return items;
  const long last = guard::last_user(messages);
  for (long i = 0; i <= last; ++i) {
    const auto at = static_cast<size_t>(i);
    if (messages[at].role != "user") continue;
    Item item =
        guard::text_item(Place::input, messages[at].content, i == last ? "" : base::concat("message ", i));
    item.model_flows = i == last;
    item.before.assign(messages.begin(), messages.begin() + i);
    item.values = guard::values_of(item.before, {});
    items.push_back(std::move(item));
    places.push_back(at);
  }
  return items;
}

std::vector<Item> Guardrail::Impl::tool_result_items(const std::vector<Message>& messages,
                                                     std::vector<size_t>& places) const {
  std::vector<Item> items;
  if (!has_flows(Place::tool_input)) return items;
  for (size_t i = 0; i < messages.size(); ++i) {
    if (messages[i].role != "tool") continue;
    items.push_back(guard::text_item(Place::tool_input, messages[i].content, base::concat("message ", i)));
    places.push_back(i);
  }
  return items;
}

std::vector<Item> Guardrail::Impl::output_items(const Message& answer, const GuardContext& context) const {
  std::vector<Item> items;
  if (!has_flows(Place::output)) return items;
  Item item = guard::text_item(Place::output, answer.content, "");
  item.values = guard::values_of(context.messages, context.chunks);
  item.values.reasoning = answer.reasoning_content;
  item.has_evidence = !context.chunks.empty();
  items.push_back(std::move(item));
  if (!answer.reasoning_content.empty()) {
    items.push_back(guard::text_item(Place::output, answer.reasoning_content, "reasoning"));
    items.back().model_flows = false;
  }
  return items;
}

std::vector<Item> Guardrail::Impl::call_items(const std::vector<ToolCall>& calls,
                                              const std::vector<Tool>& tools) const {
  std::vector<Item> items;
  if (!has_flows(Place::tool_output)) return items;
  for (size_t i = 0; i < calls.size(); ++i) {
    items.push_back(guard::text_item(Place::tool_output, calls[i].arguments, base::concat("tool call ", i)));
    items.back().call = &calls[i];
    items.back().tools = &tools;
  }
  return items;
}

}  // namespace whorl

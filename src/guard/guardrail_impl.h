#pragma once
// What the facade's files share.
#include <chrono>

#include "guard/check_items.h"
#include "whorl/guardrail.h"

namespace whorl {

struct Guardrail::Impl {
  guard::Rooms rooms;

  // The user messages of a conversation as items; empty where there are none. Of `messages`, item i came from
  // message places[i].
  std::vector<guard::Item> input_items(const std::vector<Message>& messages,
                                       std::vector<size_t>& places) const;
  std::vector<guard::Item> tool_result_items(const std::vector<Message>& messages,
                                             std::vector<size_t>& places) const;
  std::vector<guard::Item> output_items(const Message& answer, const GuardContext& context) const;
  std::vector<guard::Item> call_items(const std::vector<ToolCall>& calls,
                                      const std::vector<Tool>& tools) const;
  bool has_flows(guard::Place place) const { return !rooms.places[static_cast<int>(place)].flows.empty(); }
};

namespace guard {

using Clock = std::chrono::steady_clock;
inline double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// Adds the decisions; the first block decides the status, blocked_by, text and error.
void add_result(const Config& config, Place place, const ItemResult& from, GuardResult& into);
// The values of prompts that a conversation gives: its last user message, its history.
PromptValues values_of(const std::vector<Message>& messages, const std::vector<std::string>& chunks);
// Index of the last message of role "user", or -1.
long last_user(const std::vector<Message>& messages);
// Input rails and the rails on tool results, over many conversations at once. `messages` of the results are
// what may go on.
std::vector<GuardResult> check_conversations(const Guardrail::Impl& impl,
                                             const std::vector<std::vector<Message>>& conversations);
// Output rails over answers with their reasoning and calls, and the rails on calls.
std::vector<GuardResult> check_answers(const Guardrail::Impl& impl, const std::vector<Message>& answers,
                                       const std::vector<GuardContext>& contexts);

}  // namespace guard
}  // namespace whorl

// Many conversations, many answers: one pass of check_items for all of them.
#include <utility>

#include "guard/guardrail_impl.h"

namespace whorl::guard {
namespace {

// Items of many results, and where each belongs.
class Gathered {
 public:
  void add(std::vector<Item> items, size_t result, const std::vector<size_t>& places) {
    for (size_t i = 0; i < items.size(); ++i) {
      owners_.push_back({result, i < places.size() ? places[i] : i, items[i].place, items[i].part});
      items_.push_back(std::move(items[i]));
    }
  }
  struct Owner {
    size_t result, place_in_list;
    Place place;
    std::string part;
  };
  // Calls take(owner, result of the item) for each.
  template <class Take>
  void check(const Rooms& rooms, const Take& take) {
    const auto results = check_items(rooms, std::move(items_));
    for (size_t i = 0; i < results.size(); ++i) take(owners_[i], results[i]);
  }

 private:
  std::vector<Item> items_;
  std::vector<Owner> owners_;
};

void withhold_blocked(GuardResult& result) {
  if (result.allowed()) return;
  result.messages.clear();
  result.tool_calls.clear();
}

}  // namespace

std::vector<GuardResult> check_conversations(const Guardrail::Impl& impl,
                                             const std::vector<std::vector<Message>>& conversations) {
  const auto start = Clock::now();
  std::vector<GuardResult> results(conversations.size());
  Gathered gathered;
  for (size_t i = 0; i < conversations.size(); ++i) {
    results[i].messages = conversations[i];
    const long last = last_user(conversations[i]);
    if (last >= 0) results[i].text = conversations[i][static_cast<size_t>(last)].content;
    std::vector<size_t> user, tool;
    auto items = impl.input_items(conversations[i], user);
    gathered.add(std::move(items), i, user);
    items = impl.tool_result_items(conversations[i], tool);
    gathered.add(std::move(items), i, tool);
  }
  gathered.check(impl.rooms, [&](const auto& owner, const ItemResult& item) {
    GuardResult& result = results[owner.result];
    result.messages[owner.place_in_list].content = item.text;
    if (owner.place == Place::input && owner.part.empty() && result.allowed()) result.text = item.text;
    add_result(impl.rooms.config, owner.place, item, result);
  });
  for (auto& result : results) {
    result.seconds = seconds_since(start);
    withhold_blocked(result);
  }
  return results;
}

std::vector<GuardResult> check_answers(const Guardrail::Impl& impl, const std::vector<Message>& answers,
                                       const std::vector<GuardContext>& contexts) {
  const auto start = Clock::now();
  std::vector<GuardResult> results(answers.size());
  Gathered gathered;
  for (size_t i = 0; i < answers.size(); ++i) {
    results[i].text = answers[i].content;
    results[i].tool_calls = answers[i].tool_calls;
    results[i].messages = {answers[i]};
    gathered.add(impl.output_items(answers[i], contexts[i]), i, {});
    gathered.add(impl.call_items(answers[i].tool_calls, contexts[i].tools), i, {});
  }
  gathered.check(impl.rooms, [&](const auto& owner, const ItemResult& item) {
    GuardResult& result = results[owner.result];
    Message& message = result.messages[0];
    if (owner.place == Place::tool_output) {
      result.tool_calls[owner.place_in_list].arguments = item.text;
      message.tool_calls[owner.place_in_list].arguments = item.text;
    } else if (owner.part.empty()) {
      message.content = item.text;
      if (result.allowed()) result.text = item.text;
    } else {
      message.reasoning_content = item.text;
    }
    add_result(impl.rooms.config, owner.place, item, result);
  });
  for (auto& result : results) {
    result.seconds = seconds_since(start);
    withhold_blocked(result);
  }
  return results;
}

}  // namespace whorl::guard

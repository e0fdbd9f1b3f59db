#include "whorl/guardrail.h"

#include <nlohmann/json.hpp>

#include "base/check.h"
#include "base/json.h"
#include "guard/guardrail_impl.h"

namespace whorl {
namespace {

using guard::Place;

std::shared_ptr<const Guardrail::Impl> made_from(guard::Config config, InferenceEngine* engine) {
  auto impl = std::make_shared<Guardrail::Impl>();
  impl->rooms.config = std::move(config);
  impl->rooms.engine = engine;
  for (const Place place : guard::kAllPlaces) {
    auto& rails = impl->rooms.places[static_cast<int>(place)];
    rails = guard::make_place(impl->rooms.config, place);
    for (const auto& flow : rails.flows)
      base::check_argument(engine || !guard::needs_engine(flow.check()), "[Guardrail.load] ",
                           flow.entry->where, ": flow '", flow.name(),
                           "' asks a model: give Guardrail an InferenceEngine");
  }
  return impl;
}

}  // namespace

Guardrail::Guardrail(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}

Guardrail Guardrail::load(const std::filesystem::path& path, InferenceEngine* engine) {
  return Guardrail(made_from(guard::load_config(path.string()), engine));
}

Guardrail Guardrail::from_yaml(const std::string& text, InferenceEngine* engine) {
  return Guardrail(made_from(guard::parse_config(text), engine));
}

GuardResult Guardrail::check_input(const std::string& text) const {
  return std::move(check_inputs({text}).front());
}

GuardResult Guardrail::check_input(const std::vector<Message>& messages) const {
  return std::move(guard::check_conversations(*impl_, {messages}).front());
}

std::vector<GuardResult> Guardrail::check_inputs(const std::vector<std::string>& texts) const {
  std::vector<std::vector<Message>> conversations;
  for (const auto& text : texts) conversations.push_back({{"user", text}});
  auto results = guard::check_conversations(*impl_, conversations);
  for (auto& result : results) result.messages.clear();
  return results;
}

GuardResult Guardrail::check_output(const std::string& text, const GuardContext& context) const {
  return std::move(check_outputs({text}, {context}).front());
}

GuardResult Guardrail::check_output(const Message& answer, const GuardContext& context) const {
  return std::move(guard::check_answers(*impl_, {answer}, {context}).front());
}

std::vector<GuardResult> Guardrail::check_outputs(const std::vector<std::string>& texts,
                                                  const std::vector<GuardContext>& contexts) const {
  base::check_argument(contexts.empty() || contexts.size() == texts.size(),
                       "[Guardrail.check_outputs] expected a context for each of the ", texts.size(),
                       " texts, or none at all, got ", contexts.size());
  std::vector<Message> answers;
  for (const auto& text : texts) answers.push_back({"assistant", text});
  auto results = guard::check_answers(*impl_, answers,
                                      contexts.empty() ? std::vector<GuardContext>(texts.size()) : contexts);
  for (auto& result : results) result.messages.clear();
  return results;
}

GuardResult Guardrail::check_retrieval(const std::vector<std::string>& chunks) const {
  const auto start = guard::Clock::now();
  std::vector<guard::Item> items;
  for (size_t i = 0; i < chunks.size(); ++i) {
    guard::Item item;
    item.place = Place::retrieval;
    item.text = chunks[i];
    item.part = base::concat("chunk ", i);
    items.push_back(std::move(item));
  }
  GuardResult whole, blocked;
  for (const auto& item : guard::check_items(impl_->rooms, std::move(items))) {
    guard::add_result(impl_->rooms.config, Place::retrieval, item, blocked);
    if (item.blocked || item.changed) whole.status = "changed";
    if (!item.blocked) whole.chunks.push_back(item.text);
  }
  whole.decisions = std::move(blocked.decisions);
  if (whole.chunks.empty() && !chunks.empty()) {
    blocked.decisions = std::move(whole.decisions);
    whole = std::move(blocked);
  }
  for (const auto& chunk : whole.chunks) whole.text += (whole.text.empty() ? "" : "\n") + chunk;
  whole.seconds = guard::seconds_since(start);
  return whole;
}

GuardResult Guardrail::check_tool_calls(const std::vector<ToolCall>& calls,
                                        const std::vector<Tool>& tools) const {
  const auto start = guard::Clock::now();
  GuardResult result;
  result.tool_calls = calls;
  const auto items = guard::check_items(impl_->rooms, impl_->call_items(calls, tools));
  for (size_t i = 0; i < items.size(); ++i) {
    result.tool_calls[i].arguments = items[i].text;
    guard::add_result(impl_->rooms.config, Place::tool_output, items[i], result);
  }
  if (!result.allowed()) result.tool_calls.clear();
  result.seconds = guard::seconds_since(start);
  return result;
}

GuardResult Guardrail::check_tool_results(const std::vector<Message>& messages) const {
  const auto start = guard::Clock::now();
  GuardResult result;
  result.messages = messages;
  std::vector<size_t> places;
  const auto items = guard::check_items(impl_->rooms, impl_->tool_result_items(messages, places));
  for (size_t i = 0; i < items.size(); ++i) {
    result.messages[places[i]].content = items[i].text;
    guard::add_result(impl_->rooms.config, Place::tool_input, items[i], result);
  }
  if (!result.allowed()) result.messages.clear();
  result.seconds = guard::seconds_since(start);
  return result;
}

std::string Guardrail::flows_json() const {
  base::Json out = base::Json::object();
  for (const auto& place : impl_->rooms.places)
    for (const auto& flow : place.flows) out[guard::name_of(place.place)].push_back(flow.name());
  return out.dump();
}

const std::vector<std::string>& Guardrail::warnings() const { return impl_->rooms.config.warnings; }

bool Guardrail::needs_engine() const {
  for (const auto& place : impl_->rooms.places)
    for (const auto& flow : place.flows)
      if (guard::needs_engine(flow.check())) return true;
  return false;
}

}  // namespace whorl

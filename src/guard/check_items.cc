#include "guard/check_items.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <optional>
#include <set>

#include "base/check.h"
#include "guard/engine_perplexity.h"
#include "guard/judges.h"
#include "guard/tool_rails.h"

namespace whorl::guard {
namespace {

using Clock = std::chrono::steady_clock;

double since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

// NeMo's words, so that "on-topic" and nothing else is the way out.
constexpr const char* kTopicAsk =
    "\n\nIf any of the above conditions are violated, please respond with \"off-topic\". Otherwise, respond "
    "with "
    "\"on-topic\". You must respond with \"on-topic\" or \"off-topic\".";

GuardDecision decision(const PlaceRails& place, const Flow& flow, const std::string& part) {
  GuardDecision made;
  made.rail = name_of(place.place);
  made.flow = flow.name();
  made.verdict = "allowed";
  made.part = part;
  return made;
}

void fail(const Flow& flow, const std::string& why, GuardDecision& decision) {
  decision.failed = flow.fail_open ? "open" : "closed";
  decision.verdict = flow.fail_open ? "allowed" : "blocked";
  decision.reason = why;
}

// The decisions of one item, by flow.
class Sheet {
 public:
  Sheet(const Rooms& rooms, Item item)
      : item_(std::move(item)),
        place_(rooms.places[static_cast<int>(item_.place)]),
        rooms_(rooms),
        text_(item_.text) {}

  void check_text();
  void ask(std::vector<Question>& questions);
  void hear(const std::vector<Answer>& answers);
  bool wants_perplexity(const Flow& flow) const {
    return flow.check() == Check::jailbreak_heuristics && item_.text_flows && !blocked() && !text_.empty();
  }
  const Flow* perplexity_flow() const;
  void hear(const Flow& flow, const std::vector<TokenScore>& tokens, double seconds);
  void perplexity_failed(const Flow& flow, const std::string& why);
  ItemResult result() const;
  const std::string& text() const { return text_; }

 private:
  bool blocked() const;
  void check_call();
  void note(const Flow& flow, GuardDecision made) { decisions_[&flow] = std::move(made); }
  Question question(const Flow& flow) const;

  Item item_;
  const PlaceRails& place_;
  const Rooms& rooms_;
  std::string text_;
  std::map<const Flow*, GuardDecision> decisions_;
  std::vector<std::pair<const Flow*, size_t>> asked_;  // and which of the answers is theirs
};

bool Sheet::blocked() const {
  return std::any_of(decisions_.begin(), decisions_.end(),
                     [](const auto& entry) { return entry.second.verdict == "blocked"; });
}

void Sheet::check_call() {
  for (const Flow& flow : place_.flows) {
    if (!is_tool_check(flow.check())) continue;
    const auto start = Clock::now();
    GuardDecision made = decision(place_, flow, item_.part);
    try {
      made.reason = flow.check() == Check::allowed_tools
                        ? refuse_tool(rooms_.config.tool_calls, *item_.call, *item_.tools)
                        : refuse_arguments(*item_.call, *item_.tools);
      if (!made.reason.empty()) made.verdict = "blocked";
    } catch (const std::exception& error) {
      fail(flow, error.what(), made);
    }
    made.seconds = since(start);
    note(flow, std::move(made));
  }
}

void Sheet::check_text() {
  if (!item_.text_flows) return;
  if (item_.call) check_call();
  if (place_.texts.rails().empty()) return;
  const auto start = Clock::now();
  try {
    Outcome outcome = place_.texts.check(item_.text);
    for (auto& [flow, made] : text_decisions(place_, outcome.findings, item_.part, since(start)))
      note(*flow, std::move(made));
    if (!outcome.blocked) text_ = std::move(outcome.text);
  } catch (const std::exception& error) {
    for (const Flow& flow : place_.flows) {
      if (asks_model(flow.check()) || is_tool_check(flow.check())) continue;
      GuardDecision made = decision(place_, flow, item_.part);
      fail(flow, error.what(), made);
      note(flow, std::move(made));
    }
  }
}

Question Sheet::question(const Flow& flow) const {
  Question made;
  made.form = flow.form;
  made.budget_ms = flow.budget_ms;
  try {
    PromptValues values = item_.values;
    (item_.place == Place::input ? values.user_input : values.bot_response) = text_;
    values.instructions = rooms_.config.instructions;
    values.sample_conversation = rooms_.config.sample_conversation;
    auto messages = flow.prompt->render(values);
    if (flow.check() == Check::topic_safety) {
      messages.front().role = "system";
      messages.front().content += kTopicAsk;
      messages.insert(messages.end(), item_.before.begin(), item_.before.end());
      messages.push_back({"user", text_});
    }
    made.request = judge_request(*rooms_.engine, messages, flow.judge);
    const auto& entry = flow.prompt->entry();
    made.request.regex = flow.form->regex;
    made.request.sampling.max_new_tokens = std::max(entry.max_tokens, flow.form->max_tokens);
    made.request.sampling.stop = entry.stop;
  } catch (const std::exception& error) {
    made.failure = error.what();
  }
  return made;
}

void Sheet::ask(std::vector<Question>& questions) {
  if (!item_.model_flows || blocked()) return;
  for (const Flow& flow : place_.flows) {
    if (!asks_model(flow.check())) continue;
    GuardDecision skipped = decision(place_, flow, item_.part);
    const bool facts = flow.check() == Check::self_facts;
    skipped.reason = text_.empty()                  ? "there is no text to check"
                     : facts && !item_.has_evidence ? "there is no evidence to check against"
                                                    : "";
    if (!skipped.reason.empty()) {
      note(flow, std::move(skipped));
      continue;
    }
    asked_.emplace_back(&flow, questions.size());
    questions.push_back(question(flow));
  }
}

void Sheet::hear(const std::vector<Answer>& answers) {
  for (const auto& [flow, index] : asked_) {
    const Answer& answer = answers.at(index);
    GuardDecision made = decision(place_, *flow, item_.part);
    made.seconds = answer.seconds;
    made.score = answer.score;
    if (!answer.blocks) {
      fail(*flow, answer.failure, made);
    } else if (*answer.blocks) {
      made.verdict = "blocked";
      made.reason = "the judge answered '" + answer.text + "'";
    }
    note(*flow, std::move(made));
  }
}

const Flow* Sheet::perplexity_flow() const {
  for (const Flow& flow : place_.flows)
    if (wants_perplexity(flow)) return &flow;
  return nullptr;
}

void Sheet::hear(const Flow& flow, const std::vector<TokenScore>& tokens, double seconds) {
  GuardDecision made = decisions_.count(&flow) ? decisions_[&flow] : decision(place_, flow, item_.part);
  made.seconds += seconds;
  try {
    const auto& jailbreak = rooms_.config.jailbreak;
    PerplexityOptions options;
    options.length_per_perplexity_threshold = jailbreak.length_per_perplexity_threshold;
    options.prefix_suffix_perplexity_threshold = jailbreak.prefix_suffix_perplexity_threshold;
    const auto verdict = judge_perplexity(text_, tokens, options);
    if (verdict.jailbreak) {
      made.verdict = "blocked";
      made.reason = verdict.reason;
    }
  } catch (const std::exception& error) {
    fail(flow, error.what(), made);
  }
  note(flow, std::move(made));
}

void Sheet::perplexity_failed(const Flow& flow, const std::string& why) {
  GuardDecision made = decision(place_, flow, item_.part);
  fail(flow, why, made);
  note(flow, std::move(made));
}

// Masked arguments have to be arguments still.
void block_broken(ItemResult& result) {
  for (auto& decision : result.decisions) {
    if (decision.verdict != "changed") continue;
    decision.verdict = "blocked";
    decision.reason = "masked, the arguments would not be JSON any more";
    if (!result.blocked) result.blocked_by = decision.flow;
    result.blocked = true;
  }
  result.refusal = kRefusal;
}

ItemResult Sheet::result() const {
  ItemResult made;
  made.text = text_;
  for (const Flow& flow : place_.flows) {
    const auto found = decisions_.find(&flow);
    if (found == decisions_.end()) continue;
    made.changed = made.changed || found->second.verdict == "changed";
    if (found->second.verdict == "blocked" && !made.blocked) {
      made.blocked = true;
      made.blocked_by = flow.name();
      made.refusal = refusal_of(flow, found->second);
    }
    made.decisions.push_back(found->second);
  }
  if (item_.call && made.changed && !made.blocked && !is_json(made.text)) block_broken(made);
  return made;
}

void check_perplexity(const Rooms& rooms, std::vector<Sheet>& sheets) {
  std::vector<Sheet*> wanting;
  std::vector<std::string> texts;
  for (auto& sheet : sheets) {
    if (!sheet.perplexity_flow()) continue;
    wanting.push_back(&sheet);
    texts.push_back(sheet.text());
  }
  if (wanting.empty()) return;
  const auto start = Clock::now();
  try {
    const ModelEntry* judge = wanting[0]->perplexity_flow()->judge;
    const std::string adapter = judge && judge->judges_here() ? judge->adapter() : "";
    const auto scores = score_texts(*rooms.engine, adapter, texts);
    for (size_t i = 0; i < wanting.size(); ++i)
      wanting[i]->hear(*wanting[i]->perplexity_flow(), scores[i], since(start));
  } catch (const std::exception& error) {
    for (Sheet* sheet : wanting)
      if (const Flow* flow = sheet->perplexity_flow()) sheet->perplexity_failed(*flow, error.what());
  }
}

}  // namespace

std::vector<std::pair<const Flow*, GuardDecision>> text_decisions(const PlaceRails& place,
                                                                  const std::vector<Finding>& findings,
                                                                  const std::string& part, double seconds) {
  std::vector<std::pair<const Flow*, GuardDecision>> made;
  for (const Flow& flow : place.flows) {
    if (asks_model(flow.check()) || is_tool_check(flow.check())) continue;
    GuardDecision one = decision(place, flow, part);
    one.seconds = seconds;
    for (const auto& finding : findings) {
      if (finding.rail != flow.name()) continue;
      const bool block = finding.action == Action::block;
      if (one.reason.empty() || (block && one.verdict != "blocked")) one.reason = finding.reason;
      if (block) one.verdict = "blocked";
      if (finding.action == Action::mask && one.verdict == "allowed") one.verdict = "changed";
      one.spans.push_back({static_cast<int64_t>(finding.begin), static_cast<int64_t>(finding.end),
                           finding.rule, finding.score});
    }
    made.emplace_back(&flow, std::move(one));
  }
  return made;
}

std::string refusal_of(const Flow& flow, const GuardDecision& decision) {
  if (!flow.refusal.empty()) return flow.refusal;
  if (flow.check() != Check::injection || decision.spans.empty()) return kRefusal;
  std::set<std::string> names;
  for (const auto& span : decision.spans) names.insert(span.rule);
  std::string all;
  for (const auto& name : names) all += (all.empty() ? "" : ", ") + name;
  return "I'm sorry, the desired output triggered rule(s) designed to mitigate exploitation of " + all + ".";
}

std::vector<ItemResult> check_items(const Rooms& rooms, std::vector<Item> items) {
  std::vector<Sheet> sheets;
  for (auto& item : items) sheets.emplace_back(rooms, std::move(item));
  for (auto& sheet : sheets) sheet.check_text();
  if (rooms.engine) {
    Judges judges(*rooms.engine);
    std::vector<Question> questions;
    for (auto& sheet : sheets) sheet.ask(questions);
    for (auto& question : questions)
      judges.ask(std::move(question));  // all together, so that they share steps
    check_perplexity(rooms, sheets);    // while the judges think
    const auto answers = judges.collect();
    for (auto& sheet : sheets) sheet.hear(answers);
  }
  std::vector<ItemResult> results;
  for (const auto& sheet : sheets) results.push_back(sheet.result());
  return results;
}

}  // namespace whorl::guard

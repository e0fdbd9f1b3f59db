#include "guard/verdicts.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "base/json.h"

namespace whorl::guard {
namespace {

constexpr const char* kYesNo = " ?([Yy]es|YES|[Nn]o|NO)";
constexpr const char* kSafeUnsafe = " ?([Ss]afe|[Uu]nsafe)";

const AnswerForm kYesBlocks{kYesNo, 8, "yes", "no", ""};
const AnswerForm kNoBlocks{kYesNo, 8, "no", "yes", ""};
const AnswerForm kUnsafeBlocks{kSafeUnsafe, 8, "unsafe", "safe", ""};
// Llama Guard names categories after the word, on a line of their own.
const AnswerForm kLlamaGuard{R"(\n?\n?(safe|unsafe(\n[A-Z][0-9]{1,2}(, ?[A-Z][0-9]{1,2}){0,13})?))", 64,
                             "unsafe", "safe", ""};
const AnswerForm kTopic{" ?(on-topic|off-topic)", 12, "off-topic", "on-topic", ""};
const AnswerForm kPromptSafety{
    R"re(\{"User Safety": ?"(safe|unsafe)"(, ?"Safety Categories": ?"[A-Za-z0-9/,. ()-]{0,120}")?\})re", 96,
    "unsafe", "safe", "User Safety"};
const AnswerForm kResponseSafety{
    R"re(\{("User Safety": ?"(safe|unsafe)", ?)?"Response Safety": ?"(safe|unsafe)"(, ?"Safety Categories": ?"[A-Za-z0-9/,. ()-]{0,120}")?\})re",
    112, "unsafe", "safe", "Response Safety"};

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

std::string_view trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t\r\n"), end = text.find_last_not_of(" \t\r\n");
  return begin == std::string_view::npos ? std::string_view() : text.substr(begin, end - begin + 1);
}

std::optional<bool> word_blocks(const AnswerForm& form, std::string_view text) {
  const std::string word = lower(trimmed(text));
  if (word == form.blocking) return true;
  if (word == form.passing) return false;
  return {};
}

std::string_view first_line(std::string_view text) {
  text = trimmed(text);
  return text.substr(0, text.find('\n'));
}

}  // namespace

const AnswerForm& answer_form(const FlowEntry& flow, const PromptEntry& prompt) {
  if (prompt.output_parser == "nemoguard_parse_prompt_safety") return kPromptSafety;
  if (prompt.output_parser == "nemoguard_parse_response_safety") return kResponseSafety;
  switch (flow.kind->check) {
    case Check::self_facts:
      return kNoBlocks;
    case Check::llama_guard:
      return kLlamaGuard;
    case Check::topic_safety:
      return kTopic;
    case Check::content_safety:
      return kUnsafeBlocks;
    default:
      return kYesBlocks;
  }
}

std::optional<bool> blocks(const AnswerForm& form, std::string_view text) {
  if (&form == &kLlamaGuard) return word_blocks(form, first_line(text));
  if (form.field.empty()) return word_blocks(form, text);
  try {
    const base::Json answer = base::parse_json(text, "judge");
    return word_blocks(form, base::require_string(answer, std::string(form.field).c_str(), "judge"));
  } catch (const std::invalid_argument&) {
    return {};
  }
}

double blocking_probability(const AnswerForm& form,
                            const std::vector<std::pair<std::string, double>>& first) {
  if (!form.field.empty()) return -1;
  double blocking = 0, passing = 0;
  for (const auto& [text, logprob] : first) {
    const std::string start = lower(trimmed(text));
    if (start.empty()) continue;
    if (form.blocking.substr(0, start.size()) == start) blocking += std::exp(logprob);
    if (form.passing.substr(0, start.size()) == start) passing += std::exp(logprob);
  }
  return blocking + passing > 0 ? blocking / (blocking + passing) : -1;
}

}  // namespace whorl::guard

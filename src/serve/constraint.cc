#include "serve/constraint.h"

#include "base/check.h"

namespace whorl::serve {
namespace {

constexpr size_t kRemembered = 64;

}  // namespace

Constraints::Constraints(std::shared_ptr<const text::Tokenizer> tokenizer, std::vector<int32_t> eos)
    : tokenizer_(std::move(tokenizer)), eos_(std::move(eos)) {}

std::optional<text::Grammar> Constraints::grammar_for(const GenerateRequest& request,
                                                      text::ToolCallFormat format) {
  const bool call = must_call(request);
  const int wanted = (request.json_schema.empty() ? 0 : 1) + (request.regex.empty() ? 0 : 1) + (call ? 1 : 0);
  if (wanted == 0) return {};
  base::check_argument(
      wanted == 1,
      "[InferenceEngine.submit] expected at most one of json_schema, regex and a tool_choice "
      "that demands a call");
  base::check_argument(tokenizer_ != nullptr,
                       "[InferenceEngine.submit] constrained output needs a model with a tokenizer");
  if (!request.json_schema.empty()) return compile(Kind::json_schema, request.json_schema);
  if (!request.regex.empty()) return compile(Kind::regex, request.regex);
  const bool single = request.tool_choice != "required";
  return compile(Kind::lark, tool_call_grammar(chosen_tools(request), format, single, *tokenizer_));
}

text::Grammar Constraints::compile(Kind kind, const std::string& source) {
  std::lock_guard lock(mutex_);
  const std::pair key(kind, source);
  for (auto entry = recent_.begin(); entry != recent_.end(); ++entry) {
    if (entry->first != key) continue;
    recent_.splice(recent_.begin(), recent_, entry);
    return recent_.front().second;
  }
  if (!vocabulary_) vocabulary_.emplace(*tokenizer_, eos_);
  auto grammar = kind == Kind::json_schema ? text::Grammar::json_schema(*vocabulary_, source)
                 : kind == Kind::regex     ? text::Grammar::regex(*vocabulary_, source)
                                           : text::Grammar::lark(*vocabulary_, source);
  recent_.emplace_front(key, grammar);
  if (recent_.size() > kRemembered) recent_.pop_back();
  return grammar;
}

}  // namespace whorl::serve

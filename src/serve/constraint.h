#pragma once
// What a request allows its text to be, as a grammar: a JSON Schema, a pattern, or a tool call that must
// come.
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "text/grammar.h"
#include "text/tokenizer.h"
#include "text/tool_calls.h"
#include "whorl/inference_engine.h"

namespace whorl::serve {

// Compiles grammars and keeps the last few: batches repeat theirs. Thread-safe.
class Constraints {
 public:
  Constraints(std::shared_ptr<const text::Tokenizer> tokenizer, std::vector<int32_t> eos);

  // Empty when the request constrains nothing. std::invalid_argument for a bad schema, pattern or
  // tool_choice, or for more than one constraint.
  std::optional<text::Grammar> grammar_for(const GenerateRequest& request, text::ToolCallFormat format);

 private:
  enum class Kind : uint8_t { json_schema, regex, lark };
  text::Grammar compile(Kind kind, const std::string& source);

  std::shared_ptr<const text::Tokenizer> tokenizer_;
  std::vector<int32_t> eos_;
  std::mutex mutex_;
  std::optional<text::GrammarVocabulary> vocabulary_;  // made when first needed
  std::list<std::pair<std::pair<Kind, std::string>, text::Grammar>> recent_;
};

// A grammar (llguidance's Lark dialect) of one or more calls, or of exactly one when `single`, in the format
// that the chat template reads back.
std::string tool_call_grammar(const std::vector<Tool>& tools, text::ToolCallFormat format, bool single,
                              const text::Tokenizer& tokenizer);

// "auto" and "none" constrain nothing.
bool must_call(const GenerateRequest& request);
// What tool_choice leaves of the tools; an unknown name is std::invalid_argument with the nearest one.
std::vector<Tool> chosen_tools(const GenerateRequest& request);

}  // namespace whorl::serve

#pragma once
// What a judge's verdicts are worth: agreement with what people said, and canaries whose verdict is known.
#include <string>
#include <vector>

#include "eval/judge.h"

namespace whorl::eval {

// Their questions, as the judge sees them. std::invalid_argument for a verdict that is no option, or criteria
// that only a row could fill in.
std::vector<Judged> judged_canaries(const JudgeOptions& options, const Templates& templates,
                                    const std::string& where);
// Asks for all verdicts; adds "<name>.canaries", and a warning for the canaries that the judge got wrong. One
// that it declined is wrong.
void add_canaries(const Bench& bench, const JudgeOptions& options, const std::vector<Judged>& canaries,
                  const std::string& name, EvaluateResult& result);

// A row's label; "" where it has none. TemplateError, or std::invalid_argument for what is no option.
std::string label_of(const JudgeOptions& options, const Templates& templates, const std::string& context);

struct Labelled {
  std::string label, verdict;
};
// Adds "<name>.kappa", and a warning where chance would agree as well.
void add_agreement(const std::vector<Labelled>& rows, const std::string& name, EvaluateResult& result);

}  // namespace whorl::eval

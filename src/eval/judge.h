#pragma once
// A model as judge: what it is asked, and what its verdict is worth.
#include <string>
#include <vector>

#include "eval/scoring.h"

namespace whorl::eval {

// The verdict by which a judge declines; no option may be called so.
inline constexpr const char* kRefusal = "cannot judge";

// One answer to be judged; texts as they came.
struct Judged {
  std::string id;        // of the row: decides its fence
  std::string criteria;  // rendered; "" = the default
  std::string question, answer;
  std::string reference = {};  // "" = none
};
struct Verdict {
  Value value;     // of the option chosen; unparsable, refused or errored
  Value expected;  // under the judge's own distribution; only if asked for
};
// One batch. std::invalid_argument for options that make no sense, or a model without a chat template.
std::vector<Verdict> judge_answers(const Bench& bench, const JudgeOptions& options,
                                   const std::vector<Judged>& answers);

struct JudgedPair {
  std::string id, criteria, question, a, b;
};
struct PairVerdict {
  std::string verdict = {};             // "a", "b", "tie", "refused", "unparsable" or "errored"
  std::string first = {}, second = {};  // with a's answer shown first, and with b's
  bool flipped = false;
  std::string why = {};
};
// Both orders of every pair in one batch.
std::vector<PairVerdict> judge_pairs(const Bench& bench, const JudgeOptions& options,
                                     const std::vector<JudgedPair>& pairs);

JudgedPairs judge_results(const Bench& bench, const EvaluateResult& a, const EvaluateResult& b,
                          const JudgeOptions& options);

void check_judge(const JudgeOptions& options);
// A judge of pairs has no labels and no canaries: both are verdicts on one answer.
void check_pairwise(const JudgeOptions& options, const std::string& where);

// `name`, a fence and the text: "Answer\n===== 8f… =====\n…\n===== 8f… =====\n".
std::string fenced(const std::string& name, const std::string& text, const std::string& fence);
// A line that none of the texts holds.
std::string fence_for(const std::string& id, uint64_t seed, const std::vector<const std::string*>& texts);

}  // namespace whorl::eval

// The judge as a metric of a task, and as a judge between two results.
#include <map>
#include <nlohmann/json.hpp>

#include "base/check.h"
#include "eval/judge.h"
#include "eval/judge_trust.h"

namespace whorl::eval {
namespace {

using base::Json;

// What a row shows the judge; a row that cannot be shown keeps its reason.
struct Shown {
  std::string criteria = {}, candidate = {}, reference = {};
  Value problem = {};
};

class JudgeMetric : public Metric {
 public:
  JudgeMetric(std::string name, Texts texts, bool pairwise)
      : name_(std::move(name)), texts_(std::move(texts)), pairwise_(pairwise) {
    const std::string where = "[Evaluator.run] metric '" + name_ + "'";
    if (pairwise_)
      check_pairwise(texts_.options.judge, where);
    else
      check_judge(texts_.options.judge);
    canaries_ = judged_canaries(texts_.options.judge, *texts_.templates, where);
  }

  std::vector<std::string> names() const override {
    if (pairwise_) return {name_, name_ + ".flips"};
    if (texts_.options.judge.expectation) return {name_, name_ + ".expected"};
    return {name_};
  }
  std::optional<Value> worst(size_t, const Case&) const override { return {}; }

  std::vector<std::vector<Value>> score(const std::vector<Case>& cases, const Bench& bench) const override {
    std::vector<std::vector<Value>> out(names().size(), std::vector<Value>(cases.size()));
    std::vector<size_t> rows;
    std::vector<Judged> answers;
    std::vector<JudgedPair> pairs;
    for (size_t i = 0; i < cases.size(); ++i) {
      const Shown shown = show(cases[i]);
      if (shown.problem.kind != Value::Kind::scored) {
        for (auto& values : out) values[i] = shown.problem;
        continue;
      }
      rows.push_back(i);
      const auto& question = cases[i].question->prompt;
      if (pairwise_)
        pairs.push_back({cases[i].item->id, shown.criteria, question, shown.reference, shown.candidate});
      else
        answers.push_back({cases[i].item->id, shown.criteria, question, shown.candidate, shown.reference});
    }
    if (pairwise_)
      add(judge_pairs(bench, texts_.options.judge, pairs), rows, out);
    else
      add(judge_answers(bench, texts_.options.judge, answers), rows, out);
    return out;
  }

  void add_whole(const std::vector<Case>& cases, const std::vector<std::vector<Value>>& values,
                 const Bench& bench, EvaluateResult& result) const override {
    const JudgeOptions& judge = texts_.options.judge;
    if (!canaries_.empty()) add_canaries(bench, judge, canaries_, name_, result);
    if (judge.label.empty()) return;
    std::vector<Labelled> rows;
    for (size_t i = 0; i < cases.size(); ++i) {
      const Value& value = values[0][i];
      if (value.kind == Value::Kind::errored) continue;
      const std::string label = label_of(judge, *texts_.templates, cases[i].context);
      const bool said = value.kind == Value::Kind::scored;
      if (!label.empty()) rows.push_back({label, said ? value.label : kRefusal});
    }
    add_agreement(rows, name_, result);
  }

 private:
  Shown show(const Case& one) const {
    if (!one.answer->error.empty()) return {.problem = Value::errored(one.answer->error)};
    if (one.answer->finish_reason == "refused") return {.problem = Value::refused("the model declined")};
    Shown out;
    try {
      label_of(texts_.options.judge, *texts_.templates, one.context);  // a bad one is told before judging
      out.criteria = texts_.templates->render(texts_.options.judge.criteria, one.context);
      out.candidate = texts_.candidate(one);
      const bool has_reference = !texts_.options.references.empty() || one.question->expected;
      if (pairwise_ || has_reference) out.reference = texts_.references(one).front();
    } catch (const std::invalid_argument& error) {
      out.problem = Value::errored(error.what());
    }
    return out;
  }

  static void add(const std::vector<Verdict>& verdicts, const std::vector<size_t>& rows,
                  std::vector<std::vector<Value>>& out) {
    for (size_t i = 0; i < rows.size(); ++i) {
      out[0][rows[i]] = verdicts[i].value;
      if (out.size() > 1) out[1][rows[i]] = verdicts[i].expected;
    }
  }

  // The row's answer is b, the reference is a.
  static void add(const std::vector<PairVerdict>& verdicts, const std::vector<size_t>& rows,
                  std::vector<std::vector<Value>>& out) {
    for (size_t i = 0; i < rows.size(); ++i) {
      const auto& one = verdicts[i];
      const Value won = one.verdict == "b"            ? Value::of(1)
                        : one.verdict == "tie"        ? Value::of(.5)
                        : one.verdict == "a"          ? Value::of(0)
                        : one.verdict == "refused"    ? Value::refused(one.why)
                        : one.verdict == "unparsable" ? Value::unparsable(one.why)
                                                      : Value::errored(one.why);
      out[0][rows[i]] = won;
      out[1][rows[i]] = won.kind == Value::Kind::scored ? Value::of(one.flipped ? 1 : 0) : won;
    }
  }

  std::string name_;
  Texts texts_;
  bool pairwise_;
  std::vector<Judged> canaries_;
};

void tally(const PairVerdict& one, JudgedPairs& out) {
  out.wins_a += one.verdict == "a";
  out.wins_b += one.verdict == "b";
  out.ties += one.verdict == "tie";
  out.refused += one.verdict == "refused";
  out.unparsable += one.verdict == "unparsable";
  out.errored += one.verdict == "errored";
}

// Rows that both results have an answer to.
std::vector<std::pair<const RowScore*, const RowScore*>> common_rows(const EvaluateResult& a,
                                                                     const EvaluateResult& b) {
  std::map<std::string, const RowScore*> other;
  for (const auto& row : b.rows) other[row.id] = &row;
  std::vector<std::pair<const RowScore*, const RowScore*>> out;
  for (const auto& row : a.rows)
    if (const auto found = other.find(row.id); found != other.end()) out.push_back({&row, found->second});
  return out;
}

}  // namespace

JudgedPairs judge_results(const Bench& bench, const EvaluateResult& a, const EvaluateResult& b,
                          const JudgeOptions& options) {
  check_pairwise(options, "[Evaluator.judge]");
  const auto common = common_rows(a, b);
  base::check_argument(!common.empty(), "[Evaluator.judge] the two results have no row in common");
  std::vector<JudgedPair> pairs;
  for (const auto& [left, right] : common)
    pairs.push_back({left->id, options.criteria, left->prompt, left->got, right->got});
  const auto verdicts = judge_pairs(bench, options, pairs);
  JudgedPairs out;
  std::vector<double> won, flipped;
  for (size_t i = 0; i < verdicts.size(); ++i) {
    const auto& one = verdicts[i];
    tally(one, out);
    out.rows.push_back(
        {pairs[i].id, common[i].first->source, one.verdict, one.first, one.second, one.flipped, one.why});
    if (one.verdict != "a" && one.verdict != "b" && one.verdict != "tie") continue;
    won.push_back(one.verdict == "b" ? 1 : one.verdict == "tie" ? .5 : 0);
    flipped.push_back(one.flipped ? 1 : 0);
  }
  out.win_rate = summarize(won);
  out.flip_rate = summarize(flipped);
  for (Score* score : {&out.win_rate, &out.flip_rate}) {
    score->errored = out.errored;
    score->unparsable = out.unparsable;
    score->refused = out.refused;
  }
  return out;
}

std::unique_ptr<Metric> make_judge_metric(const std::string& type, const std::string& name,
                                          const Texts& texts, const Json& params) {
  base::check_known_keys(params, std::vector<std::string>(), "[Evaluator.run] metric '" + name + "': params");
  return std::make_unique<JudgeMetric>(name, texts, type == "llm_judge_pairwise");
}

}  // namespace whorl::eval

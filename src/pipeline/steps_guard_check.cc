// guard_check: rows through guardrails, each decision kept, and whether what should be blocked was.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/check.h"
#include "base/json.h"
#include "pipeline/guard_rows.h"
#include "whorl/adapter_store.h"
#include "whorl/guardrail.h"

namespace whorl::pipeline {
namespace {

using base::Json;

constexpr size_t kRowsAtOnce = 64;  // one batch of the engine; between two of them the step may be stopped

struct Counts {
  int64_t rows = 0, blocked = 0, changed = 0, failed = 0;
  int64_t hits = 0, should = 0;  // blocked and expected to be; expected to be
  std::string why;               // a rail failed
};

// Texts are one batch; conversations, whose rails may read what was said before, follow one by one.
std::vector<GuardResult> check(const Guardrail& guard, const std::string& rail,
                               const std::vector<GuardRow>& of) {
  std::vector<GuardResult> made(of.size());
  std::vector<size_t> places;
  std::vector<std::string> texts;
  std::vector<GuardContext> contexts;
  for (size_t i = 0; i < of.size(); ++i) {
    if (rail == "retrieval") {
      made[i] = guard.check_retrieval({of[i].text});
    } else if (!of[i].said.empty()) {
      made[i] = rail == "input" ? guard.check_input(of[i].said)
                                : guard.check_output(of[i].said.back(), of[i].context);
    } else {
      places.push_back(i);
      texts.push_back(of[i].text);
      contexts.push_back(of[i].context);
    }
  }
  auto answers = rail == "input" ? guard.check_inputs(texts) : guard.check_outputs(texts, contexts);
  for (size_t i = 0; i < places.size(); ++i) made[places[i]] = std::move(answers[i]);
  return made;
}

// The clock left out, so that the same rows give the same bytes.
std::string decision_line(const GuardRow& row, size_t index, const GuardResult& result) {
  Json made = {{"row", index}, {"source", row.source}};
  if (row.expected) made["expected"] = *row.expected ? "blocked" : "allowed";
  const Json said = base::parse_json(result.to_json(), "[Pipeline.run] decisions");
  for (const auto& [key, value] : said.items())
    if (key != "seconds") made[key] = value;
  for (auto& decision : made["decisions"]) decision.erase("seconds");
  return made.dump() + "\n";
}

void count(const GuardResult& result, const std::optional<bool>& expected, Counts& counts) {
  ++counts.rows;
  counts.blocked += !result.allowed();
  counts.changed += result.status == "changed";
  counts.should += expected.value_or(false);
  counts.hits += expected.value_or(false) && !result.allowed();
  for (const auto& decision : result.decisions) {
    if (decision.failed.empty()) continue;
    ++counts.failed;
    counts.why = decision.flow + ": " + decision.reason;
    break;
  }
}

double share(int64_t part, int64_t whole) { return static_cast<double>(part) / static_cast<double>(whole); }

// Why the rails do not pass; empty = they do.
std::string objections(JobContext& job, const Counts& counts, const Object& outputs) {
  const Object& with = job.with();
  std::string found;
  const auto given = [&](const char* name) { return with.contains(name) && !with.at(name).is_null(); };
  const auto demand = [&](const char* name, const char* output, double sign) {
    const Value& value = outputs.at(output);
    const double limit = number_or(with, name, 1);
    if (!value.is_number() || sign * value.number() >= sign * limit) return;
    found += base::concat(found.empty() ? "" : "; ", output, " is ", value.number(), ", wanted at ",
                          sign > 0 ? "least " : "most ", limit);
  };
  base::check_argument(!given("min_recall") || counts.should > 0, job.where(),
                       ": argument 'min_recall': no row is expected to be blocked");
  demand("min_precision", "precision", 1);
  demand("min_recall", "recall", 1);
  if (given("max_blocked_rate")) demand("max_blocked_rate", "blocked_rate", -1);
  return found;
}

std::string checked_rail(JobContext& job) {
  const auto rail = text_or(job.with(), "rail", "input");
  const std::vector<std::string> known = {"input", "output", "retrieval"};
  base::check_argument(std::find(known.begin(), known.end(), rail) != known.end(), job.where(),
                       ": argument 'rail': expected input, output or retrieval, got '",
                       base::printable(rail, 40), "'", base::did_you_mean(rail, known));
  for (const char* limit : {"min_precision", "min_recall"})
    base::check_argument(!job.with().contains(limit) || job.with().contains("expect"), job.where(),
                         ": argument '", limit,
                         "': what should be blocked is not known; name its column under 'expect'");
  base::check_argument(!job.with().contains("evidence") || rail == "output", job.where(),
                       ": argument 'evidence': it belongs to rail 'output'");
  return rail;
}

// A guardrail and the engine that its rails ask, if there is one.
struct Guarded {
  std::unique_ptr<InferenceEngine> engine;
  std::optional<Guardrail> guard;
};

Guarded load_guard(JobContext& job) {
  const Object& with = job.with();
  Guarded made;
  if (const auto base_path = text_or(with, "base", ""); !base_path.empty()) {
    const auto store = text_or(with, "store", "");
    made.engine = store.empty() ? std::make_unique<InferenceEngine>(base_of(job))
                                : std::make_unique<InferenceEngine>(base_of(job),
                                                                    AdapterStore(store, {.create = false}));
    for (const auto& adapter : adapters_of(job))
      made.engine->add_adapter(adapter.name, Adapter::load(adapter.path));
  } else {
    for (const char* name : {"adapters", "store"})
      base::check_argument(!with.contains(name), job.where(), ": argument '", name,
                           "' is for rails that ask a model: name it under 'base'");
  }
  try {
    made.guard = Guardrail::load(text_or(with, "config", ""), made.engine.get());
  } catch (const std::invalid_argument& error) {
    const std::string what = error.what();
    const bool wants = !made.engine && what.find("asks a model") != std::string::npos;
    base::invalid(what, wants ? "; in a pipeline, name the model under 'base'" : "");
  }
  for (const auto& warning : made.guard->warnings()) job.log("warning: " + warning);
  return made;
}

Object outputs_of(const Counts& counts, bool expecting) {
  const auto null_unless = [](bool known, double value) { return known ? Value(value) : Value(); };
  return {{"rows", counts.rows},
          {"blocked", counts.blocked},
          {"changed", counts.changed},
          {"allowed", counts.rows - counts.blocked - counts.changed},
          {"failed", counts.failed},
          {"blocked_rate", share(counts.blocked, counts.rows)},
          {"wrong", expecting ? Value(counts.should + counts.blocked - 2 * counts.hits) : Value()},
          {"precision", null_unless(expecting && counts.blocked > 0, share(counts.hits, counts.blocked))},
          {"recall", null_unless(expecting && counts.should > 0, share(counts.hits, counts.should))},
          {"passed", Value()}};
}

// Lines of decisions.jsonl. Whatever was decided otherwise than expected stands in the log too.
std::string check_all(JobContext& job, const Guardrail& guard, const std::string& rail,
                      const std::vector<GuardRow>& rows, Counts& counts) {
  std::string lines;
  for (size_t begin = 0; begin < rows.size(); begin += kRowsAtOnce) {
    job.check_stop();
    const size_t end = std::min(begin + kRowsAtOnce, rows.size());
    const auto results = check(guard, rail, {rows.data() + begin, rows.data() + end});
    for (size_t i = begin; i < end; ++i) {
      const auto& result = results[i - begin];
      count(result, rows[i].expected, counts);
      lines += decision_line(rows[i], i, result);
      if (rows[i].expected && *rows[i].expected == result.allowed())
        job.log(rows[i].source +
                (result.allowed() ? " was not blocked" : " was blocked by " + result.blocked_by));
    }
    job.progress({.share = share(counts.rows, static_cast<int64_t>(rows.size())),
                  .message = base::concat(counts.blocked, " of ", counts.rows, " rows blocked")});
  }
  if (counts.failed > 0) job.log(base::concat("a rail failed on ", counts.failed, " rows: ", counts.why));
  base::check_argument(counts.failed < counts.rows, job.where(),
                       ": a rail failed on every row: ", counts.why);
  return lines;
}

}  // namespace

Object run_guard_check(JobContext& job) {
  const auto rail = checked_rail(job);
  const bool expecting = job.with().contains("expect");
  const auto rows = guard_rows(job, rail);
  const auto guarded = load_guard(job);
  Counts counts;
  const auto lines = check_all(job, *guarded.guard, rail, rows, counts);
  Object outputs = outputs_of(counts, expecting);
  const auto why = objections(job, counts, outputs);
  if (expecting || job.with().contains("max_blocked_rate")) outputs["passed"] = why.empty();
  job.log(base::concat(counts.rows, " rows, ", counts.blocked, " blocked, ", counts.changed, " changed",
                       why.empty() ? "" : ": " + why));
  const auto path = base::join(job.scratch(), "decisions.jsonl");
  base::write_file_durably(path, lines);
  const auto decisions = job.services.store.take(path, job.where());
  // A step that is rejected has no outputs: who asks why finds the decisions by the message.
  if (!why.empty() && text_or(job.with(), "on_reject", "fail") != "report")
    throw StepError(Fault::rejected, why + "; every decision: " + job.services.store.path_of(decisions));
  outputs["decisions"] = to_value(decisions);
  return outputs;
}

}  // namespace whorl::pipeline

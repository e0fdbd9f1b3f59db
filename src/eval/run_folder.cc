#include "eval/run_folder.h"

#include <nlohmann/json.hpp>

#include "base/check.h"
#include "eval/report_html.h"
#include "eval/result_json.h"

namespace whorl::eval {

using base::Json;

namespace {

std::string dumped(const Json& json, int indent) {
  return json.dump(indent, ' ', false, Json::error_handler_t::replace) + "\n";
}

// Answers of another model would be of no use, and its scores would be lost.
void check_same_run(const Json& was, const Json& is, const std::string& path) {
  for (const char* key : {"model_digest", "data_digest"})
    base::check_argument(!was.contains(key) || was[key] == is[key], "[Evaluator.run] ", path,
                         " holds an evaluation with another ", key, " (", was.value(key, Json()).dump(),
                         ", this one has ", is[key].dump(), "); give `out` another folder");
}

}  // namespace

RunFolder::RunFolder(const std::string& path, const Json& manifest, base::FileSystem& fs)
    : path_(path), fs_(&fs) {
  base::make_directories(fs, path, "Evaluator.run");
  const std::string file = base::join(path, "manifest.json");
  // The lock comes first: two runs must not both find the folder empty.
  cache_ = std::make_unique<AnswerCache>(fs, base::join(path, "answers.jsonl"));
  if (base::exists(fs, file)) check_same_run(base::read_json(file, "[Evaluator.run]"), manifest, path);
  base::write_file_durably(fs, file, dumped(manifest, 2), "Evaluator.run");
}

void RunFolder::finish(const std::vector<EvaluateResult>& results,
                       const std::vector<Comparison>& comparisons) const {
  if (path_.empty()) return;
  Json summary = {{"results", Json::array()}, {"comparisons", Json::array()}};
  std::string rows;
  for (const auto& result : results) {
    summary["results"].push_back(summary_json(result));
    for (const auto& row : result.rows) {
      Json line = {{"adapter", result.adapter}};
      line.update(row_json(row));
      rows += dumped(line, -1);
    }
  }
  for (const auto& comparison : comparisons) summary["comparisons"].push_back(comparison_json(comparison));
  const auto write = [this](const char* name, const std::string& text) {
    base::write_file_durably(*fs_, base::join(path_, name), text, "Evaluator.run");
  };
  write("rows.jsonl", rows);
  const Json manifest = base::read_json(base::join(path_, "manifest.json"), "[Evaluator.run]");
  write("report.html", report_page(results, comparisons, "Evaluation", manifest));
  write("results.json", dumped(summary, 2));  // last: where it stands, the run is complete
}

}  // namespace whorl::eval

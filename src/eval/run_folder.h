#pragma once
// What a run leaves in its folder: answers as they come, and at the end manifest, scores, rows and a page.
#include <memory>
#include <string>
#include <vector>

#include "eval/answer_cache.h"
#include "whorl/evaluator.h"

namespace whorl::eval {

// manifest.json   what was run: versions, digests, seeds, settings. Written first
// answers.jsonl   every answer of the engine, by digest of its request
// results.json    scores and comparisons; the same run gives the same bytes
// rows.jsonl      every row's prompt, answer and scores
// report.html     the same for people
class RunFolder {
 public:
  RunFolder() = default;  // no folder: answers are kept in memory
  // std::invalid_argument if the folder holds a run of another model or other data.
  RunFolder(const std::string& path, const base::Json& manifest, base::FileSystem& fs);

  AnswerCache& answers() { return *cache_; }
  void finish(const std::vector<EvaluateResult>& results, const std::vector<Comparison>& comparisons) const;

 private:
  std::string path_;
  base::FileSystem* fs_ = nullptr;
  std::unique_ptr<AnswerCache> cache_ = std::make_unique<AnswerCache>();
};

}  // namespace whorl::eval

#pragma once
// What stands behind the public Dataset: shared rows and the account of what was done to them.
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "whorl/dataset.h"

namespace whorl {

struct Dataset::Impl {
  struct Step {
    std::string name;
    int64_t dropped = 0, changed = 0, added = 0;  // rows
    std::map<std::string, int64_t> reasons = {};  // per kind of reason; a row may have several
  };

  std::vector<std::shared_ptr<const Row>> rows;
  std::string format, reason;
  std::vector<RowChange> changes;
  std::vector<Step> steps;
  int64_t read = 0;  // rows that the sources held
};

namespace data {

using Rows = std::vector<std::shared_ptr<const Row>>;

// Collects one step's verdicts and makes the next Dataset::Impl of them.
class StepBuilder {
 public:
  StepBuilder(const Dataset::Impl& from, std::string step);
  void keep(std::shared_ptr<const Row> row) { next_->rows.push_back(std::move(row)); }
  // `kind` is the reason without its particulars, for the counts; `reason` is said about this row.
  void drop(const Row& row, const std::string& kind, const std::string& reason);
  void change(std::shared_ptr<const Row> row, const std::map<std::string, int64_t>& kinds,
              const std::string& reason);
  // Counts what a step found without touching the row.
  void report(const Row& row, const std::map<std::string, int64_t>& kinds, const std::string& reason);
  // Rows that are elsewhere now, not bad: counted, not listed.
  void set_aside(int64_t rows, const std::string& kind);
  void added(int64_t rows, const std::string& kind);
  std::shared_ptr<const Dataset::Impl> finish();

 private:
  std::shared_ptr<Dataset::Impl> next_;
  Dataset::Impl::Step step_;
};

// One canonical JSON object, without a line break. Loading it gives the same row.
std::string canonical_json(const Row& row);

// The row's text as parts: contents, reasoning, calls; which of them `field` ("all", "prompt", "completion")
// means.
enum class RowKind : uint8_t { messages, prompt_completion, text };
RowKind kind_of(const Row& row);

}  // namespace data

}  // namespace whorl

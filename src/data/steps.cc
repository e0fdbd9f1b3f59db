#include "data/dataset_impl.h"

namespace whorl::data {

StepBuilder::StepBuilder(const Dataset::Impl& from, std::string step)
    : next_(std::make_shared<Dataset::Impl>()) {
  next_->format = from.format;
  next_->reason = from.reason;
  next_->changes = from.changes;
  next_->steps = from.steps;
  next_->read = from.read;
  step_.name = std::move(step);
}

void StepBuilder::drop(const Row& row, const std::string& kind, const std::string& reason) {
  ++step_.dropped;
  ++step_.reasons[kind];
  next_->changes.push_back({row.source, "dropped", step_.name, reason});
}

void StepBuilder::change(std::shared_ptr<const Row> row, const std::map<std::string, int64_t>& kinds,
                         const std::string& reason) {
  ++step_.changed;
  for (const auto& [kind, count] : kinds) step_.reasons[kind] += count;
  next_->changes.push_back({row->source, "changed", step_.name, reason});
  keep(std::move(row));
}

void StepBuilder::report(const Row& row, const std::map<std::string, int64_t>& kinds,
                         const std::string& reason) {
  for (const auto& [kind, count] : kinds) step_.reasons[kind] += count;
  next_->changes.push_back({row.source, "found", step_.name, reason});
}

void StepBuilder::set_aside(int64_t rows, const std::string& kind) {
  if (rows == 0) return;
  step_.dropped += rows;
  step_.reasons[kind] += rows;
}

void StepBuilder::added(int64_t rows, const std::string& kind) {
  if (rows == 0) return;
  step_.added += rows;
  step_.reasons[kind] += rows;
}

std::shared_ptr<const Dataset::Impl> StepBuilder::finish() {
  next_->steps.push_back(std::move(step_));
  return std::move(next_);
}

RowKind kind_of(const Row& row) {
  if (!row.messages.empty()) return RowKind::messages;
  return row.text.empty() ? RowKind::prompt_completion : RowKind::text;
}

}  // namespace whorl::data

// Size, access, and the steps that choose or order rows.
#include <algorithm>
#include <cmath>
#include <numeric>
#include <unordered_map>

#include "base/check.h"
#include "base/random.h"
#include "data/dataset_impl.h"
#include "data/value.h"

namespace whorl {

using base::check_argument;
using base::invalid;

Dataset::Dataset(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}

int64_t Dataset::size() const { return static_cast<int64_t>(impl_->rows.size()); }
std::string Dataset::format() const { return impl_->format; }
std::string Dataset::format_reason() const { return impl_->reason; }
const std::vector<RowChange>& Dataset::changes() const { return impl_->changes; }

const Row& Dataset::operator[](int64_t i) const {
  if (i < 0 || i >= size()) invalid("[Dataset] expected a row below ", size(), ", got ", i);
  return *impl_->rows[static_cast<size_t>(i)];
}

namespace data {

namespace {

// Fisher-Yates with counter-based draws: the same on every machine.
std::vector<int64_t> permutation(int64_t n, uint64_t seed, uint64_t stream) {
  std::vector<int64_t> order(static_cast<size_t>(n));
  std::iota(order.begin(), order.end(), 0);
  const uint64_t key = base::derive(seed, stream);
  for (int64_t i = n - 1; i > 0; --i) {
    const uint64_t j = base::below(key, static_cast<uint64_t>(i), static_cast<uint64_t>(i) + 1);
    std::swap(order[static_cast<size_t>(i)], order[j]);
  }
  return order;
}

constexpr uint64_t shuffle_stream = 1, split_stream = 2;

std::string group_of(const Row& row, const std::string& key) {
  Value extra;
  ParseProblem problem;
  const bool parsed = !row.extra.empty() && parse_whole(row.extra, &extra, &problem);
  const Value* value = parsed ? extra.find(key) : nullptr;
  if (!value) invalid("[Dataset.split] ", row.source, ": expected a column '", key, "' to group by");
  return to_text(*value);
}

// Rows that stay together, in the order of their first row.
std::vector<std::vector<int64_t>> groups_of(const Rows& rows, const std::string& key) {
  std::vector<std::vector<int64_t>> groups;
  std::unordered_map<std::string, size_t> index;
  for (size_t i = 0; i < rows.size(); ++i) {
    const size_t group =
        key.empty() ? groups.size() : index.try_emplace(group_of(*rows[i], key), groups.size()).first->second;
    if (group == groups.size()) groups.emplace_back();
    groups[group].push_back(static_cast<int64_t>(i));
  }
  return groups;
}

Dataset part_of(const Dataset::Impl& from, const std::vector<bool>& in_train, bool train) {
  StepBuilder step(from, "split");
  for (size_t i = 0; i < from.rows.size(); ++i)
    if (in_train[i] == train) step.keep(from.rows[i]);
  step.set_aside(std::count(in_train.begin(), in_train.end(), !train),
                 train ? "went to valid" : "went to train");
  return Dataset(step.finish());
}

}  // namespace

}  // namespace data

Dataset Dataset::shuffle(uint64_t seed) const {
  data::StepBuilder step(*impl_, "shuffle");
  for (const int64_t i : data::permutation(size(), seed, data::shuffle_stream))
    step.keep(impl_->rows[static_cast<size_t>(i)]);
  return Dataset(step.finish());
}

DatasetSplit Dataset::split(double fraction, uint64_t seed, const std::string& group_by) const {
  check_argument(fraction >= 0 && fraction <= 1,
                 "[Dataset.split] expected fraction to be between 0 and 1, got ", fraction);
  const int64_t wanted = std::llround(fraction * static_cast<double>(size()));
  const auto groups = data::groups_of(impl_->rows, group_by);
  std::vector<bool> in_train(impl_->rows.size(), false);
  int64_t taken = 0;
  for (const int64_t g : data::permutation(static_cast<int64_t>(groups.size()), seed, data::split_stream)) {
    const auto& group = groups[static_cast<size_t>(g)];
    const int64_t count = static_cast<int64_t>(group.size());
    // A group that overshoots is taken only if that ends nearer to the wanted count.
    if (taken >= wanted || taken + count - wanted > wanted - taken) continue;
    for (const int64_t i : group) in_train[static_cast<size_t>(i)] = true;
    taken += count;
  }
  return {data::part_of(*impl_, in_train, true), data::part_of(*impl_, in_train, false)};
}

Dataset Dataset::select(const std::vector<int64_t>& rows) const {
  data::StepBuilder step(*impl_, "select");
  std::vector<int64_t> times(impl_->rows.size(), 0);
  for (const int64_t i : rows) {
    if (i < 0 || i >= size()) invalid("[Dataset.select] expected rows below ", size(), ", got ", i);
    ++times[static_cast<size_t>(i)];
    step.keep(impl_->rows[static_cast<size_t>(i)]);
  }
  const int64_t left_out = std::count(times.begin(), times.end(), 0);
  step.set_aside(left_out, "not selected");
  step.added(static_cast<int64_t>(rows.size()) - (size() - left_out), "selected again");
  return Dataset(step.finish());
}

Dataset Dataset::take(int64_t n) const {
  check_argument(n >= 0, "[Dataset.take] expected a count of rows, got ", n);
  data::StepBuilder step(*impl_, "take");
  for (int64_t i = 0; i < std::min(n, size()); ++i) step.keep(impl_->rows[static_cast<size_t>(i)]);
  step.set_aside(size() - std::min(n, size()), "beyond the rows taken");
  return Dataset(step.finish());
}

Dataset Dataset::concat(const Dataset& other) const {
  auto next = std::make_shared<Impl>(*impl_);
  const Impl& more = *other.impl_;
  next->rows.insert(next->rows.end(), more.rows.begin(), more.rows.end());
  next->changes.insert(next->changes.end(), more.changes.begin(), more.changes.end());
  next->steps.insert(next->steps.end(), more.steps.begin(), more.steps.end());
  next->read += more.read;
  if (impl_->rows.empty()) {
    next->format = more.format;
    next->reason = more.reason;
  } else if (!more.rows.empty() && more.format != impl_->format) {
    next->format = "mixed";
    next->reason = impl_->format + " (" + impl_->reason + ") and " + more.format + " (" + more.reason + ")";
  }
  return Dataset(std::move(next));
}

}  // namespace whorl

#include "train/epochs.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/check.h"
#include "base/random.h"
#include "train/shares.h"

namespace whorl::train {

namespace {

constexpr int64_t kWindow =
    1024;  // rows packed together: costs at most a percent of fill, keeps the order random
constexpr uint64_t kOrderStream = 0x6f72646572;  // "order"

std::vector<int64_t> shuffled(int64_t n, uint64_t key) {
  std::vector<int64_t> order(static_cast<size_t>(n));
  std::iota(order.begin(), order.end(), 0);
  for (size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[base::below(key, i, i)]);
  return order;
}

MicroBatch join(const std::vector<data::Bin>& bins, int64_t begin, int64_t end) {
  MicroBatch out;
  for (int64_t i = begin; i < end; ++i) {
    const data::Bin& bin = bins[static_cast<size_t>(i)];
    out.rows.insert(out.rows.end(), bin.rows.begin(), bin.rows.end());
    out.tokens += bin.tokens;
  }
  return out;
}

std::vector<data::Bin> one_each(const std::vector<int64_t>& order, const std::vector<int64_t>& lengths) {
  std::vector<data::Bin> bins;
  for (const int64_t row : order) bins.push_back({{row}, lengths[static_cast<size_t>(row)]});
  return bins;
}

}  // namespace

int64_t bins_per_micro_batch(const TrainOptions& options, int64_t max_length) {
  if (options.batch_tokens == 0) return options.batch_size;
  return std::max<int64_t>(1, options.batch_tokens / max_length);
}

Epochs::Epochs(const TrainRows& rows, const TrainOptions& options, int64_t max_length, int64_t ranks)
    : rows_(rows),
      options_(options),
      max_length_(max_length),
      bins_per_micro_(bins_per_micro_batch(options, max_length)) {
  int64_t done = 0;
  for (int64_t epoch = 0;; ++epoch) {
    const std::vector<data::Bin>& bins = bins_of(epoch);
    const auto count = static_cast<int64_t>(bins.size());
    if (epoch == 0) bins_ = count;
    for (int64_t i = 0; i < count; i += bins_per_micro_ * options_.gradient_accumulation_steps) {
      const std::vector<MicroBatch> micro = step_batches(bins, i);
      largest_ = std::max(largest_, largest_share(micro, rows_.inputs, ranks));
      busy_ = std::max(busy_, busy_ranks(micro, ranks));
    }
    const int64_t steps = steps_for(count);
    const double part =
        options.max_steps > 0 ? 1 : std::min(1.0, options.epochs - static_cast<double>(epoch));
    if (options.max_steps == 0)
      total_steps_ += static_cast<int64_t>(std::ceil(part * static_cast<double>(steps) - 1e-9));
    done += steps;
    epoch_ends_.push_back(done);
    if (options.max_steps > 0 ? done >= options.max_steps : static_cast<double>(epoch + 1) >= options.epochs)
      break;
  }
  if (options.max_steps > 0) total_steps_ = options.max_steps;
}

std::vector<data::Bin> Epochs::epoch_bins(int64_t epoch) const {
  const uint64_t key = base::derive(base::derive(options_.seed, kOrderStream), static_cast<uint64_t>(epoch));
  const std::vector<int64_t> order = shuffled(static_cast<int64_t>(rows_.rows.size()), key);
  if (!options_.packing) return one_each(order, rows_.inputs);
  return data::pack_epoch(rows_.inputs, order, max_length_, kWindow, key);
}

const std::vector<data::Bin>& Epochs::bins_of(int64_t epoch) {
  if (held_epoch_ != epoch) {
    held_ = epoch_bins(epoch);
    held_epoch_ = epoch;
  }
  return held_;
}

int64_t Epochs::steps_for(int64_t bins) const {
  const int64_t per_step = bins_per_micro_ * options_.gradient_accumulation_steps;
  return (bins + per_step - 1) / per_step;
}

std::pair<int64_t, int64_t> Epochs::locate(int64_t step) const {
  const auto it = std::upper_bound(epoch_ends_.begin(), epoch_ends_.end(), step);
  const int64_t epoch = it - epoch_ends_.begin();
  return {epoch, epoch == 0 ? step : step - epoch_ends_[static_cast<size_t>(epoch - 1)]};
}

int64_t Epochs::largest_micro_batch() const { return largest_; }

std::vector<MicroBatch> Epochs::step_batches(const std::vector<data::Bin>& bins, int64_t begin) const {
  const auto count = static_cast<int64_t>(bins.size());
  std::vector<MicroBatch> out;
  for (int64_t m = 0; m < options_.gradient_accumulation_steps && begin < count;
       ++m, begin += bins_per_micro_)
    out.push_back(join(bins, begin, std::min(count, begin + bins_per_micro_)));
  return out;
}

StepPlan Epochs::step(int64_t step) {
  const auto [epoch, within] = locate(step);
  StepPlan out;
  out.micro = step_batches(bins_of(epoch), within * bins_per_micro_ * options_.gradient_accumulation_steps);
  for (const MicroBatch& micro : out.micro)
    for (const int64_t row : micro.rows) {
      out.trained_tokens += rows_.trained(row);
      out.tokens += static_cast<int64_t>(rows_.rows[static_cast<size_t>(row)].ids.size());
    }
  return out;
}

void check_work(const Epochs& epochs, int64_t ranks, const std::string& context) {
  base::check_argument(epochs.busiest() >= ranks, context, " ", ranks,
                       " ranks cannot share this run: no optimizer step has work for more than ",
                       epochs.busiest(),
                       "; raise batch_size or gradient_accumulation_steps, or start fewer processes");
}

double Epochs::epoch_at(int64_t steps_done) const {
  const auto [epoch, within] = locate(steps_done);
  if (epoch >= static_cast<int64_t>(epoch_ends_.size())) return static_cast<double>(epoch);
  const int64_t before = epoch == 0 ? 0 : epoch_ends_[static_cast<size_t>(epoch - 1)];
  return static_cast<double>(epoch) +
         static_cast<double>(within) / static_cast<double>(epoch_ends_[static_cast<size_t>(epoch)] - before);
}

bool Epochs::ends_epoch(int64_t steps_done) const {
  return std::binary_search(epoch_ends_.begin(), epoch_ends_.end(), steps_done);
}

std::vector<MicroBatch> validation_batches(const TrainRows& rows, const TrainOptions& options,
                                           int64_t max_length) {
  const std::vector<data::Bin> bins = data::pack_best_fit(rows.inputs, max_length);
  const int64_t per_micro = bins_per_micro_batch(options, max_length);
  std::vector<MicroBatch> out;
  for (int64_t i = 0; i < static_cast<int64_t>(bins.size()); i += per_micro)
    out.push_back(join(bins, i, std::min(static_cast<int64_t>(bins.size()), i + per_micro)));
  return out;
}

}  // namespace whorl::train

#pragma once
// Which rows each optimizer step sees: a pure function of lengths, options and seed. Nothing of it is saved;
// a resumed run computes it again.
#include <cstdint>
#include <vector>

#include "data/packing.h"
#include "train/rows.h"
#include "whorl/trainer.h"

namespace whorl::train {

// Rows of one micro-batch, bin after bin.
struct MicroBatch {
  std::vector<int64_t> rows;
  int64_t tokens = 0;  // inputs
};

struct StepPlan {
  std::vector<MicroBatch> micro;
  int64_t trained_tokens = 0;  // of all micro-batches together: what the loss is divided by
  int64_t tokens = 0;
};

class Epochs {
 public:
  // `ranks`: processes that share each step.
  Epochs(const TrainRows& rows, const TrainOptions& options, int64_t max_length, int64_t ranks = 1);

  int64_t total_steps() const { return total_steps_; }
  int64_t bins() const { return bins_; }      // of the first epoch
  int64_t largest_micro_batch() const;        // tokens of one rank's largest share, over the whole run
  int64_t busiest() const { return busy_; }   // the most ranks that a step has work for
  StepPlan step(int64_t step);                // 0-based
  double epoch_at(int64_t steps_done) const;  // 1.5: half of the second epoch is done
  bool ends_epoch(int64_t steps_done) const;  // a whole number of epochs is done

 private:
  std::vector<data::Bin> epoch_bins(int64_t epoch) const;
  // The micro-batches of the step that begins with bin `begin`.
  std::vector<MicroBatch> step_batches(const std::vector<data::Bin>& bins, int64_t begin) const;
  int64_t steps_for(int64_t bins) const;
  const std::vector<data::Bin>& bins_of(int64_t epoch);
  std::pair<int64_t, int64_t> locate(int64_t step) const;  // epoch, step within it

  const TrainRows& rows_;
  TrainOptions options_;
  int64_t max_length_;
  int64_t bins_per_micro_ = 0;
  int64_t total_steps_ = 0, bins_ = 0, largest_ = 0, busy_ = 0;
  std::vector<int64_t> epoch_ends_;  // steps done at the end of each epoch
  int64_t held_epoch_ = -1;
  std::vector<data::Bin> held_;
};

// std::invalid_argument where no step has work for all of so many ranks.
void check_work(const Epochs& epochs, int64_t ranks, const std::string& context);

// Bins in a fixed order, for validation.
std::vector<MicroBatch> validation_batches(const TrainRows& rows, const TrainOptions& options,
                                           int64_t max_length);

int64_t bins_per_micro_batch(const TrainOptions& options, int64_t max_length);

}  // namespace whorl::train

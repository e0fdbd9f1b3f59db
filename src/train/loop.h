#pragma once
// The training loop. It knows learners and rows, not whether they are adapters or a whole model.
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "train/batch.h"
#include "train/checkpoint.h"
#include "train/clock.h"
#include "train/epochs.h"
#include "train/learner.h"
#include "train/metrics.h"
#include "train/together.h"

namespace whorl::train {

struct LoopInputs {
  const model::Transformer& transformer;
  TrainOptions options;
  const TrainRows& train;
  const TrainRows* valid = nullptr;
  std::string identity;  // see run_identity
  ProgressCallback callback;
  std::string context;                   // opens messages: "[Trainer.fit]"
  ranks::Communicator* ranks = nullptr;  // the other processes of the run; null = alone
};

class Loop {
 public:
  Loop(LoopInputs inputs, std::vector<std::unique_ptr<Learner>>& learners);
  ~Loop();

  // Trains to the end, or until the callback or early stopping ends it. All ranks return together, with the
  // same bits; the first alone reads and writes files.
  void run();

 private:
  std::vector<Learner*> active() const;
  void resume();
  // Losses, gradients and updates of one optimizer step. The work is queued whole, then its outcome fetched.
  struct Outcome {
    std::vector<double> losses, norms;  // by learner
  };
  void step();
  Outcome compute(const std::vector<Learner*>& learners, const StepPlan& plan, double factor);
  void check_finite(const Learner& learner, double loss, double norm) const;
  void validate();
  void judge(Learner& learner);
  bool validation_due() const;
  void agree_to_stop();
  void save();
  Progress progress(const Learner& learner, const std::string& event) const;
  void report(Learner& learner, const Progress& progress);

  LoopInputs in_;
  std::vector<std::unique_ptr<Learner>>& learners_;
  Together together_;
  int64_t max_length_;
  Epochs epochs_;
  model::TrainingPass pass_;
  std::optional<Checkpoint> checkpoint_;
  std::optional<Metrics> metrics_;
  RunPosition position_;
  Clock clock_;
  int64_t last_validation_ = -1;
  bool stop_ = false;
};

// Mean loss over the trained tokens, one per learner; ranks share the rows.
std::vector<double> mean_losses(model::TrainingPass& pass, const TrainRows& rows, const TrainOptions& options,
                                int64_t max_length, const std::vector<Learner*>& learners,
                                const Together& together);

}  // namespace whorl::train

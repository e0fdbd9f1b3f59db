#include "train/loop.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/check.h"
#include "base/random.h"
#include "train/activations.h"
#include "train/memory_plan.h"
#include "train/schedule.h"
#include "train/shares.h"
#include "train/step_numbers.h"

namespace whorl::train {

namespace {

// Sum of the losses of each learner's rows, in row order.
void add_losses(const Tensor& losses, int64_t rows, std::vector<double>& sums) {
  for (size_t i = 0; i < sums.size(); ++i)
    for (int64_t r = 0; r < rows; ++r)
      sums[i] += static_cast<double>(losses.data<float>()[static_cast<int64_t>(i) * rows + r]);
}

}  // namespace

std::vector<double> mean_losses(model::TrainingPass& pass, const TrainRows& rows, const TrainOptions& options,
                                int64_t max_length, const std::vector<Learner*>& learners,
                                const Together& together) {
  std::vector<double> sums(learners.size(), 0.0);
  int64_t trained = 0;
  const std::vector<MicroBatch> all = validation_batches(rows, options, max_length);
  for (const Share& share : share_of(all, rows.inputs, together.rank(), together.size())) {
    const Batch batch(rows, share.batch, learners, 1, 0, false);
    add_losses(pass.evaluate(batch.view()), batch.rows_per_learner(), sums);
  }
  together.sum(sums);
  for (const MicroBatch& micro : all)
    for (const int64_t row : micro.rows) trained += rows.trained(row);
  for (double& sum : sums) sum /= static_cast<double>(trained);
  return sums;
}

namespace {

// The pass that the plan of memory asks for.
model::TrainingPass pass_of(const LoopInputs& in, const std::vector<std::unique_ptr<Learner>>& learners,
                            const Epochs& epochs) {
  TrainPlan plan;
  plan_memory({in.transformer, learners, in.options, in.train, in.valid, epochs.largest_micro_batch(),
               in.context, Together(in.ranks).size()},
              plan);
  return {in.transformer,
          ranks_of(in.transformer, learners),
          learners.front()->adapter() == nullptr,
          levels_of(plan),
          plan.kept_layouts,
          activation_of(in.options)};
}

}  // namespace

Loop::Loop(LoopInputs inputs, std::vector<std::unique_ptr<Learner>>& learners)
    : in_(std::move(inputs)),
      learners_(learners),
      together_(in_.ranks),
      max_length_(row_length(in_.options, in_.transformer.config())),
      epochs_(in_.train, in_.options, max_length_, together_.size()),
      pass_(pass_of(in_, learners, epochs_)) {
  check_work(epochs_, together_.size(), in_.context);
  if (!in_.options.checkpoint_dir.empty() && together_.first())
    checkpoint_.emplace(in_.options.checkpoint_dir.string(), in_.identity, in_.transformer.backend());
}
Loop::~Loop() = default;

std::vector<Learner*> Loop::active() const {
  std::vector<Learner*> out;
  for (const auto& learner : learners_)
    if (learner->state.active) out.push_back(learner.get());
  return out;
}

void Loop::resume() {
  bool found = false;
  if (checkpoint_) {
    checkpoint_->remove_leftovers();
    found = in_.options.resume && checkpoint_->load(position_, learners_);
  }
  found = together_.hand_out(found, position_, learners_, in_.transformer.backend());
  metrics_.emplace(together_.first() ? in_.options.metrics_file.string() : std::string(),
                   found ? std::optional(position_.metrics_bytes) : std::nullopt);
  clock_.start(position_.seconds);
}

Loop::Outcome Loop::compute(const std::vector<Learner*>& learners, const StepPlan& plan, double factor) {
  ops::Backend& backend = in_.transformer.backend();
  const std::vector<Share> shares =
      share_of(plan.micro, in_.train.inputs, together_.rank(), together_.size());
  int64_t rows = 0;
  for (const Share& share : shares) rows += share.batch.tokens * static_cast<int64_t>(learners.size());
  StepNumbers numbers(backend, learners.size(), rows);
  for (Learner* learner : learners) backend.fill_zero(learner->parameters.gradients);
  const double weight = 1.0 / static_cast<double>(plan.trained_tokens);
  for (const Share& share : shares) {
    const uint64_t key = base::derive(static_cast<uint64_t>(position_.step), share.micro);
    const Batch batch(in_.train, share.batch, learners, weight, key, true, share.first_token);
    pass_.run(batch.view(), batch.gradients(), learners.front()->weight_gradients(),
              numbers.next_losses(static_cast<int64_t>(batch.view().ids.size())));
  }
  together_.sum_gradients(backend, learners);
  update(backend, learners, in_.options, factor, position_.step + 1, numbers.norms());
  const StepNumbers::Fetched found = numbers.fetch();
  Outcome out{std::vector<double>(learners.size(), 0.0), found.norms};
  for (int64_t begin = 0; const Share& share : shares) {
    const int64_t n = share.batch.tokens * static_cast<int64_t>(learners.size());
    add_losses(found.losses.rows(begin, begin + n), share.batch.tokens, out.losses);
    begin += n;
  }
  together_.sum(out.losses);
  for (double& loss : out.losses) loss *= weight;
  return out;
}

void Loop::check_finite(const Learner& learner, double loss, double norm) const {
  if (std::isfinite(loss) && std::isfinite(norm)) return;
  base::failed(in_.context, " step ", position_.step + 1, ", '", learner.name(), "': the ",
               std::isfinite(loss) ? "gradient" : "loss", " is not finite (loss ", loss, ", gradient norm ",
               norm, "); nothing of this step was kept");
}

void Loop::step() {
  const StepPlan plan = epochs_.step(position_.step);
  const std::vector<Learner*> learners = active();
  const double factor = schedule_factor(in_.options, position_.step, epochs_.total_steps());
  const auto [losses, norms] = compute(learners, plan, factor);
  for (size_t i = 0; i < learners.size(); ++i) check_finite(*learners[i], losses[i], norms[i]);
  ++position_.step;
  for (Learner* learner : learners) {
    learner->state.tokens += plan.tokens;
    learner->state.trained_tokens += plan.trained_tokens;
  }
  clock_.add(plan.tokens * static_cast<int64_t>(learners.size()));
  for (size_t i = 0; i < learners.size(); ++i) {
    Progress p = progress(*learners[i], "step");
    p.loss = losses[i];
    p.grad_norm = norms[i];
    p.learning_rate = learners[i]->learning_rate() * factor;
    report(*learners[i], p);
  }
}

bool Loop::validation_due() const {
  if (!in_.valid || last_validation_ == position_.step) return false;
  if (position_.step == epochs_.total_steps()) return true;
  return in_.options.eval_steps > 0 ? position_.step % in_.options.eval_steps == 0
                                    : epochs_.ends_epoch(position_.step);
}

// Notes the best, and stops a learner that has not got better for too long.
void Loop::judge(Learner& learner) {
  LearnerState& s = learner.state;
  const bool better =
      std::isnan(s.best_loss) || s.validation_loss < s.best_loss - in_.options.early_stopping_threshold;
  if (better) {
    s.best_loss = s.validation_loss;
    s.bad_validations = 0;
    if (in_.options.keep_best) s.best = to_host(in_.transformer.backend(), learner.parameters.values);
    return;
  }
  ++s.bad_validations;
  const int64_t patience = in_.options.early_stopping_patience;
  if (patience == 0 || s.bad_validations < patience || position_.step == epochs_.total_steps()) return;
  s.active = false;
  report(learner, progress(learner, "stopped"));
}

void Loop::validate() {
  const std::vector<Learner*> learners = active();
  const std::vector<double> losses =
      mean_losses(pass_, *in_.valid, in_.options, max_length_, learners, together_);
  last_validation_ = position_.step;
  for (size_t i = 0; i < learners.size(); ++i) {
    if (!std::isfinite(losses[i]))
      base::failed(in_.context, " step ", position_.step, ", '", learners[i]->name(),
                   "': the validation loss is not finite");
    learners[i]->state.validation_loss = losses[i];
    report(*learners[i], progress(*learners[i], "validation"));
    judge(*learners[i]);
  }
}

void Loop::save() {
  if (checkpoint_) {
    position_.seconds = clock_.seconds();
    position_.metrics_bytes = metrics_->bytes();
    checkpoint_->save(position_, learners_);
  }
  together_.barrier();
}

// Callbacks are each rank's own; what they decide holds for all.
void Loop::agree_to_stop() { stop_ = together_.any(stop_); }

Progress Loop::progress(const Learner& learner, const std::string& event) const {
  Progress p;
  const LearnerState& s = learner.state;
  if (!s.history.empty()) p = s.history.back();  // loss, gradient norm and rate of the latest step
  p.name = learner.name();
  p.step = position_.step;
  p.total_steps = epochs_.total_steps();
  p.epoch = epochs_.epoch_at(position_.step);
  p.validation_loss = s.validation_loss;
  p.tokens = s.tokens;
  p.trained_tokens = s.trained_tokens;
  p.tokens_per_second = clock_.tokens_per_second();
  p.seconds = clock_.seconds();
  p.seconds_left = clock_.seconds_left(epochs_.total_steps() - position_.step);
  p.event = event;
  return p;
}

void Loop::report(Learner& learner, const Progress& progress) {
  if (progress.event != "checkpoint") learner.state.history.push_back(progress);
  metrics_->write(progress);
  if (in_.callback && !in_.callback(progress)) stop_ = true;
}

void Loop::run() {
  together_.check_same_run(in_.identity, in_.context);
  together_.join_devices(in_.transformer.backend(), in_.context);
  resume();
  pass_.reserve(epochs_.largest_micro_batch() * static_cast<int64_t>(active().size()));
  const int64_t total = epochs_.total_steps();
  while (position_.step < total && !stop_ && !active().empty()) {
    step();
    if (validation_due()) validate();
    agree_to_stop();
    if (in_.options.save_steps > 0 && position_.step % in_.options.save_steps == 0 &&
        position_.step < total && !stop_) {
      save();
      for (Learner* learner : active()) report(*learner, progress(*learner, "checkpoint"));
      agree_to_stop();
    }
  }
  // The checkpoint of a run that is done says so: resuming it returns the result at once.
  save();
  const bool done = position_.step >= total;
  for (Learner* learner : active()) report(*learner, progress(*learner, done ? "end" : "stopped"));
}

}  // namespace whorl::train

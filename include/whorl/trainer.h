#pragma once
// LoRA (and full-weight) supervised fine-tuning. One Trainer trains one or many adapters in one pass over
// one frozen base: each adapter has its own rank, scale, learning rate, decay and dropout, stops on its own,
// and gets the bits that it would get alone. All see the rows in the same order.
#include <whorl/adapter.h>
#include <whorl/dataset.h>
#include <whorl/model.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace whorl {

// One adapter to train. Field names are PEFT's and TRL's.
struct LoraOptions {
  std::string name = "default";
  int64_t rank = 8;         // more: more capacity, more bytes to serve
  double alpha = 16;        // the branch is scaled by alpha / rank
  bool use_rslora = false;  // scale by alpha / sqrt(rank): keeps large ranks learning
  double dropout = 0;       // on the adapter's input, training only
  std::vector<std::string> target_modules = {
      "all-linear"};  // names or endings; "all-linear" = all but the head
  double learning_rate = 2e-4;
  double weight_decay = 0;
  uint64_t seed = 0;  // of the initial A and of dropout; 0 = the run's seed
};

struct TrainOptions {
  double epochs = 1;                        // ignored when max_steps > 0
  int64_t max_steps = 0;                    // optimizer steps
  int64_t batch_tokens = 0;                 // tokens of one micro-batch, packed; 0 = batch_size * max_length
  int64_t batch_size = 8;                   // packed rows of max_length a micro-batch
  int64_t gradient_accumulation_steps = 1;  // micro-batches an optimizer step
  int64_t max_length = 0;                   // tokens of a packed row; 0 = min(1024, the model's maximum)
  bool packing = true;                      // best fit decreasing; sequences never see each other
  std::string lr_scheduler = "cosine";      // "cosine", "linear", "constant"
  double warmup_ratio = 0;                  // of all steps; warmup_steps wins when > 0
  int64_t warmup_steps = 0;
  double min_lr_ratio = 0;  // the schedule ends at this share of the learning rate
  double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8;
  double max_grad_norm = 1.0;  // per adapter; 0 = no clipping
  uint64_t seed = 0;           // data order, initial weights, dropout
  int64_t eval_steps = 0;      // validate every so many optimizer steps; 0 = at the end of each epoch
  int64_t early_stopping_patience = 0;  // validations without improvement before an adapter stops; 0 = never
  double early_stopping_threshold = 0;  // an improvement is at least this much of validation loss
  bool keep_best = false;               // return the weights of the best validation instead of the last
  int64_t save_steps = 0;  // checkpoint every so many optimizer steps; 0 = only when stopped or done
  std::filesystem::path checkpoint_dir = {};  // empty = no checkpoints
  bool resume = false;                      // continue from checkpoint_dir; no checkpoint there = start anew
  std::filesystem::path metrics_file = {};  // one JSON object a line; empty = none
  // What plan().memory_bytes may be at most: the run's peak beside the loaded base weights. Where a run would
  // need more, weights keep no second layout (see TrainPlan), then layers forget activations and compute them
  // again: slower, the same bits. What cannot be met is an error that says what could. 0 = on a device what
  // is free there when the run is planned (an engine that was made before has its cache:
  // EngineOptions::kv_cache_bytes), without that error; on the CPU no limit, nothing is computed again.
  int64_t memory_budget_bytes = 0;
  // What queries, keys, values, attention, gate, up, normed rows and most of their gradients are kept in
  // between ops: "float32", or "bfloat16" (as torch's bf16 training has all of them), which takes half of
  // their memory and of what a GPU reads and writes of them, and rounds each once. The
  // residual stream, sums and the adapters themselves are float32 either way. "bfloat16" needs a GPU and a
  // base that is not float32.
  std::string activation_dtype = "float32";
  // Several processes train this run together, each a share of every step; the results are those of one
  // process up to the order of additions, and the same bits on all. fit() then reads RANK, WORLD_SIZE,
  // MASTER_ADDR and MASTER_PORT (as torchrun and `whorl train --nproc` set them), and meets the others at
  // that address; beside them WHORL_RANKS_TOKEN (the same for all, so that nobody else can join),
  // WHORL_RANKS_TIMEOUT (seconds that one waits for another, 600) and WHORL_RANKS_PORT (instead of
  // MASTER_PORT). Gradients pass unencrypted. Only the first process writes checkpoint and metrics; a
  // checkpoint goes on with any number of processes. false = nothing of that is read, and no connection is
  // opened.
  bool distributed = false;
  std::string on_masked_row = "error";  // a row without a trained token: "error" or "drop" (counted)
  std::string on_long_row = "error";  // a row longer than max_length: "error", "drop" or "truncate" (counted)
};

// One adapter's state at a step or validation.
struct Progress {
  std::string name;  // adapter, or "model" in full-weight training
  int64_t step = 0, total_steps = 0;
  double epoch = 0;
  double loss = 0;             // mean over the trained tokens of this optimizer step
  double validation_loss = 0;  // NaN until the first validation
  double learning_rate = 0;
  double grad_norm = 0;                    // before clipping
  int64_t tokens = 0, trained_tokens = 0;  // of this adapter since the start
  double tokens_per_second = 0;            // of all adapters together, lately
  double seconds = 0, seconds_left = 0;
  std::string event = "step";  // "step", "validation", "checkpoint", "stopped", "end"
};

// Return false to stop after this step (with a checkpoint if checkpoint_dir is set). Called on the thread
// that called fit(), once per adapter and step; in a distributed run by every process, and any of them stops
// all.
using ProgressCallback = std::function<bool(const Progress&)>;

struct TrainResult {
  std::string name;
  Adapter adapter;                // ready to serve or publish
  std::vector<Progress> history;  // every step and validation
  double validation_loss = 0;     // last, or best with keep_best; NaN without validation data
  bool stopped_early = false;
};

// What fit() would do, before it starts.
struct TrainPlan {
  int64_t steps = 0;
  int64_t ranks = 1;  // processes that share each step; the bytes below are those of each
  int64_t rows = 0, packed_rows = 0, tokens = 0, trained_tokens = 0;
  int64_t dropped_rows = 0, truncated_rows = 0;
  double packing_fill = 0;  // share of the packed rows' room that holds tokens
  int64_t trainable_parameters = 0;
  size_t memory_bytes = 0;  // predicted peak beside the loaded base weights: the sum of the parts that follow
  size_t weight_bytes = 0;  // layouts for gradients, see kept_layouts (all weights: the copy that is trained)
  size_t activation_bytes = 0;  // of the largest micro-batch, with the gradients that pass through
  size_t loss_bytes = 0;        // one chunk of logits
  size_t working_bytes = 0;     // what the ops work in: copies under dropout, widened weights
  size_t optimizer_bytes = 0;   // values, gradients, moments, the best values with keep_best
  size_t adapter_bytes = 0;     // as the model multiplies by them
  size_t validation_bytes = 0;  // where validation's micro-batches are larger than those of training
  size_t data_bytes = 0;        // rows as tokens, the table of positions
  size_t transient_bytes = 0;   // above all that for a moment: preparing weights, a checkpoint, the result
  // Whether every weight keeps a second layout for gradients: so it is with few tokens a micro-batch, within
  // the budget. Else the head alone has one, and each other is made when it is needed, a matrix at a time.
  // The results are the same bits.
  bool kept_layouts = false;
  // By layer, what is computed again in the backward pass: 0 nothing, 1 gate and up, 2 also q, k and v, 3 all
  // but the layer's input. Empty = nothing in any layer.
  std::vector<int64_t> recompute_levels = {};
  double recomputed_flops_ratio = 0;  // operations added, against those of a step that computes nothing again
  std::string to_json() const;
};

class WHORL_API Trainer {
 public:
  // Adapters over a frozen base. Names must differ. Targets that name nothing are an error.
  Trainer(const Model& base, std::vector<LoraOptions> adapters, const TrainOptions& options = {});
  ~Trainer();
  Trainer(Trainer&&) noexcept;
  Trainer& operator=(Trainer&&) noexcept;

  // Memory without validation data where `valid` is null. Throws as fit() does, and when memory_budget_bytes
  // cannot be met.
  TrainPlan plan(const Dataset& train, const Dataset* valid = nullptr) const;

  // Trains all adapters in one pass. `valid` may be null. Errors: a batch without a trained token, a loss or
  // gradient that is not finite (names the step; nothing of it enters a checkpoint), a checkpoint of another
  // run. Distributed: whatever ends one process ends all, with an error that names it; so does one that
  // trains another run (other options, data or model), that does not come, or that falls silent.
  std::vector<TrainResult> fit(const Dataset& train, const Dataset* valid = nullptr,
                               const ProgressCallback& callback = {});

  // Mean loss over the trained tokens of `data`, one per adapter of the last fit().
  std::vector<double> evaluate(const Dataset& data) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// All weights: returns the trained model; `base` stays as it was. options.learning_rate lives here because
// there is no adapter to carry it.
struct FullTrainOptions : TrainOptions {
  double learning_rate = 1e-3;
  double weight_decay = 0.1;  // matrices only, never norms or biases
};
struct FullTrainResult {
  Model model;
  std::vector<Progress> history;
  double validation_loss = 0;
};
WHORL_API FullTrainResult train_all_weights(const Model& base, const Dataset& train, const Dataset* valid,
                                            const FullTrainOptions& options,
                                            const ProgressCallback& callback = {});

}  // namespace whorl

#include <whorl/trainer.h>

#include "compute.h"
#include "fields.h"
#include "module.h"

namespace whorl::python {

template <>
Fields<LoraOptions> fields_of<LoraOptions>() {
  using L = LoraOptions;
  return {field("name", &L::name, "names must differ"),
          field("rank", &L::rank, "more: more capacity, more bytes to serve"),
          field("alpha", &L::alpha, "the branch is scaled by alpha / rank"),
          field("use_rslora", &L::use_rslora, "scale by alpha / sqrt(rank): keeps large ranks learning"),
          field("dropout", &L::dropout, "on the adapter's input, training only"),
          field("target_modules", &L::target_modules, "names or endings; \"all-linear\" = all but the head"),
          field("learning_rate", &L::learning_rate, "the schedule's highest"),
          field("weight_decay", &L::weight_decay, "decoupled, as AdamW"),
          field("seed", &L::seed, "of the initial A and of dropout; 0 = the run's seed")};
}

template <class T>
Fields<T> train_fields() {
  using O = TrainOptions;
  return {
      inherited<T>("epochs", &O::epochs, "ignored when max_steps > 0"),
      inherited<T>("max_steps", &O::max_steps, "optimizer steps"),
      inherited<T>("batch_tokens", &O::batch_tokens,
                   "tokens of a micro-batch, packed; 0 = batch_size * max_length"),
      inherited<T>("batch_size", &O::batch_size, "packed rows of max_length a micro-batch"),
      inherited<T>("gradient_accumulation_steps", &O::gradient_accumulation_steps,
                   "micro-batches an optimizer step"),
      inherited<T>("max_length", &O::max_length,
                   "tokens of a packed row; 0 = min(1024, the model's maximum)"),
      inherited<T>("packing", &O::packing, "best fit decreasing; sequences never see each other"),
      inherited<T>("lr_scheduler", &O::lr_scheduler, "\"cosine\", \"linear\" or \"constant\""),
      inherited<T>("warmup_ratio", &O::warmup_ratio, "of all steps"),
      inherited<T>("warmup_steps", &O::warmup_steps, "wins over warmup_ratio when > 0"),
      inherited<T>("min_lr_ratio", &O::min_lr_ratio, "the schedule ends at this share of the learning rate"),
      inherited<T>("beta1", &O::beta1, "AdamW"),
      inherited<T>("beta2", &O::beta2, "AdamW"),
      inherited<T>("epsilon", &O::epsilon, "AdamW"),
      inherited<T>("max_grad_norm", &O::max_grad_norm, "per adapter; 0 = no clipping"),
      inherited<T>("seed", &O::seed, "data order, initial weights, dropout"),
      inherited<T>("eval_steps", &O::eval_steps,
                   "validate every so many optimizer steps; 0 = at the end of each epoch"),
      inherited<T>("early_stopping_patience", &O::early_stopping_patience,
                   "validations without improvement before an adapter stops; 0 = never"),
      inherited<T>("early_stopping_threshold", &O::early_stopping_threshold,
                   "an improvement is at least this much"),
      inherited<T>("keep_best", &O::keep_best,
                   "return the weights of the best validation instead of the last"),
      inherited<T>("save_steps", &O::save_steps,
                   "checkpoint every so many optimizer steps; 0 = only when stopped"),
      inherited<T>("checkpoint_dir", &O::checkpoint_dir, "empty = no checkpoints"),
      inherited<T>("resume", &O::resume, "continue from checkpoint_dir; no checkpoint there = start anew"),
      inherited<T>("metrics_file", &O::metrics_file, "one JSON object a line; empty = none"),
      inherited<T>("memory_budget_bytes", &O::memory_budget_bytes,
                   "what plan().memory_bytes may be at most; layers then compute activations again: slower, "
                   "the same bits; 0 = what is free on a device, no limit on the CPU"),
      inherited<T>("activation_dtype", &O::activation_dtype,
                   "\"float32\", or on a GPU over a base that is not float32 \"bfloat16\": half of the "
                   "activations' memory, each rounded once; the residual stream and sums stay float32"),
      inherited<T>("distributed", &O::distributed,
                   "several processes share each step: reads RANK, WORLD_SIZE, MASTER_ADDR, MASTER_PORT, "
                   "connects there"),
      inherited<T>("on_masked_row", &O::on_masked_row,
                   "a row without a trained token: \"error\" or \"drop\" (counted)"),
      inherited<T>("on_long_row", &O::on_long_row,
                   "a row longer than max_length: \"error\", \"drop\" or \"truncate\"")};
}

template <>
Fields<TrainOptions> fields_of<TrainOptions>() {
  return train_fields<TrainOptions>();
}

template <>
Fields<FullTrainOptions> fields_of<FullTrainOptions>() {
  auto all = train_fields<FullTrainOptions>();
  all.push_back(field("learning_rate", &FullTrainOptions::learning_rate, "the schedule's highest"));
  all.push_back(
      field("weight_decay", &FullTrainOptions::weight_decay, "matrices only, never norms or biases"));
  return all;
}

template <>
Fields<Progress> fields_of<Progress>() {
  using P = Progress;
  return {field("name", &P::name, "adapter, or \"model\" in full-weight training"),
          field("step", &P::step, "optimizer steps done"),
          field("total_steps", &P::total_steps, "optimizer steps of the run"),
          field("epoch", &P::epoch, "passes over the data so far"),
          field("loss", &P::loss, "mean over the trained tokens of this optimizer step"),
          field("validation_loss", &P::validation_loss, "NaN until the first validation"),
          field("learning_rate", &P::learning_rate, "of this step"),
          field("grad_norm", &P::grad_norm, "before clipping"),
          field("tokens", &P::tokens, "of this adapter since the start"),
          field("trained_tokens", &P::trained_tokens, "those that the loss fell on"),
          field("tokens_per_second", &P::tokens_per_second, "of all adapters together, lately"),
          field("seconds", &P::seconds, "since the start"),
          field("seconds_left", &P::seconds_left, "estimate"),
          field("event", &P::event, "\"step\", \"validation\", \"checkpoint\", \"stopped\" or \"end\"")};
}

template <>
Fields<TrainResult> fields_of<TrainResult>() {
  using R = TrainResult;
  return {field("name", &R::name, "adapter"), field("adapter", &R::adapter, "ready to serve or publish"),
          field("history", &R::history, "every step and validation"),
          field("validation_loss", &R::validation_loss,
                "last, or best with keep_best; NaN without validation data"),
          field("stopped_early", &R::stopped_early, "by early stopping")};
}

template <>
Fields<TrainPlan> fields_of<TrainPlan>() {
  using P = TrainPlan;
  return {field("steps", &P::steps, "optimizer steps"),
          field("ranks", &P::ranks, "processes that share each step; the bytes are those of each"),
          field("rows", &P::rows, "rows of data"),
          field("packed_rows", &P::packed_rows, "rows after packing"),
          field("tokens", &P::tokens, "of one epoch"),
          field("trained_tokens", &P::trained_tokens, "those that the loss falls on"),
          field("dropped_rows", &P::dropped_rows, "by on_masked_row and on_long_row"),
          field("truncated_rows", &P::truncated_rows, "by on_long_row"),
          field("packing_fill", &P::packing_fill, "share of the packed rows' room that holds tokens"),
          field("trainable_parameters", &P::trainable_parameters, "of all adapters"),
          field("memory_bytes", &P::memory_bytes,
                "predicted peak beside the loaded base weights: the sum of the parts that follow"),
          field("weight_bytes", &P::weight_bytes, "layouts for gradients, see kept_layouts"),
          field("activation_bytes", &P::activation_bytes, "of the largest micro-batch"),
          field("loss_bytes", &P::loss_bytes, "one chunk of logits"),
          field("working_bytes", &P::working_bytes, "copies under dropout, widened weights"),
          field("optimizer_bytes", &P::optimizer_bytes, "values, gradients, moments, the best values"),
          field("adapter_bytes", &P::adapter_bytes, "as the model multiplies by them"),
          field("validation_bytes", &P::validation_bytes,
                "where validation's micro-batches are larger than those of training"),
          field("data_bytes", &P::data_bytes, "rows as tokens, the table of positions"),
          field("transient_bytes", &P::transient_bytes,
                "for a moment: preparing weights, a checkpoint, the result"),
          field("kept_layouts", &P::kept_layouts,
                "all weights keep a layout for gradients (few tokens a micro-batch); else the head "
                "alone, and the others are made when needed, with the same results"),
          field("recompute_levels", &P::recompute_levels,
                "by layer: 0 nothing, 1 gate and up, 2 also q, k and v, 3 all but the layer's input"),
          field("recomputed_flops_ratio", &P::recomputed_flops_ratio,
                "operations added, against those of a step that computes nothing again")};
}

template <>
Fields<FullTrainResult> fields_of<FullTrainResult>() {
  using R = FullTrainResult;
  return {field("model", &R::model, "the trained model"),
          field("history", &R::history, "every step and validation"),
          field("validation_loss", &R::validation_loss, "last, or best with keep_best")};
}

namespace {

// A Python callback that returns False stops after this step; None goes on.
ProgressCallback progress_callback(const py::object& callback, Pending& pending) {
  return [&callback, &pending](const Progress& progress) {
    return pending.run([&] {
      if (callback.is_none()) return true;
      const py::object answer = callback(progress);
      return answer.is_none() || py::cast<bool>(answer);
    });
  };
}

std::vector<TrainResult> fit(Trainer& self, const Dataset& train, const Dataset* valid,
                             const py::object& callback) {
  Pending pending;
  const auto on_progress = progress_callback(callback, pending);
  auto results = compute([&] { return self.fit(train, valid, on_progress); });
  pending.rethrow();
  return results;
}

FullTrainResult train_all(const Model& base, const Dataset& train, const Dataset* valid,
                          const py::object& options, const py::object& callback, const py::kwargs& keywords) {
  const auto chosen = options_from<FullTrainOptions>("train_all_weights", options, keywords);
  Pending pending;
  const auto on_progress = progress_callback(callback, pending);
  auto result = compute([&] { return train_all_weights(base, train, valid, chosen, on_progress); });
  pending.rethrow();
  return result;
}

std::vector<LoraOptions> adapters_from(const py::object& adapters) {
  std::vector<LoraOptions> made;
  const auto add = [&made](py::handle one) {
    if (py::isinstance<LoraOptions>(one)) {
      made.push_back(one.cast<LoraOptions>());
      return;
    }
    if (!py::isinstance<py::dict>(one)) {
      throw py::type_error("[Trainer] 'adapters' expected LoraOptions or dict, got " + described(one));
    }
    LoraOptions options;
    apply_to("LoraOptions", options, py::kwargs(py::reinterpret_borrow<py::kwargs>(one)));
    made.push_back(options);
  };
  if (py::isinstance<LoraOptions>(adapters) || py::isinstance<py::dict>(adapters)) {
    add(adapters);
    return made;
  }
  for (auto one : adapters) add(one);
  return made;
}

void bind_trainer_class(py::module_& m) {
  py::class_<Trainer> c(
      m, "Trainer",
      "LoRA fine-tuning of one or many adapters in one pass over one frozen base. Each adapter gets the\n"
      "bits that it would get alone.");
  {
    OwnSignatures own;
    const auto doc = call_doc<TrainOptions>(
        "__init__(self, base: Model, adapters: LoraOptions | dict | list[LoraOptions | dict]", "None",
        ">>> trainer = whorl.Trainer(model, adapters=[whorl.LoraOptions(name=\"r8\", rank=8)], epochs=2)\n"
        ">>> runs = trainer.fit(train, valid)");
    c.def(py::init([](const Model& base, const py::object& adapters, const py::object& options,
                      const py::kwargs& keywords) {
            const auto chosen = options_from<TrainOptions>("Trainer", options, keywords);
            const auto list = adapters_from(adapters);
            return compute([&] { return std::make_unique<Trainer>(base, list, chosen); });
          }),
          py::arg("base"), py::arg("adapters"), py::kw_only(), py::arg("options") = py::none(), doc.c_str());
  }
  {
    OwnSignatures own;
    c.def(
        "plan",
        [](const Trainer& self, const Dataset& train, const Dataset* valid) {
          return compute([&] { return self.plan(train, valid); });
        },
        py::arg("train"), py::arg("valid").none(true) = nullptr,
        "plan(self, train: Dataset, valid: Dataset | None = None) -> TrainPlan\n\n"
        "What fit() would do and hold, before it starts.\n\n"
        ">>> print(trainer.plan(train, valid).memory_bytes)");
  }
  {
    OwnSignatures own;
    c.def("fit", &fit, py::arg("train"), py::arg("valid").none(true) = nullptr,
          py::arg("callback") = py::none(),
          "fit(self, train: Dataset, valid: Dataset | None = None, callback: "
          "collections.abc.Callable[[Progress], bool | None] | None = None) -> list[TrainResult]\n\n"
          "Trains all adapters in one pass. callback(progress) is called once per adapter and step, on this "
          "thread; False\n"
          "stops after the step, with a checkpoint if checkpoint_dir is set. An exception in it, or Ctrl-C, "
          "stops the same\n"
          "way and is then raised here.\n\n"
          ">>> runs = trainer.fit(train, valid, lambda p: print(p.name, p.step, p.loss))");
  }
  c.def(
      "evaluate",
      [](const Trainer& self, const Dataset& data) { return compute([&] { return self.evaluate(data); }); },
      py::arg("data"), "Mean loss over the trained tokens of `data`, one per adapter of the last fit().");
}

}  // namespace

void bind_trainer(py::module_& m) {
  bind_options<LoraOptions>(m, "LoraOptions", "One adapter to train; names are PEFT's and TRL's.");
  bind_options<TrainOptions>(m, "TrainOptions", "A training run.");
  bind_options<FullTrainOptions>(m, "FullTrainOptions", "A training run of all weights.");
  bind_result<Progress>(m, "Progress", "One adapter's state at a step or validation.");
  bind_result<TrainResult>(m, "TrainResult", "What fit() made of one adapter.");
  bind_result<TrainPlan>(m, "TrainPlan", "What fit() would do.");
  bind_result<FullTrainResult>(m, "FullTrainResult", "A trained model.");
  bind_trainer_class(m);
  OwnSignatures own;
  const auto doc =
      "train_all_weights(base: Model, train: Dataset, valid: Dataset | None = None, *, options: "
      "FullTrainOptions | None "
      "= None, callback: collections.abc.Callable[[Progress], bool | None] | None = None, " +
      keywords_text<FullTrainOptions>() +
      ") -> FullTrainResult\n\nTrains every weight and returns the new model; `base` stays as it was.\n\n"
      ">>> result = whorl.train_all_weights(model, train, valid, max_steps=100)\n\nOptions:\n" +
      fields_text<FullTrainOptions>();
  m.def("train_all_weights", &train_all, py::arg("base"), py::arg("train"),
        py::arg("valid").none(true) = nullptr, py::kw_only(), py::arg("options") = py::none(),
        py::arg("callback") = py::none(), doc.c_str());
}

}  // namespace whorl::python

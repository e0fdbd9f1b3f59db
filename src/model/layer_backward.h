#pragma once
// One layer's backward pass, stage by stage from the top: down, gate and up, o, q and k and v.
#include <span>

#include "model/training_buffers.h"
#include "model/training_pass.h"

namespace whorl::model {

struct LayerBackward {
  const LayerRun& run;
  const LayerBuffers& kept;
  const LayerScratch& scratch;
  const GradientScratch& gradient;  // gradient.stream goes in and comes out
  std::span<const int32_t> starts;
  std::span<const AdapterGradients* const> adapters;
  const LayerGradients* all = nullptr;  // null: weights are frozen
  int64_t lowest = 0;

  // False when nothing below this layer needs a gradient.
  bool operator()() const;

 private:
  bool mlp() const;
  bool attention() const;
  void query_key_value(bool pass_on) const;
  void head_norms() const;
  bool adapted(LinearKind kind) const;
  bool passes_on(LinearKind kind) const { return stage_of(run.layer, kind) > lowest; }
  // dx (= or +=) and the gradients of one linear. `pass_on` false: dx stays as it is.
  void linear(LinearKind kind, const Tensor& dy, const Tensor& x, const Tensor& dx, bool pass_on,
              bool accumulate) const;
  void norm(const Tensor& dy, const Tensor& x, const Tensor& gain, const Tensor& rstd,
            const Tensor* dgain) const;
  void recompute_normed(const Tensor& x, const Tensor& gain) const;
};

}  // namespace whorl::model

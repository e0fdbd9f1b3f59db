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
  void down() const;
  void mlp() const;
  void query_key_value() const;
  // body(part) for pieces of the rows that go back through these linears, or for all of them.
  void by_rows(std::span<const LinearKind> through,
               const std::function<void(const LayerBackward& part)>& body) const;
  void head_norms() const;
  // Of itself or of an adapter.
  bool trains(LinearKind kind) const;
  bool passes_on(LinearKind kind) const { return stage_of(run.layer, kind) > lowest; }
  // dx (= or +=) unless it is empty, and the gradients of one linear and its adapters unless x is.
  void linear(LinearKind kind, const Tensor& dy, const Tensor& x, const Tensor& dx, bool accumulate) const;
  void norm(const Tensor& dy, const Tensor& x, const Tensor& gain, const Tensor& rstd,
            const Tensor* dgain) const;
  // What went into these linears; empty when none of them is trained.
  Tensor recompute_normed(std::initializer_list<LinearKind> kinds, const Tensor& x, const Tensor& gain) const;
};

}  // namespace whorl::model

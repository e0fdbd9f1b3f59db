#pragma once
// The contract of ops/backend.h on the CPU. One file per op; the kernels behind them are in kernels/.
#include "base/stretches.h"
#include "base/thread_pool.h"
#include "cpu/kernels.h"
#include "cpu/packed.h"
#include "cpu/scratch.h"
#include "ops/backend.h"

namespace whorl::cpu {

using ops::AdamW;
using ops::AttentionShape;
using ops::Lora;
using ops::LoraGradient;
using ops::LoraSegment;
using ops::PackedLora;
using ops::PackedWeight;
using ops::PagedCache;
using ops::PagedSequence;
using ops::Ragged;
using ops::Weight;

class RowsInTurn;                             // rows_in_turn.h
struct AttentionWork;                         // attention.cc
inline constexpr int64_t kTileQueries = 128;  // queries times heads of one task of attention

class CpuBackend final : public ops::Backend {
 public:
  CpuBackend(std::shared_ptr<base::ThreadPool> pool, const Kernels& kernels)
      : pool_(std::move(pool)), kernels_(kernels) {}

  std::string name() const override;
  DType activation_dtype() const override { return DType::float32; }
  int threads() const override { return pool_->size(); }
  bool on_host() const override { return true; }

  Tensor allocate(DType dtype, Shape shape) override;
  Tensor reserve(DType dtype, Shape shape) override;
  void upload(const Tensor& host, const Tensor& device) override;
  void download(const Tensor& device, const Tensor& host) override;
  void fill_zero(const Tensor& x) override;
  size_t working_bytes(const ops::PassShape& pass) const override;
  std::optional<ops::MemoryNow> memory_now() override;
  size_t held_bytes() const { return scratch_.bytes(); }  // what working_bytes foresees, as it is now
  size_t passing_bytes() const { return passing_.bytes(); }

  Weight pack(const Tensor& w, bool backward) override;
  Weight pack_quantized(const Tensor& w, ops::Quantize quantize) override;
  Weight pack_quantized(const ops::QuantizedMatrix& w) override;
  Weight pack_quantized(const ops::QuantizedRows& w) override;
  Weight pack_later(const Tensor& w, const std::function<void()>& laid_out) override;
  Weight pack_quantized_later(const ops::QuantizedRows& w, const std::function<void()>& laid_out) override;
  void prepare_backward(PackedWeight& w) override;
  size_t gradient_layout_bytes(const PackedWeight& w) const override;
  void repack(PackedWeight& w, const Tensor& host) override;
  Tensor unpack(const PackedWeight& w) override;
  void unpack_rows(const PackedWeight& w, int64_t begin, const Tensor& out) override;
  std::string weight_layout() const override;
  ops::WeightParts parts(const PackedWeight& w) override;
  Weight from_parts(const ops::WeightParts& parts) override;
  Lora pack_lora(const Tensor& a, const Tensor& b, float scale, DType base) override;
  void repack_lora(PackedLora& lora, const Tensor& a, const Tensor& b, float scale) override;
  void repack_loras(std::span<const ops::LoraValues> values) override;

  int64_t working_rows(int64_t n) const override;
  void by_rows(int64_t n, std::span<const Weight> weights, const RowsBody& body) override;
  void linear(const Tensor& x, const PackedWeight& w, const Tensor& bias,
              std::span<const LoraSegment> segments, const Tensor& s, const Tensor& y) override;
  void linears(const Tensor& x, std::span<const ops::LinearJob> jobs) override;
  void linear_backward(const Tensor& dy, const Tensor& x, const PackedWeight& w,
                       std::span<const LoraSegment> segments, const Tensor& s,
                       std::span<const LoraGradient> gradients, const Tensor& dx, bool accumulate) override;
  void linear_backward_weight(const Tensor& dy, const Tensor& x, const Tensor& dw,
                              const Tensor& dbias) override;

  void embedding(std::span<const int32_t> ids, const PackedWeight& table, const Tensor& y) override;
  void embedding_backward(std::span<const int32_t> ids, const Tensor& dy, const Tensor& dtable) override;

  void rms_norm(const Tensor& x, const Tensor& gain, float epsilon, int64_t groups, const Tensor& y,
                const Tensor& rstd) override;
  void rms_norm_backward(const Tensor& dy, const Tensor& x, const Tensor& gain, const Tensor& rstd,
                         int64_t groups, const Tensor& dx, bool accumulate, const Tensor& dgain) override;
  void add(const Tensor& x, const Tensor& y) override;
  void rope(const Tensor& x, std::span<const int32_t> positions, const Tensor& table, int64_t head_size,
            bool inverse) override;
  void swiglu(const Tensor& gate, const Tensor& up, const Tensor& h) override;
  void swiglu_backward(const Tensor& dh, const Tensor& gate, const Tensor& up, const Tensor& h) override;

  void attention(const Tensor& q, const Tensor& k, const Tensor& v, Ragged rows, const AttentionShape& shape,
                 const Tensor& out, const Tensor& lse) override;
  void attention_backward(const Tensor& dout, const Tensor& q, const Tensor& k, const Tensor& v,
                          const Tensor& out, const Tensor& lse, Ragged rows, const AttentionShape& shape,
                          const Tensor& dq, const Tensor& dk, const Tensor& dv) override;
  DType cache_dtype(const AttentionShape& shape, int64_t page_size) const override;
  void attention_paged(const Tensor& q, const Tensor& k, const Tensor& v,
                       std::span<const PagedSequence> sequences, const AttentionShape& shape,
                       const PagedCache& cache, const Tensor& out) override;

  void cross_entropy(const Tensor& h, const PackedWeight& head, std::span<const int32_t> targets,
                     std::span<const float> weights, const Tensor& losses, const Tensor& dh,
                     const Tensor& dhead) override;

  void exp_weights(std::span<const float> logits, float largest, float temperature,
                   std::span<float> weights) const override;
  double sum_exp(std::span<const float> logits, float largest) const override;

  double sum_squares(const Tensor& x) override;
  void adamw(const Tensor& parameter, const Tensor& gradient, const Tensor& m, const Tensor& v,
             const AdamW& options) override;

 private:
  using Lease = ScratchPool::Lease;

  // body(begin, end) over [0, n) in pieces of at least `grain`, on all threads. The pieces decide nothing but
  // speed.
  template <class Body>
  void parallel(int64_t n, int64_t grain, const Body& body) {
    if (n <= 0) return;
    if (grain < 1) grain = 1;
    const int64_t most = (n + grain - 1) / grain, wanted = 4 * static_cast<int64_t>(pool_->width());
    const int64_t pieces = most < wanted ? most : wanted;
    pool_->run(pieces, [&](int64_t i) { body(n * i / pieces, n * (i + 1) / pieces); });
  }

  void reduce_rows(GemmOverRows product);
  struct Projection;  // one of the products of linears()
  // Few rows are rounded, or packed, here for all products that share them, not by every task.
  class RoundedOnce;
  void down(const Tensor& x, const Projection& job, const LoraSegment& segment, int64_t begin, int64_t end);
  void project_down(const Tensor& x, std::span<const Projection> jobs);
  void project(const Tensor& x, const Projection& job, base::Stretch rows, base::Stretch panels);
  void project_all(const Tensor& x, std::span<const ops::LinearJob> jobs);
  void project_in_stretches(const Tensor& x, std::span<const Projection> jobs);
  // c[rows, columns of panels begin..end) = a w^T + bias, in one task.
  struct Block {
    const float* a;
    int64_t a_stride, rows;
    float* c;
    int64_t c_stride;
    const float* bias;         // may be null
    float* rounded = nullptr;  // the rows as RoundedOnce left them; null: not ready yet
    int64_t packed_step = 0;   // of them, where weights are stored whole
    // Weights stored whole: see kernels.h.
    const Gemm* beside = nullptr;
    const Gemm* behind = nullptr;
    const LateRows* late = nullptr;  // what to read in the place of a layout that is not there
  };
  // Makes a weight's layout where it is not there yet: whoever reads it calls this first.
  void lay_out(const CpuWeight& weight);
  // The rows that a product of n rows reads instead; null: the layout is there.
  std::shared_ptr<const LateRows> rows_or_layout(const CpuWeight& weight, int64_t n);
  void late_block(const CpuWeight& weight, const Block& block, int64_t panel_begin, int64_t panel_end);
  void forward_block(const CpuWeight& weight, const Block& block, int64_t panel_begin, int64_t panel_end);
  // The whole product, shared out among threads; and c = a w.
  void multiply(const Block& whole, const CpuWeight& weight);
  void multiply_back(const float* a, int64_t a_stride, int64_t rows, const CpuWeight& weight, float* c,
                     int64_t c_stride);
  // Panels of weights' transpose, from panel `first` on: kept (all of them), or made in passing.
  struct GradientPanels {
    const void* w;
    bool bf16;
    int64_t first, columns;
    // a w for these columns, into their place in the rows of c.
    Gemm product(const float* a, int64_t a_stride, int64_t rows, int64_t k, float* c, int64_t c_stride) const;
  };
  void turn_panel(const CpuWeight& weight, int64_t panel, float* to);
  // Transposes of all weights that keep none; null where all do.
  std::unique_ptr<Lease> turn_for_rows(std::span<const Weight> weights, RowsInTurn& rows);
  void for_gradient_panels(const CpuWeight& weight, const std::function<void(const GradientPanels&)>& body);
  void losses_in_place(std::span<const int64_t> rows, float* logits, int64_t vocabulary,
                       std::span<const int32_t> targets, std::span<const float> weights,
                       const Tensor& losses);
  void run_attention(std::span<const AttentionWork> work, const AttentionShape& shape, const Tensor& q,
                     const Tensor& out, const Tensor& lse);
  void lora_gradients(const Tensor& dy, const Tensor& x, std::span<const LoraSegment> segments,
                      const Tensor& s, std::span<const LoraGradient> gradients, const float* ds,
                      int64_t ds_stride);
  void low_gradient(const Tensor& dy, std::span<const LoraSegment> segments, float* ds, int64_t ds_stride);
  // What linear_backward makes of dy on its way to dx, and a task of it.
  struct InputGradient {
    std::span<const LoraSegment> segments;
    float* ds;  // dy b, [rows][ds_stride]
    int64_t ds_stride;
    const Tensor& dx;
    bool accumulate;
  };
  struct GradientTask {
    int64_t begin, end, panel, panel_end;  // panels of all of dx
    float* scratch;
  };
  void base_gradient(const Tensor& dy, const GradientPanels& w, const InputGradient& to,
                     const GradientTask& task, bool beside);
  void adapters_gradient(const InputGradient& to, const GradientTask& task);
  void input_gradient(const Tensor& dy, const CpuWeight& weight, const InputGradient& to);

  std::shared_ptr<base::ThreadPool> pool_;
  const Kernels& kernels_;
  ScratchPool scratch_;
  ScratchPool passing_;  // panels of late weights; empty again when the first of those is laid out
};

}  // namespace whorl::cpu

#pragma once
// The contract of ops/backend.h on CUDA. One file per op, with the names of src/cpu; the kernels behind them
// are in kernels/. Every tensor is device memory; spans are the host's. Work is queued and not waited for,
// except by download, unpack and sum_squares, which the host reads, and by copies of weights to the device.
#include <list>
#include <mutex>

#include "cuda/lists.h"
#include "cuda/packed.h"
#include "cuda/repeats.h"
#include "cuda/runtime.h"
#include "ops/backend.h"

namespace whorl::cuda {

struct LoraTarget;
class LoraParts;
class RoundedRows;
struct RoundingNeeds;

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

struct AttentionCall;
struct AttentionPiece;

// Rows of logits that exist at once.
int64_t loss_chunk_rows(int64_t vocabulary);

// How attention that may round its operands is done: outside tensor cores; by kernels here on tensor cores;
// by NVIDIA's library where it has an answer, else by those. WHORL_CUDA_ATTENTION chooses;
// std::invalid_argument where it is none of the three words.
enum class AttentionBy { float32, bfloat16, cudnn };
AttentionBy attention_wanted();

// Up to how many rows products with bfloat16 weights are made by a kernel here (tensor_products.cc) and not
// by NVIDIA's library: WHORL_CUDA_FEW_ROWS, 0 to 32, or 16. std::invalid_argument where it is anything else.
int64_t few_rows_wanted();

class CudaBackend final : public ops::Backend {
 public:
  // `folders`: where NVIDIA's libraries may be, see Runtime::open.
  CudaBackend(std::shared_ptr<Runtime> runtime, std::string folders)
      : runtime_(std::move(runtime)), lists_(runtime_), repeats_(runtime_), folders_(std::move(folders)) {
    if (attention_by_ == AttentionBy::cudnn) runtime_->open_attention();
  }

  std::string name() const override { return runtime_->name(); }
  DType activation_dtype() const override { return DType::float32; }
  bool takes_activations(DType dtype) const override {
    return dtype == DType::float32 || dtype == DType::bfloat16;
  }
  int threads() const override { return 1; }

  Tensor allocate(DType dtype, Shape shape) override;
  Tensor reserve(DType dtype, Shape shape) override;
  void upload(const Tensor& host, const Tensor& device) override;
  void download(const Tensor& device, const Tensor& host) override;
  void fill_zero(const Tensor& x) override;
  size_t working_bytes(const ops::PassShape& pass) const override;
  size_t step_bytes(const ops::StepShape& step) const override;
  std::shared_ptr<const void> expect_bytes(size_t bytes) override;
  std::optional<ops::MemoryNow> memory_now() override;
  void repeated(uint64_t key, const std::function<void()>& body) override;

  using ops::Backend::pack_quantized;
  Weight pack(const Tensor& w, bool backward) override;
  Weight pack_quantized(const Tensor& w, ops::Quantize quantize) override;
  Weight pack_quantized(const ops::QuantizedMatrix& w) override;
  bool takes_fp8() const override { return true; }
  void prepare_backward(PackedWeight& w) override;
  size_t gradient_layout_bytes(const PackedWeight& w) const override;
  void repack(PackedWeight& w, const Tensor& host) override;
  Tensor unpack(const PackedWeight& w) override;
  void unpack_rows(const PackedWeight& w, int64_t begin, const Tensor& out) override;
  Lora pack_lora(const Tensor& a, const Tensor& b, float scale, DType base) override;
  void repack_lora(PackedLora& lora, const Tensor& a, const Tensor& b, float scale) override;
  void repack_loras(std::span<const ops::LoraValues> values) override;

  void linear(const Tensor& x, const PackedWeight& w, const Tensor& bias,
              std::span<const LoraSegment> segments, const Tensor& s, const Tensor& y) override;
  void linears(const Tensor& x, std::span<const ops::LinearJob> jobs) override;
  void norm_linears(const Tensor& x, const Tensor& gain, float epsilon, const Tensor& normed,
                    const Tensor& rstd, std::span<const ops::LinearJob> jobs) override;
  void swiglu_linears(const Tensor& gate, const Tensor& up, const Tensor& h,
                      std::span<const ops::LinearJob> jobs) override;
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
  void ropes(std::span<const Tensor> all, std::span<const int32_t> positions, const Tensor& table,
             int64_t head_size, bool inverse) override;
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
  void rope_attention_paged(const Tensor& q, const Tensor& k, const Tensor& v,
                            std::span<const int32_t> positions, const Tensor& table,
                            std::span<const PagedSequence> sequences, const AttentionShape& shape,
                            const PagedCache& cache, const Tensor& out,
                            std::span<const ops::LinearJob> jobs) override;

  void cross_entropy(const Tensor& h, const PackedWeight& head, std::span<const int32_t> targets,
                     std::span<const float> weights, const Tensor& losses, const Tensor& dh,
                     const Tensor& dhead) override;

  void draw(const Tensor& logits, std::span<const ops::Draw> draws, const Tensor& out) override;
  void score(const Tensor& logits, std::span<const int32_t> targets, const Tensor& out) override;

  double sum_squares(const Tensor& x) override;
  void adamw(const Tensor& parameter, const Tensor& gradient, const Tensor& m, const Tensor& v,
             const AdamW& options) override;
  void clipped_adamw(std::span<const ops::ClippedUpdate> updates, const Tensor& norms) override;

  ops::Collective collective() override;
  std::unique_ptr<ops::DeviceRanks> join_ranks(const ops::RankCalls& calls) override;

 private:
  bool on_tensor_cores(const AttentionShape& s) const {
    return attention_by_ != AttentionBy::float32 && s.precision == DType::bfloat16;
  }
  void attend(const AttentionCall& call, const AttentionShape& s, const std::vector<AttentionPiece>& list);
  struct PagedCall;
  bool may_round(const PagedCall& call, std::span<const ops::LinearJob> jobs) const;
  void check_paged(const PagedCall& call) const;
  void attend_paged(const PagedCall& call);
  template <class Stored>
  void write_pages(const PagedCall& call, const int32_t* slots, const int32_t* positions);

  // Device memory as a tensor, not zeroed.
  Tensor unset(DType dtype, Shape shape);
  Tensor to_device(const Tensor& host);
  void fill_lora(CudaLora& lora, const Tensor& a, const Tensor& b, float scale);

  template <class Made>
  void project(const Made& made, const Tensor& x, std::span<const ops::LinearJob> jobs);
  RoundingNeeds needs_of(std::span<const ops::LinearJob> jobs) const;
  // y (rows of x) = x w^T + bias + residual, and with what is on top of them of `adapters`, whose target i is
  // job i, unless that is null.
  void multiply(RoundedRows& x, std::span<const ops::LinearJob> jobs, const LoraParts* adapters = nullptr);
  // Whether all of these products may add their adapters' part themselves.
  bool adds_adapters(std::span<const ops::LinearJob> jobs, const std::list<LoraParts>& parts) const;
  // Whether a kernel here multiplies so few rows with w in bfloat16.
  bool reads_pairs(const PackedWeight& w, int64_t rows) const;
  // Of one product where both are the same, else of two as one.
  bool ask_library(RoundedRows& x, const ops::LinearJob& first, const ops::LinearJob& last);
  bool ask_library_for_both(RoundedRows& x, const ops::LinearJob& a, const ops::LinearJob& b);
  void multiply_here(const RoundedRows& x, const ops::LinearJob& job);
  // Of one launch; the first is job `first` of those of `adapters`.
  void multiply_pairs(RoundedRows& x, std::span<const ops::LinearJob> jobs, size_t first,
                      const LoraParts* adapters);
  void multiply_quantised(RoundedRows& x, std::span<const ops::LinearJob> jobs, size_t first,
                          const LoraParts* adapters);
  // The same two of one product with a weight in FP8 (fp8_weights.cc).
  Weight pack_fp8(const Tensor& w);
  Tensor turned_codes(const CudaWeight& w);  // or nothing
  // Whether a kernel here multiplies so few rows with w in FP8; of one launch, as multiply_pairs.
  bool reads_fp8(const PackedWeight& w, int64_t rows) const;
  void multiply_few_in_fp8(RoundedRows& x, std::span<const ops::LinearJob> jobs, size_t first,
                           const LoraParts* adapters);
  void multiply_in_fp8(RoundedRows& x, const ops::LinearJob& job);
  // Of as many neighbours as one launch takes; how many these were.
  size_t multiply_in_fp8(RoundedRows& x, std::span<const ops::LinearJob> jobs, size_t first,
                         const LoraParts* adapters);
  void multiply_back_in_fp8(RoundedRows& dy, const CudaWeight& w, const Tensor& dx, bool accumulate);
  // dx (= or +=) dy w; and with its adapters' part, ds on the way.
  void multiply_back(RoundedRows& dy, const CudaWeight& w, const Tensor& dx, bool accumulate);
  void input_gradient(const LoraTarget& to, const Tensor& dy, const CudaWeight& w, bool accumulate);
  // c [m, n] += scale * a^T b over the rows of a [rows, m] and b [rows, n].
  void reduce_rows(const Tensor& a, const Tensor& b, float scale, const Tensor& c);
  void column_sums(const Tensor& x, const Tensor& sums);

  std::shared_ptr<Runtime> runtime_;
  std::mutex turning_;  // of weights' codes, for gradients
  Lists lists_;
  Repeats repeats_;
  std::string folders_;
  AttentionBy attention_by_ = attention_wanted();
  bool graphs_ = graphs_wanted();
  int64_t few_rows_ = few_rows_wanted();
};

}  // namespace whorl::cuda

// Products that kernels of this folder make on tensor cores: of whole numbers, and of few rows with bfloat16
// weights. Few rows get their adapters' part in the same launch.
#include <algorithm>
#include <cstdlib>

#include "cuda/backend.h"
#include "cuda/kernels/bfloat16_product.h"
#include "cuda/kernels/fp8_product.h"
#include "cuda/kernels/quantised_product.h"
#include "cuda/lora_parts.h"
#include "cuda/rounded_rows.h"
#include "cuda/views.h"
#include "target/launch.h"

namespace whorl::cuda {

namespace {
// From so many rows on blocks are enough without several for one tile. The bits are the same.
constexpr int64_t kManyRows = 65;
// s of so many ranks and a tile's sums fit a block's shared memory (48 KB without asking for more).
constexpr int64_t kMostRank = 64;

template <class Kernel>
constexpr bool fits_shared_memory() {
  return FewRows<Kernel>::shared_bytes(kMostRank) <= 48 << 10;
}

template <class Kernel, class Call>
void run(Runtime& runtime, Call call, int64_t shared_bytes) {
  int64_t blocks = 0;
  for (int64_t i = 0; i < call.count; ++i) {
    call.ends[i].first_block = blocks;
    blocks += pieces(call.ends[i].outputs, Kernel::kOutputs);
  }
  call.row_blocks = pieces(call.rows, Kernel::kRows);
  launch(runtime, {blocks * call.row_blocks, 1, shared_bytes}, Kernel{call});
}
template <class Tile>
void run_few(Runtime& runtime, const typename Tile::Call& call) {
  static_assert(fits_shared_memory<Tile>());
  run<FewRows<Tile>>(runtime, call, FewRows<Tile>::shared_bytes(call.largest_rank));
}

template <class Codes>
void multiply_codes(Runtime& runtime, const QuantisedCall& call) {
  if (call.rows >= kManyRows) return run<QuantisedManyRows<Codes>>(runtime, call, 0);
  if (call.rows > 16) return run_few<QuantisedTile<Codes, 2, 4>>(runtime, call);
  if (call.rows > 8) return run_few<QuantisedTile<Codes, 2, 2>>(runtime, call);
  run_few<QuantisedTile<Codes, 1, 1>>(runtime, call);
}

// What all such products have in common; the first of these jobs is number `first` of those of `adapters`.
void describe(ProductCall& call, int64_t rows, std::span<const ops::LinearJob> jobs, size_t first,
              const LoraParts* adapters) {
  call.rows = rows, call.groups = (jobs[0].w.inputs() + kGroup - 1) / kGroup;
  if (adapters) adapters->describe(call);
  for (size_t i = 0; i < jobs.size(); ++i) {
    ProductEnd& end = call.ends[call.count++];
    end.bias = Global<const float>(jobs[i].bias.data<float>()), end.y = either_out(jobs[i].y);
    if (jobs[i].residual) end.residual = rows_of<const float>(*jobs[i].residual);
    end.outputs = jobs[i].w.outputs();
    if (adapters) adapters->describe(first + i, end);
  }
}
}  // namespace

int64_t few_rows_wanted() {
  const char* const given = std::getenv("WHORL_CUDA_FEW_ROWS");
  if (!given) return 16;
  char* end = nullptr;
  const long rows = std::strtol(given, &end, 10);
  base::check_argument(*given != '\0' && *end == '\0' && rows >= 0 && rows <= 32,
                       "[cuda] expected the environment variable WHORL_CUDA_FEW_ROWS to be 0 to 32 or not "
                       "set, got '",
                       given, "'");
  return rows;
}

bool CudaBackend::reads_pairs(const PackedWeight& w, int64_t rows) const {
  const CudaWeight& weight = as_cuda(w);
  return runtime_->has_library() && weight.whole() && weight.dtype() == DType::bfloat16 &&
         rows <= few_rows_ && weight.k % Bfloat16Call::kInputs == 0 &&
         reinterpret_cast<uintptr_t>(weight.values.raw()) % sizeof(FourWords) == 0;
}

bool CudaBackend::adds_adapters(std::span<const ops::LinearJob> jobs,
                                const std::list<LoraParts>& parts) const {
  if (parts.size() != 1 || jobs.size() > kLoraJobs) return false;
  if (!parts.front().rounds() || parts.front().rank() > kMostRank) return false;
  return std::all_of(jobs.begin(), jobs.end(), [&](const ops::LinearJob& job) {
    const int64_t rows = job.y.dim(0);
    const CudaWeight& w = as_cuda(job.w);
    return w.whole_numbers() ? rows < kManyRows : reads_pairs(job.w, rows) || reads_fp8(job.w, rows);
  });
}

void CudaBackend::multiply_pairs(RoundedRows& x, std::span<const ops::LinearJob> jobs, size_t first,
                                 const LoraParts* adapters) {
  Bfloat16Call call;
  describe(call, x.whole().dim(0), jobs, first, adapters);
  for (size_t i = 0; i < jobs.size(); ++i)
    call.weights[static_cast<int64_t>(i)] =
        Global<const FourWords>(static_cast<const FourWords*>(as_cuda(jobs[i].w).values.raw()));
  call.values = Global<const FourWords>(reinterpret_cast<const FourWords*>(x.narrow()));
  call.inputs = jobs[0].w.inputs(), call.row_step = x.narrow_step();
  if (call.rows > 16) return run_few<Bfloat16Tile<2, 4>>(*runtime_, call);
  if (call.rows > 8) return run_few<Bfloat16Tile<2, 2>>(*runtime_, call);
  run_few<Bfloat16Tile<1, 1>>(*runtime_, call);
}

bool CudaBackend::reads_fp8(const PackedWeight& w, int64_t rows) const {
  return runtime_->has_library() && as_cuda(w).fp8() && rows <= few_rows_;
}

void CudaBackend::multiply_few_in_fp8(RoundedRows& x, std::span<const ops::LinearJob> jobs, size_t first,
                                      const LoraParts* adapters) {
  const RoundedRows::Fp8 rows = x.fp8();
  Fp8Call call;
  describe(call, x.whole().dim(0), jobs, first, adapters);
  for (size_t i = 0; i < jobs.size(); ++i) {
    const CudaWeight& w = as_cuda(jobs[i].w);
    const auto at = static_cast<int64_t>(i);
    call.weights[at] = Global<const FourWords>(static_cast<const FourWords*>(w.codes.raw()));
    call.scales[at] = Global<const float>(w.scales.data<float>());
  }
  call.values = Global<const FourWords>(reinterpret_cast<const FourWords*>(rows.codes));
  call.row_scales = Global<const float>(rows.scales), call.stride = fp8_stride(jobs[0].w.inputs());
  call.groups = pieces(call.stride, Fp8Call::kInputs);
  if (call.rows > 16) return run_few<Fp8Tile<2, 4>>(*runtime_, call);
  if (call.rows > 8) return run_few<Fp8Tile<2, 2>>(*runtime_, call);
  run_few<Fp8Tile<1, 1>>(*runtime_, call);
}

void CudaBackend::multiply_quantised(RoundedRows& rounded, std::span<const ops::LinearJob> jobs, size_t first,
                                     const LoraParts* adapters) {
  const RoundedRows::Codes x = rounded.codes();
  QuantisedCall call;
  describe(call, rounded.whole().dim(0), jobs, first, adapters);
  for (size_t i = 0; i < jobs.size(); ++i) {
    const CudaWeight& w = as_cuda(jobs[i].w);
    QuantisedWeights& its = call.weights[static_cast<int64_t>(i)];
    its.codes = Global<const uint32_t>(static_cast<const uint32_t*>(w.codes.raw()));
    its.scales = Global<const uint16_t>(w.scales.data<uint16_t>());
    its.minima = Global<const uint16_t>(w.minima.data<uint16_t>());
  }
  call.rows_codes = Global<const uint32_t>(reinterpret_cast<const uint32_t*>(x.codes));
  call.row_scales = Global<const float>(x.scales);
  as_cuda(jobs[0].w).rounding == ops::Quantize::int8 ? multiply_codes<Int8Codes>(*runtime_, call)
                                                     : multiply_codes<Int4Codes>(*runtime_, call);
}

}  // namespace whorl::cuda

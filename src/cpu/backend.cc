#include "cpu/backend.h"

#include <cstring>

#include "base/free_memory.h"
#include "cpu/checks.h"
#include "cpu/isa.h"
#include "cpu/memory.h"
#include "ops/factories.h"

namespace whorl::cpu {

std::string CpuBackend::name() const { return std::string("cpu (") + kernels_.name + ")"; }

Tensor CpuBackend::allocate(DType dtype, Shape shape) { return zeroed_tensor(dtype, std::move(shape)); }
// No huge pages: a token's keys and values in every layer would touch, and clear, two megabytes each.
Tensor CpuBackend::reserve(DType dtype, Shape shape) { return Tensor::zeros(dtype, std::move(shape)); }

// Nobody keeps count of paged caches: they take room as they are written.
std::optional<ops::MemoryNow> CpuBackend::memory_now() {
  const std::optional<size_t> free = base::free_memory();
  return free ? std::optional(ops::MemoryNow{*free, 0, 0}) : std::nullopt;
}

namespace {
// Rows of bytes and the step between them; a tensor of no or one dimension is one row.
struct Rows {
  int64_t count, width, step;
  explicit Rows(const Tensor& t)
      : count(t.shape().empty() ? 1 : t.dim(0)),
        width(count == 0 ? 0 : t.numel() / count * static_cast<int64_t>(size_of(t.dtype()))),
        step(t.shape().empty() ? 0 : t.row_stride() * static_cast<int64_t>(size_of(t.dtype()))) {}
};

void convert_row(DType from, const void* source, void* target, int64_t n) {
  if (from == DType::bfloat16) {
    for (int64_t i = 0; i < n; ++i)
      static_cast<float*>(target)[i] = bf16_to_float(static_cast<const uint16_t*>(source)[i]);
  } else {
    for (int64_t i = 0; i < n; ++i)
      static_cast<uint16_t*>(target)[i] = float_to_bf16(static_cast<const float*>(source)[i]);
  }
}

void copy(const char* op, const Tensor& from, const Tensor& to) {
  base::check_argument(!from.empty() && !to.empty() && from.shape() == to.shape(), "[", op,
                       "] expected equal shapes, got ", to_string(from.shape()), " and ",
                       to_string(to.shape()));
  const bool same = from.dtype() == to.dtype();
  const bool known = same || (from.dtype() == DType::float32 && to.dtype() == DType::bfloat16) ||
                     (from.dtype() == DType::bfloat16 && to.dtype() == DType::float32);
  base::check_argument(known, "[", op, "] expected float32 and bfloat16 or equal types, got ",
                       name_of(from.dtype()), " and ", name_of(to.dtype()));
  const Rows a(from), b(to);
  for (int64_t i = 0; i < a.count; ++i) {
    const char* source = static_cast<const char*>(from.raw()) + i * a.step;
    char* target = static_cast<char*>(to.raw()) + i * b.step;
    if (same)
      std::memmove(target, source, static_cast<size_t>(a.width));
    else
      convert_row(from.dtype(), source, target, a.width / static_cast<int64_t>(size_of(from.dtype())));
  }
}
}  // namespace

void CpuBackend::upload(const Tensor& host, const Tensor& device) { copy("upload", host, device); }
void CpuBackend::download(const Tensor& device, const Tensor& host) { copy("download", device, host); }

void CpuBackend::fill_zero(const Tensor& x) {
  if (x.empty()) return;
  constexpr int64_t kGrain = 1 << 16;  // bytes
  if (x.contiguous())
    return parallel(static_cast<int64_t>(x.nbytes()), kGrain, [&](int64_t begin, int64_t end) {
      std::memset(static_cast<char*>(x.raw()) + begin, 0, static_cast<size_t>(end - begin));
    });
  const Rows rows(x);
  parallel(rows.count, kGrain / (rows.width + 1), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      std::memset(static_cast<char*>(x.raw()) + i * rows.step, 0, static_cast<size_t>(rows.width));
  });
}

}  // namespace whorl::cpu

namespace whorl::ops {

std::shared_ptr<Backend> make_cpu_backend(int threads, const std::string& isa) {
  auto pool = threads > 0 ? std::make_shared<base::ThreadPool>(threads) : base::ThreadPool::shared();
  return std::make_shared<cpu::CpuBackend>(std::move(pool), cpu::kernels_for(isa));
}

std::vector<std::string> cpu_isas() { return cpu::available_isas(); }
std::vector<std::string> emulated_cpu_isas() { return cpu::emulated_isas(); }

}  // namespace whorl::ops

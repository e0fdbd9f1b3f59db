#include "cuda/backend.h"

#include "cuda/kernels/elementwise.h"
#include "cuda/views.h"
#include "ops/checks.h"
#include "target/launch.h"

namespace whorl::cuda {

namespace {
// A tensor of no or one dimension is one row.
Rows bytes_of(const Tensor& t) {
  const auto size = static_cast<int64_t>(size_of(t.dtype()));
  if (t.shape().size() < 2 || t.contiguous()) return {1, t.numel() * size, t.numel() * size};
  return {t.dim(0), t.numel() / std::max<int64_t>(1, t.dim(0)) * size, t.row_stride() * size};
}

void check_copy(const char* op, const Tensor& from, const Tensor& to) {
  base::check_argument(!from.empty() && !to.empty() && from.shape() == to.shape(), "[", op,
                       "] expected equal shapes, got ", to_string(from.shape()), " and ",
                       to_string(to.shape()));
  const auto plain = [](DType t) { return t == DType::float32 || t == DType::bfloat16; };
  base::check_argument(from.dtype() == to.dtype() || (plain(from.dtype()) && plain(to.dtype())), "[", op,
                       "] expected float32 and bfloat16 or equal types, got ", name_of(from.dtype()), " and ",
                       name_of(to.dtype()));
}

Tensor as_matrix(const Tensor& t) { return t.shape().size() == 2 ? t : t.reshape({1, t.numel()}); }
}  // namespace

Tensor CudaBackend::unset(DType dtype, Shape shape) {
  int64_t bytes = static_cast<int64_t>(size_of(dtype));
  for (const int64_t size : shape)
    base::check_argument(size >= 0 && !__builtin_mul_overflow(bytes, size, &bytes), "[allocate] shape ",
                         to_string(shape), " overflows");
  void* const memory = runtime_->allocate(static_cast<size_t>(std::max<int64_t>(bytes, 1)));
  std::shared_ptr<void> owner(memory, [runtime = runtime_](void* p) { runtime->release(p); });
  return Tensor::view(dtype, std::move(shape), memory, std::move(owner));
}

Tensor CudaBackend::allocate(DType dtype, Shape shape) {
  Tensor made = unset(dtype, std::move(shape));
  fill_zero(made);
  return made;
}

// All of it at once; what is counted is named where memory is short.
Tensor CudaBackend::reserve(DType dtype, Shape shape) {
  const Tensor made = allocate(dtype, std::move(shape));
  claims().paged += made.nbytes();
  std::shared_ptr<void> owner(made.raw(), [made](void*) { claims().paged -= made.nbytes(); });
  return Tensor::view(dtype, made.shape(), made.raw(), std::move(owner));
}

std::shared_ptr<const void> CudaBackend::expect_bytes(size_t bytes) {
  claims().expected += bytes;
  return {this, [bytes](const void*) { claims().expected -= bytes; }};
}

std::optional<ops::MemoryNow> CudaBackend::memory_now() {
  const size_t free = runtime_->free_bytes(), expected = claims().expected;
  return ops::MemoryNow{free > expected ? free - expected : 0, claims().paged, expected};
}

Tensor CudaBackend::to_device(const Tensor& host) {
  Tensor made = unset(host.dtype(), host.shape());
  upload(host, made);
  return made;
}

namespace {
// Between float32 and bfloat16, both on the device.
void convert(Runtime& runtime, const Tensor& from, const Tensor& to) {
  const Tensor a = as_matrix(from), b = as_matrix(to);
  const auto extent = per_element(a.dim(0), a.dim(1));
  if (a.dtype() == DType::float32) {
    Copy<Dense<const float>, uint16_t> kernel;
    kernel.columns = a.dim(1), kernel.from = rows_of<const float>(a), kernel.to = rows_of<uint16_t>(b);
    launch(runtime, extent, kernel);
  } else {
    Copy<Dense<const uint16_t>, float> kernel;
    kernel.columns = a.dim(1), kernel.from = rows_of<const uint16_t>(a), kernel.to = rows_of<float>(b);
    launch(runtime, extent, kernel);
  }
}
}  // namespace

void CudaBackend::upload(const Tensor& host, const Tensor& device) {
  check_copy("upload", host, device);
  if (host.dtype() != device.dtype()) {
    const Tensor same = unset(host.dtype(), host.shape());
    upload(host, same);
    return convert(*runtime_, same, device);
  }
  const Rows from = bytes_of(host), to = bytes_of(device);
  // One of the two may be a slice and the other one piece.
  if (from.count == to.count) return runtime_->to_device(device.raw(), to.step, host.raw(), from);
  const Rows rows = from.count > 1 ? from : Rows{to.count, to.width, to.width};
  runtime_->to_device(device.raw(), to.count > 1 ? to.step : rows.width, host.raw(), rows);
}

void CudaBackend::download(const Tensor& device, const Tensor& host) {
  check_copy("download", device, host);
  if (host.dtype() != device.dtype()) {
    const Tensor same = unset(host.dtype(), host.shape());
    convert(*runtime_, device, same);
    return download(same, host);
  }
  const Rows from = bytes_of(device), to = bytes_of(host);
  if (from.count == to.count) return runtime_->to_host(host.raw(), to.step, device.raw(), from);
  const Rows rows = from.count > 1 ? from : Rows{to.count, to.width, to.width};
  runtime_->to_host(host.raw(), to.count > 1 ? to.step : rows.width, device.raw(), rows);
}

void CudaBackend::fill_zero(const Tensor& x) {
  if (!x.empty()) runtime_->zero(x.raw(), bytes_of(x));
}

void CudaBackend::repeated(uint64_t key, const std::function<void()>& body) {
  graphs_ ? repeats_.run(key, body) : body();
}

}  // namespace whorl::cuda

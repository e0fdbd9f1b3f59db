// What is the same for every device: whether a call is queued or written down.
#include "cuda/runtime.h"

#include "base/check.h"
#include "cuda/recording.h"
#include "ops/device.h"

namespace whorl::cuda {

Claims& claims() {
  static Claims of_all;
  return of_all;
}

void refuse_memory(const std::string& device, size_t bytes, size_t free, size_t all) {
  std::string said = base::concat("[allocate] ", device, " has too little memory: expected ", bytes,
                                  " free bytes, got ", free, " of ", all);
  if (const size_t paged = claims().paged; paged > 0)
    said += base::concat("; caches of inference engines in this process hold ", paged,
                         ", and an engine made with a smaller kv_cache_bytes leaves more");
  throw ops::DeviceMemoryError(said);
}

Calls* Runtime::written() const {
  Recording* const recording = Recording::of(*this);
  return recording && recording->open() ? &recording->calls() : nullptr;
}

void Runtime::interrupt_recording() {
  if (Recording* const recording = Recording::of(*this)) recording->interrupt();
}

void* Runtime::borrow(size_t bytes) {
  Recording* const recording = Recording::of(*this);
  return recording ? recording->borrow(bytes) : allocate(bytes);
}

void Runtime::release(void* memory) noexcept {
  Recording* const recording = Recording::of(*this);
  if (!recording || !recording->release(memory)) release_now(memory);
}

void Runtime::to_device(void* device, int64_t step, const void* host, const Rows& rows) {
  interrupt_recording();
  to_device_now(device, step, host, rows);
}

void Runtime::to_host(void* host, int64_t step, const void* device, const Rows& rows) {
  interrupt_recording();
  to_host_now(host, step, device, rows);
}

void Runtime::wait() {
  interrupt_recording();
  wait_now();
}

// Of training passes alone, which nobody writes down.
bool Runtime::attend(const PackedAttention& call) {
  interrupt_recording();
  return attend_now(call);
}

void* Runtime::queue() {
  interrupt_recording();
  return queue_now();
}

bool Runtime::done() {
  interrupt_recording();
  return done_now();
}

struct Runtime::Copied {
  void* to;
  int64_t step;
  const void* from;
  Rows rows;
};

void Runtime::copy(void* to, int64_t step, const void* from, const Rows& rows) {
  Calls* const calls = written();
  if (!calls) return copy_now(to, step, from, rows);
  const auto perform = [](Runtime& runtime, const void* arguments) {
    const auto& c = *static_cast<const Copied*>(arguments);
    runtime.copy_now(c.to, c.step, c.from, c.rows);
  };
  calls->add(perform, Copied{to, step, from, rows});
}

struct Runtime::Zeroed {
  void* device;
  Rows rows;
};

void Runtime::zero(void* device, const Rows& rows) {
  Calls* const calls = written();
  if (!calls) return zero_now(device, rows);
  const auto perform = [](Runtime& runtime, const void* arguments) {
    const auto& z = *static_cast<const Zeroed*>(arguments);
    runtime.zero_now(z.device, z.rows);
  };
  calls->add(perform, Zeroed{device, rows});
}

bool Runtime::multiply(const Product& product) {
  Calls* const calls = written();
  if (!calls) return multiply_now(product);
  if (!can_multiply(product)) return false;
  const auto perform = [](Runtime& runtime, const void* arguments) {
    runtime.multiply_now(*static_cast<const Product*>(arguments));
  };
  calls->add(perform, product);
  return true;
}

}  // namespace whorl::cuda

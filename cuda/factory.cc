// The one function that this library exports.
#include <algorithm>
#include <cstring>

#include "cuda/backend.h"
#include "ops/build_id.h"
#include "ops/plug.h"

namespace whorl::cuda {

namespace {
constexpr int kOldestCompute = 8;  // Ampere: bfloat16, asynchronous memory

void refuse(ops::PlugCall& call, const std::string& why) {
  std::strncpy(call.refusal, why.c_str(), sizeof call.refusal - 1);
}

void answer(ops::PlugCall& call) {
  std::string refusal;
  const auto devices = Runtime::devices(refusal, call.device);
  call.device_count = static_cast<int32_t>(std::min(devices.size(), std::size(call.devices)));
  std::copy_n(devices.begin(), call.device_count, call.devices);
  if (!refusal.empty()) return refuse(call, refusal);
  if (call.device < 0) return;
  if (call.device >= call.device_count)
    return refuse(call, "there are " + std::to_string(call.device_count) +
                            " GPUs, counted from 0, and no number " + std::to_string(call.device));
  const ops::PlugDevice& device = call.devices[call.device];
  if (device.major > 0 && device.major < kOldestCompute)
    return refuse(call, std::string(device.name) +
                            " is too old: expected compute capability 8.0 or more, got " +
                            std::to_string(device.major) + "." + std::to_string(device.minor));
  const std::string folders = call.folders ? call.folders : "";
  call.backend = new CudaBackend(Runtime::open(call.device, folders), folders);
}
}  // namespace

}  // namespace whorl::cuda

extern "C" __attribute__((visibility("default"))) void whorl_backend(whorl::ops::PlugCall* call) {
  const bool known = call->contract_version == whorl::ops::kContractVersion &&
                     std::strncmp(call->build, whorl::ops::build_id(), sizeof call->build) == 0;
  call->contract_version = whorl::ops::kContractVersion;
  std::strncpy(call->build, whorl::ops::build_id(), sizeof call->build - 1);
  if (!known) return;  // the caller sees that they differ; nothing else of a PlugCall is agreed on
  try {
    whorl::cuda::answer(*call);
  } catch (const std::exception& error) {
    whorl::cuda::refuse(*call, error.what());
  }
}

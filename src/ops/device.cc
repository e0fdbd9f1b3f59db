#include "ops/device.h"

#include <charconv>
#include <cstdlib>

#include "base/check.h"
#include "base/log.h"
#include "ops/factories.h"
#include "ops/library_folders.h"

namespace whorl::ops {

namespace {
// 0 for "cuda", 3 for "cuda:3".
int ordinal(const std::string& device) {
  const size_t colon = device.find(':');
  if (colon == std::string::npos) return 0;
  int number = -1;
  const char *first = device.data() + colon + 1, *last = device.data() + device.size();
  const auto [end, error] = std::from_chars(first, last, number);
  base::check_argument(error == std::errc() && end == last && number >= 0,
                       "[make_backend] expected 'cuda' or 'cuda:' and a number, got '", device, "'");
  return number;
}

std::shared_ptr<Backend> open(const char* library, const std::string& device) {
  const PlugCall call = call_plug(library, ordinal(device));
  if (!call.backend)
    base::failed("[make_backend] device '", device, "' cannot be used: ", call.refusal,
                 ". Use 'cpu', or 'auto' to fall back to it");
  return std::shared_ptr<Backend>(call.backend);
}

std::shared_ptr<Backend> cpu(int threads) {
  const char* isa = std::getenv("WHORL_ISA");
  return make_cpu_backend(threads, isa ? isa : "");
}
}  // namespace

std::shared_ptr<Backend> make_backend(const std::string& device, int threads) {
  if (device == "cpu") return cpu(threads);
  if (device == "cuda" || device.starts_with("cuda:")) return open("libwhorl_cuda.so", device);
  if (device == "cuda_emulated") return open("libwhorl_cuda_emulated.so", device);
  if (device == "auto") {
    const PlugCall call = call_plug("libwhorl_cuda.so", 0);
    if (call.backend) return std::shared_ptr<Backend>(call.backend);
    base::log(base::LogLevel::info, "device 'auto' is the CPU: ", call.refusal);
    return cpu(threads);
  }
  base::invalid("[make_backend] expected device 'cpu', 'cuda', 'cuda:N' or 'auto', got '", device, "'");
}

std::vector<std::string> available_isas() { return cpu_isas(); }

}  // namespace whorl::ops

// What this build and machine can do, for `whorl info` and for bug reports.
#include <dlfcn.h>

#include <cstdlib>
#include <nlohmann/json.hpp>

#include "base/log.h"
#include "base/thread_pool.h"
#include "ops/device.h"
#include "whorl/types.h"

namespace whorl {

namespace {

bool loads(const char* library) {
  void* handle = dlopen(library, RTLD_LAZY | RTLD_LOCAL);
  if (handle) dlclose(handle);
  return handle != nullptr;
}

// What stands between this machine and a GPU, one sentence each.
nlohmann::ordered_json cuda_report() {
  nlohmann::ordered_json missing = nlohmann::ordered_json::array();
  if (!loads("libcuda.so.1")) missing.push_back("no NVIDIA driver: libcuda.so.1 does not load");
  if (!loads("libwhorl_cuda.so")) missing.push_back("no CUDA backend: libwhorl_cuda.so does not load");
  return {{"available", false}, {"missing", missing}};
}

}  // namespace

std::string version() { return WHORL_VERSION; }

std::string info() {
  const auto isas = ops::available_isas();
  nlohmann::ordered_json out;
  out["version"] = version();
  const char* forced = std::getenv("WHORL_ISA");
  out["isa"] = forced ? forced : isas.front();
  out["isas"] = isas;
  out["threads"] = base::available_cpus();
  out["devices"] = {"cpu"};
  out["cuda"] = cuda_report();
  return out.dump();
}

void set_log_sink(std::function<void(const std::string&, const std::string&)> sink) {
  if (!sink) return base::set_log_sink({});
  base::set_log_sink(
      [sink = std::move(sink)](base::LogLevel level, std::string_view message) {
        sink(base::name_of(level), std::string(message));
      },
      base::LogLevel::debug);
}

}  // namespace whorl

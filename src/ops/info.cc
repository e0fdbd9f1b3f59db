// What this build and machine can do, for `whorl info` and for bug reports.
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "base/log.h"
#include "base/thread_pool.h"
#include "ops/device.h"
#include "ops/library_folders.h"
#include "whorl/types.h"

namespace whorl {

namespace {

// The GPUs and, where one cannot be used, what stands in the way, one sentence each.
nlohmann::ordered_json cuda_report(nlohmann::ordered_json& devices) {
  const ops::PlugCall call = ops::call_plug("libwhorl_cuda.so", -1);
  nlohmann::ordered_json missing = nlohmann::ordered_json::array(), found = nlohmann::ordered_json::array();
  if (call.refusal[0]) missing.push_back(std::string(call.refusal));
  for (int i = 0; i < call.device_count; ++i) {
    const ops::PlugDevice& device = call.devices[i];
    found.push_back({{"name", std::string(device.name)},
                     {"memory", device.memory},
                     {"available", device.available},
                     {"compute", std::to_string(device.major) + "." + std::to_string(device.minor)}});
    if (missing.empty()) devices.push_back("cuda:" + std::to_string(i));
  }
  return {{"available", missing.empty() && call.device_count > 0}, {"devices", found}, {"missing", missing}};
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
  out["cuda"] = cuda_report(out["devices"]);
  return out.dump();
}

void add_library_folder(const std::filesystem::path& folder) { ops::add_library_folder(folder.string()); }

void set_log_sink(std::function<void(const std::string&, const std::string&)> sink) {
  if (!sink) return base::set_log_sink({});
  base::set_log_sink(
      [sink = std::move(sink)](base::LogLevel level, std::string_view message) {
        sink(base::name_of(level), std::string(message));
      },
      base::LogLevel::debug);
}

}  // namespace whorl

#include "ops/device.h"

#include <cstdlib>

#include "base/check.h"
#include "ops/factories.h"

namespace whorl::ops {

Weight Backend::pack_quantized(const QuantizedMatrix&) {
  base::invalid("[pack_quantized] the backend ", name(),
                " takes no codes; load with quantize 'none', 'int8' or 'int4'");
}

std::shared_ptr<Backend> make_backend(const std::string& device, int threads) {
  if (device == "cpu") {
    const char* isa = std::getenv("WHORL_ISA");
    return make_cpu_backend(threads, isa ? isa : "");
  }
  if (device == "cuda" || device.starts_with("cuda:"))
    base::invalid("[make_backend] device '", device,
                  "' needs Whorl's CUDA library, which this build does not have; use 'cpu'");
  base::invalid("[make_backend] expected device 'cpu', got '", device, "'");
}

std::vector<std::string> available_isas() { return cpu_isas(); }

}  // namespace whorl::ops

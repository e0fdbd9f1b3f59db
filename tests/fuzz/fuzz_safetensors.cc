// libFuzzer target: any bytes as a file, with the limits of models and of adapters.
// `fuzz_safetensors -max_total_time=60 CORPUS`; built with clang only.
#include <stdexcept>

#include "tensor/safetensors.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using whorl::tensor::Safetensors;
  using whorl::tensor::SafetensorsLimits;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  for (const SafetensorsLimits& limits : {SafetensorsLimits::model(), SafetensorsLimits::adapter()}) {
    try {
      const Safetensors file = Safetensors::from_bytes(bytes, nullptr, "[fuzz]", limits);
      for (const std::string& name : file.names()) whorl::tensor::count_not_finite(file.tensor(name));
    } catch (const std::invalid_argument&) {
    }
  }
  return 0;
}

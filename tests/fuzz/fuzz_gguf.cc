// libFuzzer target: any bytes as a GGUF file; what is accepted is widened to its last block.
#include <stdexcept>
#include <vector>

#include "tensor/gguf.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace whorl::tensor;
  try {
    for (const GgufTensor& t : parse_gguf({reinterpret_cast<const char*>(data), size}, "[fuzz]").tensors) {
      const auto n = static_cast<int64_t>(t.size) / bytes_per_block(t.type) * block_size(t.type);
      std::vector<float> numbers(static_cast<size_t>(n));
      widen_blocks(t.type, data + t.offset, n, numbers.data());
    }
  } catch (const std::invalid_argument&) {
  }
  return 0;
}

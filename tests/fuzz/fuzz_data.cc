// libFuzzer's entry: the first byte chooses the parser. Built only where the compiler has libFuzzer.
#include <cstddef>
#include <cstdint>
#include <string>

#include "data/fuzz_one.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  if (size == 0) return 0;
  const std::string text(reinterpret_cast<const char*>(bytes) + 1, size - 1);
  switch (bytes[0] % 4) {
    case 0:
      whorl::data::fuzz_jsonl(text);
      break;
    case 1:
      whorl::data::fuzz_json(text);
      break;
    case 2:
      whorl::data::fuzz_csv(text);
      break;
    default:
      whorl::data::fuzz_text(text);
  }
  return 0;
}

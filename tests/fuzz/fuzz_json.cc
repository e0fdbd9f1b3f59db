// Any bytes as JSON: a value or an invalid_argument. What parses is written and parses again to the same
// value.
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string_view>

#include "base/json.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using whorl::base::parse_json;
  try {
    const auto value = parse_json({reinterpret_cast<const char*>(data), size}, "[fuzz]");
    if (parse_json(value.dump(), "[fuzz]") != value) std::abort();
  } catch (const std::invalid_argument&) {
  }
  return 0;
}

// Any bytes as config.json: a configuration that is complete, or an invalid_argument.
#include <cstdint>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string_view>

#include "model/config.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    const auto json = whorl::base::parse_json({reinterpret_cast<const char*>(data), size}, "[fuzz]");
    whorl::model::complete_config(whorl::model::parse_config(json, "[fuzz]"), "[fuzz]");
  } catch (const std::invalid_argument&) {
  }
  return 0;
}

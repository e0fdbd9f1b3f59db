#pragma once
// What the tests of the guard room share: known-bad texts, tricks that disguise them, and the law itself.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "guard/law.h"

namespace whorl::guard {

inline std::filesystem::path shared_data() {
  const char* set = std::getenv("WHORL_SHARED_DATA");
  return set ? std::filesystem::path(set) : std::filesystem::path(WHORL_SOURCE_DIR) / "../shared/data";
}

struct Bad {
  const char* rail;
  const char* text;
};
// Strings that a rail must block.
const std::vector<Bad>& known_bad();

bool fires(const TextGuard& guard, std::string_view text, std::string_view rail);

}  // namespace whorl::guard

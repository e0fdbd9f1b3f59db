#pragma once
// What the tests of the guard room share: rails, known-bad and known-good texts, and the law itself.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "guard/rail.h"

namespace whorl::guard {

inline std::filesystem::path shared_data() {
  const char* set = std::getenv("WHORL_SHARED_DATA");
  return set ? std::filesystem::path(set) : std::filesystem::path(WHORL_SOURCE_DIR) / "../shared/data";
}

// Everything that needs no model, as a service would switch it on.
Rails all_rails(Action pii = Action::mask, Action secrets = Action::block, Action injection = Action::block);
const TextGuard& all_guard();

struct Bad {
  const char* rail;
  const char* text;
};
// Strings that a rail must block.
const std::vector<Bad>& known_bad();

struct Streamed {
  bool blocked = false;
  std::string released;
  std::vector<Finding> findings;
};
// `cuts`: offsets at which the text is cut, in order.
Streamed stream(const TextGuard& guard, std::string_view text, const std::vector<size_t>& cuts);
Streamed stream_every(const TextGuard& guard, std::string_view text, size_t size);

std::string describe(const std::vector<Finding>& findings);
bool fires(const TextGuard& guard, std::string_view text, std::string_view rail);

}  // namespace whorl::guard

#pragma once
// Where in a text an entity may be: most of it holds no digit, no '@' and no address.
#include <cstddef>
#include <string_view>
#include <vector>

namespace whorl::data {

struct PiiZone {
  size_t begin = 0, end = 0;
  unsigned digits = 0;  // how many
  bool at = false, address = false, colons = false, dots = false;
};

// The zones from `from` on (0, or what an earlier call returned) that nothing behind them can change, or all
// if the text is `finished`. Returns where to go on.
size_t find_zones(std::string_view text, size_t from, bool finished, std::vector<PiiZone>* out);

}  // namespace whorl::data

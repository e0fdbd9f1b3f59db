#pragma once
// What people do to a text so that a pattern no longer sees it.
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace whorl::guard {

using Trick = std::function<std::string(const std::string&)>;
using Tricks = std::vector<std::pair<const char*, Trick>>;
const Tricks& tricks();

}  // namespace whorl::guard

#pragma once
// A configuration that says a little of everything, a key or an item on each of its lines. It loads where an
// engine is given.
#include <string>
#include <vector>

namespace whorl::guard {

const std::string& whole_config();
const std::vector<std::string>& lines_of_whole_config();

}  // namespace whorl::guard

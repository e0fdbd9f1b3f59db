#pragma once
// Small text files that know whether they were damaged: the text, then a line with its SHA-256. One flipped
// bit anywhere, the last line included, is found.
#include <string>
#include <string_view>

namespace whorl::store {

std::string seal(std::string_view text);
// The text, or std::runtime_error opening with `context`.
std::string unseal(std::string_view bytes, std::string_view context);

}  // namespace whorl::store

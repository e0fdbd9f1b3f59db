#pragma once
// Errors: `invalid(...)` for the caller's fault, `failed(...)` for the world's.
// A message opens with the operation in brackets and says what was expected and what was got:
//   invalid("[Model.load] expected config.json field 'hidden_size' to be a positive integer, got ", x);
#include <sstream>
#include <stdexcept>
#include <string>

namespace whorl::base {

template <class... Parts>
std::string concat(const Parts&... parts) {
  std::ostringstream out;
  (out << ... << parts);
  return out.str();
}

template <class... Parts>
[[noreturn]] void invalid(const Parts&... parts) {
  throw std::invalid_argument(concat(parts...));
}

template <class... Parts>
[[noreturn]] void failed(const Parts&... parts) {
  throw std::runtime_error(concat(parts...));
}

template <class... Parts>
void check_argument(bool ok, const Parts&... parts) {
  if (!ok) [[unlikely]]
    invalid(parts...);
}

}  // namespace whorl::base

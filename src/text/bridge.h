#pragma once
// What every C++ face of this room needs to talk to the Rust library.
#include <exception>
#include <string>
#include <string_view>

#include "base/check.h"
#include "text/whorl_text.h"

namespace whorl::text {

// Takes over bytes that the library gave out.
inline std::string take(whorl_bytes bytes) {
  std::string out(bytes.data ? std::string_view(bytes.data, bytes.size) : std::string_view());
  whorl_bytes_free(bytes);
  return out;
}

// Throws what a failed call reports, under the name of the operation.
inline void check_call(int code, whorl_bytes error, std::string_view operation) {
  if (code == 0) return;
  const std::string message = take(error);
  if (code == 1) base::invalid("[", operation, "] ", message);
  base::failed("[", operation, "] ", message);
}

}  // namespace whorl::text

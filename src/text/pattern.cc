#include "text/pattern.h"

#include "text/bridge.h"

namespace whorl::text {

struct Pattern::Body {
  whorl_pattern* handle = nullptr;
  std::string operation;
  explicit Body(std::string name) : operation(std::move(name)) {}
  ~Body() {
    if (handle) whorl_pattern_free(handle);
  }
};

Pattern::Pattern(std::string_view pattern, std::string operation) {
  auto body = std::make_shared<Body>(std::move(operation));
  whorl_bytes error{};
  check_call(whorl_pattern_compile(pattern.data(), pattern.size(), &body->handle, &error), error,
             body->operation);
  body_ = std::move(body);
}

std::string Pattern::remove_all(std::string_view utf8) const {
  whorl_bytes out{}, error{};
  check_call(whorl_pattern_remove_all(body_->handle, utf8.data(), utf8.size(), &out, &error), error,
             body_->operation);
  return take(out);
}

}  // namespace whorl::text

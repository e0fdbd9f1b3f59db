#pragma once
// Regular expressions in Python's dialect, look-around and back-references included; work is bounded, so that
// a hostile pattern ends with an error.
#include <memory>
#include <string>
#include <string_view>

namespace whorl::text {

class Pattern {
 public:
  // `operation` opens the messages. A bad pattern is std::invalid_argument.
  Pattern(std::string_view pattern, std::string operation);
  // re.sub(pattern, "", text). `utf8` with broken bytes is std::invalid_argument.
  std::string remove_all(std::string_view utf8) const;

 private:
  struct Body;
  std::shared_ptr<const Body> body_;
};

}  // namespace whorl::text

#pragma once
// One look of several rails at a text as it comes: what may leave, masked, and where it came from.
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "guard/rail.h"
#include "guard/views.h"

namespace whorl::guard {

class Stage {
 public:
  explicit Stage(const Rails& rails);
  // Appends what may leave to `out` and what was found to `findings` (offsets in this stage's text).
  void feed(std::string_view bytes, std::string* out, std::vector<Finding>* findings);
  void finish(std::string* out, std::vector<Finding>* findings);
  // feed() and finish() of a whole text in one go.
  void whole(std::string_view bytes, std::string* out, std::vector<Finding>* findings);

  bool blocked() const { return blocked_; }
  size_t released() const { return released_; }  // bytes of this stage's text that have left
  // Bytes of this stage's text behind [begin, end) of what left; begin <= end.
  std::pair<size_t, size_t> origin(size_t begin, size_t end) const;
  // What was asked of bytes that left before `at` will not be asked again.
  void forget_output(size_t at) { output_.forget(at > 4096 ? at - 4096 : 0); }

 private:
  void look(std::string* out, std::vector<Finding>* findings);
  void sort_out(std::vector<Finding>* found, std::vector<Finding>* findings, size_t* upto);
  void release(size_t upto, std::string* out);
  void copy(size_t upto, std::string* out);

  Rails rails_;
  std::vector<std::unique_ptr<Scan>> scans_;
  Text text_;
  View output_;
  size_t released_ = 0;
  bool blocked_ = false;
  std::vector<Finding> masks_;  // found, not yet left
  using Key = std::tuple<size_t, size_t, std::string, std::string, std::string>;
  std::set<Key> known_;  // findings that may be seen again in another view
};

bool earlier(const Finding& a, const Finding& b);

}  // namespace whorl::guard

#include <algorithm>

#include "data/rows.h"

namespace whorl::data {

void Problems::raise(const std::string& context, int64_t rows, const std::string& hint) const {
  constexpr size_t shown = 20;
  const std::string opening = "[" + context + "] ";
  if (found_.size() == 1) base::invalid(opening, found_[0].first, ": ", found_[0].second);
  std::string text = base::concat(opening, found_.size(), " bad rows of ", rows, hint, ":");
  for (size_t i = 0; i < std::min(shown, found_.size()); ++i)
    text += "\n  " + found_[i].first + ": " + found_[i].second;
  if (found_.size() > shown) text += base::concat("\n  and ", found_.size() - shown, " more");
  base::invalid(text);
}

}  // namespace whorl::data

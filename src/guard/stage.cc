#include "guard/stage.h"

#include <algorithm>

#include "text/unicode.h"

namespace whorl::guard {

bool earlier(const Finding& a, const Finding& b) {
  return std::tie(a.begin, a.end, a.rail, a.rule, a.reason) <
         std::tie(b.begin, b.end, b.rail, b.rule, b.reason);
}

Stage::Stage(const Rails& rails) : rails_(rails) {
  for (const auto& rail : rails_) scans_.push_back(rail->scan());
}

void Stage::feed(std::string_view bytes, std::string* out, std::vector<Finding>* findings) {
  // Token by token, whatever the pieces are: what leaves before a block must not depend on them.
  while (!bytes.empty() && !blocked_) {
    bytes.remove_prefix(text_.append(bytes));
    if (text_.ended_token()) look(out, findings);
  }
}

void Stage::finish(std::string* out, std::vector<Finding>* findings) {
  if (blocked_ || text_.finished()) return;
  text_.finish();
  look(out, findings);
}

void Stage::whole(std::string_view bytes, std::string* out, std::vector<Finding>* findings) {
  text_.append_all(bytes);
  finish(out, findings);
}

void Stage::look(std::string* out, std::vector<Finding>* findings) {
  std::vector<Finding> found;
  size_t upto = text_.size();
  for (const auto& scan : scans_) upto = std::min(upto, scan->advance(text_, &found));
  if (!found.empty()) sort_out(&found, findings, &upto);
  release(upto, out);
  text_.forget(released_);
}

void Stage::sort_out(std::vector<Finding>* found, std::vector<Finding>* findings, size_t* upto) {
  std::sort(found->begin(), found->end(), earlier);
  while (!known_.empty() && std::get<1>(*known_.begin()) <= released_) known_.erase(known_.begin());
  for (Finding& finding : *found) {
    if (!known_.emplace(finding.begin, finding.end, finding.rail, finding.rule, finding.reason).second)
      continue;
    if (finding.action == Action::block) {
      blocked_ = true;
      *upto = std::min(*upto, finding.begin);
    }
    if (finding.action == Action::mask) masks_.push_back(finding);
    findings->push_back(std::move(finding));
  }
}

// Masks that overlap become one; the longest gives its replacement. One that reaches behind `upto` may still
// grow, and waits.
void Stage::release(size_t upto, std::string* out) {
  std::stable_sort(masks_.begin(), masks_.end(), earlier);
  size_t i = 0;
  while (i < masks_.size() && masks_[i].begin < upto) {
    size_t end = masks_[i].end, longest = i, next = i + 1;
    for (; next < masks_.size() && masks_[next].begin < end; ++next) {
      end = std::max(end, masks_[next].end);
      const auto size = [this](size_t m) { return masks_[m].end - masks_[m].begin; };
      if (size(next) > size(longest)) longest = next;
    }
    if (end > upto) {
      upto = masks_[i].begin;
      break;
    }
    copy(std::max(masks_[i].begin, released_), out);
    for (const char c : masks_[longest].replacement) {
      output_.add({static_cast<unsigned char>(c), masks_[i].begin, end, false});
    }
    *out += masks_[longest].replacement;
    released_ = std::max(released_, end);
    i = next;
  }
  masks_.erase(masks_.begin(), masks_.begin() + static_cast<std::ptrdiff_t>(i));
  if (upto > released_) copy(upto, out);
}

void Stage::copy(size_t upto, std::string* out) {
  const std::string_view bytes = text_.original(released_, upto);
  *out += bytes;
  output_.add_same(bytes, released_);
  released_ = upto;
}

std::pair<size_t, size_t> Stage::origin(size_t begin, size_t end) const {
  const size_t from = begin < output_.end() ? output_.origin_begin(begin) : released_;
  return {from, end > begin ? output_.origin_end(end) : from};
}

}  // namespace whorl::guard

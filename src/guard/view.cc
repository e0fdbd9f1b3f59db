// One view of a text: its bytes, and where each came from.
#include <algorithm>

#include "guard/views.h"
#include "text/unicode.h"

namespace whorl::guard {

const View::Stretch& View::stretch_of(size_t at) const {
  const auto behind = std::upper_bound(stretches_.begin(), stretches_.end(), at,
                                       [](size_t value, const Stretch& s) { return value < s.view; });
  return *std::prev(behind);
}

size_t View::origin_begin(size_t begin) const {
  if (begin >= end()) return settled_;
  const Stretch& s = stretch_of(begin);
  return s.same ? s.origin + (begin - s.view) : s.origin;
}

size_t View::origin_end(size_t end) const {
  const Stretch& s = stretch_of(end - 1);
  return s.same ? s.origin + (end - s.view) : s.origin_end;
}

bool View::touches_loosened(size_t begin, size_t end) const {
  if (!loosened_) return false;
  auto at = std::prev(std::upper_bound(stretches_.begin(), stretches_.end(), begin,
                                       [](size_t value, const Stretch& s) { return value < s.view; }));
  for (; at != stretches_.end() && at->view < end; ++at)
    if (at->loose) return true;
  return false;
}

bool View::glued(size_t at) const { return at >= base_ && at < end() && stretch_of(at).glued; }

void View::add_same(std::string_view bytes, size_t origin) {
  if (bytes.empty()) return;
  if (!stretches_.empty() && stretches_.back().same && stretches_.back().origin_end == origin)
    stretches_.back().origin_end = origin + bytes.size();
  else
    stretches_.push_back({end(), origin, origin + bytes.size(), true, false, false});
  text_ += bytes;
}

void View::add(const Piece& piece) {
  diverged_ = true;
  loosened_ = loosened_ || piece.loose;
  stretches_.push_back({end(), piece.begin, piece.end, false, piece.glued, piece.loose});
  text::append_utf8(piece.value, &text_);
}

void View::forget(size_t at) {
  if (at <= base_) return;
  text_.erase(0, std::min(at - base_, text_.size()));
  base_ = at;
  while (stretches_.size() > 1 && stretches_[1].view <= at) stretches_.pop_front();
}

size_t View::at_origin(size_t origin) const {
  const auto behind = std::upper_bound(stretches_.begin(), stretches_.end(), origin,
                                       [](size_t value, const Stretch& s) { return value < s.origin_end; });
  if (behind == stretches_.end()) return end();
  if (!behind->same || origin <= behind->origin) return std::max(behind->view, base_);
  return std::max(behind->view + (origin - behind->origin), base_);
}

void View::add_all(const Pieces& pieces, std::string_view token, size_t begin) {
  for (size_t i = 0; i < pieces.size(); ++i) {
    if (!pieces[i].same) {
      add(pieces[i]);
      continue;
    }
    const size_t first = i;
    while (i + 1 < pieces.size() && pieces[i + 1].same && pieces[i + 1].begin == pieces[i].end) ++i;
    add_same(token.substr(pieces[first].begin - begin, pieces[i].end - pieces[first].begin),
             pieces[first].begin);
  }
}

}  // namespace whorl::guard

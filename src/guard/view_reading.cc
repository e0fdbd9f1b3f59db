// What a token becomes in the views that undo spelling: letters spelt out one by one, l33t, joints.
#include <algorithm>

#include "guard/views.h"

namespace whorl::guard {

namespace {

constexpr size_t longest_run = 512;  // letters spelt out

}  // namespace

// A token of one character that a spelt-out word is made of; signs only between letters.
bool Text::joins_run(const Pieces& folded) const {
  if (folded.size() != 1 || run_letters_ >= longest_run) return false;
  const char32_t c = folded[0].value;
  if (c >= 0x80) return false;
  const unsigned bits = byte_class(static_cast<unsigned char>(c));
  return is_alnum(c) || (bits & byte_leet) || (run_open_ && (bits & byte_joint));
}

void Text::emit_reading_views(const Pieces& folded, size_t begin, size_t end, bool same) {
  if (joins_run(folded)) {
    if (!run_open_) {
      flush_reading(begin);
      run_open_ = true;
      run_begin_ = begin;
      run_letters_ = 0;
      run_.clear();
    }
    const bool letter =
        is_alnum(folded[0].value) || (byte_class(static_cast<unsigned char>(folded[0].value)) & byte_leet);
    if (letter) ++run_letters_;
    run_.push_back(folded[0]);
    return;
  }
  if (run_open_) close_run(begin);
  spaced_ = folded;
  const bool glued = glue_joints(&spaced_);
  loose_ = spaced_;
  const bool loosened = loosen(&loose_);
  if (same && !glued && !loosened) return;
  flush_reading(begin);
  const std::string_view token = raw(begin, end);
  at(ViewKind::spaced).add_all(spaced_, token, begin);
  at(ViewKind::loose).add_all(loose_, token, begin);
  if (!same) at(ViewKind::spaced).mark_diverged();
  if (!same) at(ViewKind::loose).mark_diverged();
  reading_flushed_ = end;
}

namespace {

bool is_blank(const Piece& p) { return p.value == ' ' || p.value == '\n'; }

bool is_letter_of_run(const Piece& p) {
  return p.value < 0x80 &&
         (byte_class(static_cast<unsigned char>(p.value)) & (byte_letter | byte_digit | byte_leet));
}

// "i g n o r e   a l l": the first gap says how far letters of a word stand apart, a wider one ends a word.
Pieces glue_run(const Pieces& run) {
  Pieces out;
  size_t usual = 0, gap = 0;
  for (const Piece& piece : run) {
    if (!is_letter_of_run(piece)) {
      gap += is_blank(piece);
      continue;
    }
    if (!out.empty()) {
      if (usual == 0) usual = std::max<size_t>(gap, 1);
      if (gap > usual) out.push_back({U' ', out.back().end, piece.begin, false, true, true});
    }
    gap = 0;
    out.push_back({piece.value, piece.begin, piece.end, false, true, true});
  }
  return out;
}

}  // namespace

// `end`: where the token begins that ends the run. The white space before it belongs to no word.
void Text::close_run(size_t end) {
  run_open_ = false;
  Pieces tail;
  while (!run_.empty() && is_blank(run_.back())) {
    tail.push_back(run_.back());
    run_.pop_back();
  }
  std::reverse(tail.begin(), tail.end());
  const bool spelt_out = run_letters_ >= 3;
  Pieces spaced = spelt_out ? glue_run(run_) : run_;
  Pieces loose = spaced;
  if (spelt_out) loosen(&loose);
  for (const auto& [kind, pieces] : {std::pair{ViewKind::spaced, &spaced}, {ViewKind::loose, &loose}}) {
    const std::string_view bytes = raw(run_begin_, end);
    at(kind).add_all(*pieces, bytes, run_begin_);
    if (tail.size() > static_cast<size_t>(most_spaces)) tail.resize(static_cast<size_t>(most_spaces));
    at(kind).add_all(tail, bytes, run_begin_);
  }
  run_.clear();
  reading_flushed_ = end;
}

}  // namespace whorl::guard

#include "guard/views.h"

#include <algorithm>

#include "guard/blobs.h"
#include "text/unicode.h"

namespace whorl::guard {

namespace {

constexpr size_t longest_token = 4096;  // bytes; a longer one is cut
constexpr size_t shortest_blob = 16;    // characters of base64 or hexadecimal that are worth decoding
constexpr size_t longest_run = 512;     // letters spelt out
constexpr int most_spaces = 4;          // white space characters in a row that views keep
constexpr size_t context = 4096 + 256;  // bytes of a view that stay known: a line, and what stands before it

// Scripts whose characters are words by themselves: text in them need not wait for a space.
bool is_word_by_itself(char32_t c) {
  return (c >= 0x3041 && c <= 0x3096) || (c >= 0x30a1 && c <= 0x30fa) || (c >= 0x3400 && c <= 0x4dbf) ||
         (c >= 0x4e00 && c <= 0x9fff) || (c >= 0xac00 && c <= 0xd7a3) || (c >= 0x20000 && c <= 0x3ffff);
}

}  // namespace

// ---- View -----------------------------------------------------------------------------------------------
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

// ---- Text: reading --------------------------------------------------------------------------------------
Text Text::whole(std::string_view text, int levels) {
  Text out(levels);
  out.raw_.reserve(text.size());
  out.append_all(text);
  out.finish();
  return out;
}

std::string_view Text::original(size_t begin, size_t end) const { return raw(begin, end); }

// Bytes are copied first: a token may have begun in earlier ones.
size_t Text::take(std::string_view bytes, bool one_token) {
  one_token_ = one_token;
  stop_ = false;
  if (!one_token) {
    raw_ += bytes;
    while (at_ < size() && step() > 0) {
    }
    flush(token_);
    flush_reading(token_);
    return bytes.size();
  }
  size_t taken = 0;
  while (taken < bytes.size() && !stop_) {
    // Up to a space or what is not ASCII in one go, the rest byte by byte.
    size_t upto = taken;
    while (upto < bytes.size() &&
           !(byte_class(static_cast<unsigned char>(bytes[upto])) & (byte_space | byte_high)) &&
           upto - taken < longest_token - (at_ - token_))
      ++upto;
    upto = std::max(upto, taken + 1);
    raw_ += bytes.substr(taken, upto - taken);
    taken = upto;
    while (at_ < size() && step() > 0) {
    }
  }
  flush(token_);
  flush_reading(token_);
  return taken;
}

size_t Text::step() {
  const std::string_view rest = raw(at_, size());
  unsigned flags = 0;
  size_t run = 0;
  // How long a token may still grow decides where it is cut, never how the bytes came in.
  const size_t room = longest_token - (at_ - token_);
  while (run < rest.size() && run < room) {
    const unsigned bits = byte_class(static_cast<unsigned char>(rest[run]));
    if (bits & (byte_space | byte_high)) break;
    flags |= bits;
    ++run;
  }
  if (run > 0) {
    at_ += run;
    flags_ |= flags;
    word_by_itself_ = false;
    if (at_ - token_ >= longest_token) close_token(at_);
    return run;
  }
  if (byte_class(static_cast<unsigned char>(rest[0])) & byte_space) {
    take_space(at_, at_ + 1, static_cast<unsigned char>(rest[0]));
    return 1;
  }
  if (text::is_cut_short(rest, 0) && !finished_) return 0;
  const text::CodePoint point = text::code_point_at(rest, 0);
  const size_t size = std::max<size_t>(point.size, 1);
  if (point.size > 0 && (text::char_flags(point.value) & text::char_space)) {
    take_space(at_, at_ + size, point.value);
    return size;
  }
  const bool alone = point.size > 0 && is_word_by_itself(point.value);
  if (alone && word_by_itself_) close_token(at_);
  word_by_itself_ = alone;
  at_ += size;
  flags_ |= byte_high;
  if (at_ - token_ >= longest_token) close_token(at_);
  return size;
}

// White space follows its token at once. Views write any of it as a space or a line break, and of a long run
// the first few and the first line break.
void Text::take_space(size_t begin, size_t end, char32_t value) {
  if (token_ < begin) close_token(begin);
  const bool line = value == '\n' || value == 0x85 || value == 0x2028 || value == 0x2029;
  const bool ascii = value < 0x80;
  at_ = token_ = end;
  stop_ = true;
  ++spaces_;
  const bool kept = spaces_ <= most_spaces || (line && !line_seen_);
  line_seen_ = line_seen_ || line;
  if (run_open_ && kept) run_.push_back({line ? U'\n' : U' ', begin, end, ascii});
  if (kept && ascii) {
    return;  // part of what is written unchanged, later, in one go
  }
  flush(begin);
  const Piece piece{line ? U'\n' : U' ', begin, end, false};
  at(ViewKind::raw).add_same(raw(begin, end), begin);
  for (const ViewKind kind : {ViewKind::plain, ViewKind::folded}) {
    if (kept) at(kind).add(piece);
    at(kind).mark_diverged();
  }
  flushed_ = end;
  if (run_open_) return;
  flush_reading(begin);  // what a run holds is written when it ends
  for (const ViewKind kind : {ViewKind::spaced, ViewKind::loose}) {
    if (kept) at(kind).add(piece);
    at(kind).mark_diverged();
  }
  reading_flushed_ = end;
}

void Text::finish() {
  if (finished_) return;
  finished_ = true;
  one_token_ = false;
  while (at_ < size() && step() > 0) {
  }
  if (token_ < at_) close_token(at_);
  if (run_open_) close_run(at_);
  flush(at_);
  flush_reading(at_);
}

// ---- Text: writing the views ----------------------------------------------------------------------------
void Text::flush(size_t upto) {
  if (upto > flushed_) {
    const std::string_view bytes = raw(flushed_, upto);
    for (const ViewKind kind : {ViewKind::raw, ViewKind::plain, ViewKind::folded})
      at(kind).add_same(bytes, flushed_);
    flushed_ = upto;
  }
  for (const ViewKind kind : {ViewKind::raw, ViewKind::plain, ViewKind::folded, ViewKind::hidden})
    at(kind).settle(flushed_);
}

void Text::flush_reading(size_t upto) {
  if (!run_open_ && upto > reading_flushed_) {
    const std::string_view bytes = raw(reading_flushed_, upto);
    for (const ViewKind kind : {ViewKind::spaced, ViewKind::loose})
      at(kind).add_same(bytes, reading_flushed_);
    reading_flushed_ = upto;
  }
  for (const ViewKind kind : {ViewKind::spaced, ViewKind::loose})
    at(kind).settle(run_open_ ? run_begin_ : reading_flushed_);
}

namespace {

// No sign in this ASCII token would be read as something else, and nothing in it may be encoded.
bool reads_as_written(std::string_view token, unsigned flags) {
  if (token.size() == 1) return false;
  const auto bits_at = [token](size_t i) {
    return i < token.size() ? byte_class(static_cast<unsigned char>(token[i])) : 0u;
  };
  constexpr unsigned alnum = byte_letter | byte_digit;
  size_t row = 0;  // characters in a row that base64 is written with
  for (size_t i = 0; i < token.size(); ++i) {
    const unsigned bits = bits_at(i);
    row = (bits & (alnum | byte_joint)) ? row + 1 : 0;
    if (row >= shortest_blob) return false;
    if (!(bits & (byte_joint | byte_leet))) continue;
    const bool before_alnum = (bits_at(i + 1) & alnum) != 0;
    if ((bits & byte_joint) && before_alnum && i > 0 && (bits_at(i - 1) & alnum)) return false;
    const bool wordy = (flags & byte_letter) || token.size() <= 4;
    if (wordy && (bits & byte_leet) && ((bits & byte_digit) || before_alnum)) return false;
  }
  return true;
}

}  // namespace

// The common token is plain ASCII and stands in every view as it is.
void Text::close_token(size_t end) {
  const size_t begin = token_;
  constexpr unsigned odd = byte_high | byte_escape | byte_control;
  const bool wordy =
      !(flags_ & ~static_cast<unsigned>(byte_letter)) && end - begin > 1 && end - begin < shortest_blob;
  if (!wordy && ((flags_ & odd) || !reads_as_written(raw(begin, end), flags_))) {
    close_odd_token(end);
  } else if (run_open_) {
    close_run(begin);
  }
  token_ = end;
  flags_ = 0;
  spaces_ = 0;
  line_seen_ = false;
  word_by_itself_ = false;
  stop_ = true;
}

namespace {

// Every byte of [begin, end), as it is written there.
bool is_all_of(const Pieces& pieces, size_t begin, size_t end) {
  for (const Piece& piece : pieces) {
    if (!piece.same || piece.begin != begin) return false;
    begin = piece.end;
  }
  return begin == end;
}

}  // namespace

void Text::close_odd_token(size_t end) {
  const size_t begin = token_;
  const std::string_view token = raw(begin, end);
  if (!(flags_ & (byte_high | byte_escape | byte_control))) {
    decode(token, begin, &pieces_);
    if (token.size() >= shortest_blob) find_blobs(pieces_);
    emit_reading_views(pieces_, begin, end, true);
    return;
  }
  const TokenForms forms = forms_of(token, begin, flags_);
  const bool same = is_all_of(forms.folded, begin, end);
  if (!same) emit_original_views(forms, begin, end);
  if (token.size() >= shortest_blob) find_blobs(forms.plain);
  emit_reading_views(forms.folded, begin, end, same);
}

namespace {

void add_pieces(View* view, const Pieces& pieces, std::string_view raw_token, size_t begin) {
  for (size_t i = 0; i < pieces.size(); ++i) {
    if (!pieces[i].same) {
      view->add(pieces[i]);
      continue;
    }
    const size_t first = i;
    while (i + 1 < pieces.size() && pieces[i + 1].same && pieces[i + 1].begin == pieces[i].end) ++i;
    view->add_same(raw_token.substr(pieces[first].begin - begin, pieces[i].end - pieces[first].begin),
                   pieces[first].begin);
  }
}

}  // namespace

void Text::emit_original_views(const TokenForms& forms, size_t begin, size_t end) {
  flush(begin);
  const std::string_view token = raw(begin, end);
  at(ViewKind::raw).add_same(token, begin);
  add_pieces(&at(ViewKind::plain), forms.plain, token, begin);
  add_pieces(&at(ViewKind::folded), forms.folded, token, begin);
  for (const Piece& piece : forms.hidden) at(ViewKind::hidden).add(piece);
  invisible_.insert(invisible_.end(), forms.invisible.begin(), forms.invisible.end());
  if (!forms.invisible.empty() || to_string(forms.plain) != token) at(ViewKind::plain).mark_diverged();
  at(ViewKind::folded).mark_diverged();
  flushed_ = end;
}

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
  add_pieces(&at(ViewKind::spaced), spaced_, token, begin);
  add_pieces(&at(ViewKind::loose), loose_, token, begin);
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
    add_pieces(&at(kind), *pieces, bytes, run_begin_);
    if (tail.size() > static_cast<size_t>(most_spaces)) tail.resize(static_cast<size_t>(most_spaces));
    add_pieces(&at(kind), tail, bytes, run_begin_);
  }
  run_.clear();
  reading_flushed_ = end;
}

// ---- what is encoded, and forgetting --------------------------------------------------------------------
void Text::find_blobs(const Pieces& plain) {
  if (levels_ <= 0) return;
  for (Blob& blob : blobs_in(plain))
    children_.push_back(
        {blob.begin, blob.end, std::make_shared<Text>(Text::whole(blob.decoded, levels_ - 1))});
}

void Text::forget(size_t origin) {
  origin = std::min({origin, token_, run_open_ ? run_begin_ : origin, flushed_, reading_flushed_});
  if (origin < raw_base_ + 8192) return;  // not worth the copying yet
  for (View& view : views_) {
    const size_t at = view.at_origin(origin);
    if (at > context) view.forget(at - context);
  }
  raw_.erase(0, origin - raw_base_);
  raw_base_ = origin;
  while (!children_.empty() && children_.front().end <= origin) {
    children_.pop_front();
    ++first_child_;
  }
  invisible_.erase(invisible_.begin(), std::lower_bound(invisible_.begin(), invisible_.end(), origin));
}

}  // namespace whorl::guard

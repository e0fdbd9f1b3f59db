// A text as it is read: where its tokens end, and what stands in the views between them.
#include "guard/views.h"

#include <algorithm>

#include "text/unicode.h"

namespace whorl::guard {

namespace {

constexpr size_t longest_token = 4096;  // bytes; a longer one is cut
constexpr size_t context = 4096 + 256;  // bytes of a view that stay known: a line, and what stands before it

// Scripts whose characters are words by themselves: text in them need not wait for a space.
bool is_word_by_itself(char32_t c) {
  return (c >= 0x3041 && c <= 0x3096) || (c >= 0x30a1 && c <= 0x30fa) || (c >= 0x3400 && c <= 0x4dbf) ||
         (c >= 0x4e00 && c <= 0x9fff) || (c >= 0xac00 && c <= 0xd7a3) || (c >= 0x20000 && c <= 0x3ffff);
}

}  // namespace

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

// What a token becomes in the views that follow the text letter by letter.
#include "guard/blobs.h"
#include "guard/views.h"

namespace whorl::guard {

namespace {

constexpr size_t shortest_blob = 16;  // characters of base64 or hexadecimal that are worth decoding

}  // namespace

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

void Text::emit_original_views(const TokenForms& forms, size_t begin, size_t end) {
  flush(begin);
  const std::string_view token = raw(begin, end);
  at(ViewKind::raw).add_same(token, begin);
  at(ViewKind::plain).add_all(forms.plain, token, begin);
  at(ViewKind::folded).add_all(forms.folded, token, begin);
  for (const Piece& piece : forms.hidden) at(ViewKind::hidden).add(piece);
  invisible_.insert(invisible_.end(), forms.invisible.begin(), forms.invisible.end());
  if (!forms.invisible.empty() || to_string(forms.plain) != token) at(ViewKind::plain).mark_diverged();
  at(ViewKind::folded).mark_diverged();
  flushed_ = end;
}

void Text::find_blobs(const Pieces& plain) {
  if (levels_ <= 0) return;
  for (Blob& blob : blobs_in(plain))
    children_.push_back(
        {blob.begin, blob.end, std::make_shared<Text>(Text::whole(blob.decoded, levels_ - 1))});
}

}  // namespace whorl::guard

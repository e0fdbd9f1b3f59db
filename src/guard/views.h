#pragma once
// A text as the rails read it: the original bytes and what they amount to once the tricks are undone. Every
// view maps each of its bytes back to the original ones. A text only grows. It is read token by token (what
// white space, or a character that is a word by itself, ends), and what a token becomes depends on nothing
// that follows it, except letters spelt out one by one: they wait until the last of them is known.
#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "guard/pieces.h"

namespace whorl::guard {

enum class ViewKind : uint8_t {
  raw,     // the original bytes
  plain,   // without invisible and control characters; NFKC; long runs of white space shortened
  folded,  // plain, and %41, &#65;, \x41 undone, look-alikes as the ASCII they look like, no accents
  spaced,  // folded, and "l e t t e r s" as one word
  loose,   // spaced, and l33t undone, "_", "+", "-", "." between words as spaces
  hidden,  // what tag characters and variation selectors spell
};
constexpr size_t view_count = 6;
constexpr int most_spaces = 4;  // white space characters in a row that views keep

class View {
 public:
  // What is still remembered; its first byte stands at `base` in the whole view.
  std::string_view window() const { return text_; }
  size_t base() const { return base_; }
  size_t end() const { return base_ + text_.size(); }
  // Some byte of it is not the original's.
  bool diverged() const { return diverged_; }
  // Original bytes that [begin, end) of the view stands for, begin < end.
  size_t origin_begin(size_t begin) const;
  size_t origin_end(size_t end) const;
  // Original offset up to which this view is complete.
  size_t settled() const { return settled_; }
  // Some of it was only read as what it probably means (see Piece::loose).
  bool loosened() const { return loosened_; }
  bool touches_loosened(size_t begin, size_t end) const;
  bool glued(size_t at) const;  // the byte is a letter of a word that was spelt out

  void add_same(std::string_view bytes, size_t origin);
  void add(const Piece& piece);
  // The pieces of `token`, which begins at original offset `begin`.
  void add_all(const Pieces& pieces, std::string_view token, size_t begin);
  void settle(size_t origin) { settled_ = origin; }
  void mark_diverged() { diverged_ = true; }
  // Forgets view bytes before absolute offset `at`.
  void forget(size_t at);
  size_t at_origin(size_t origin) const;  // first view byte that stands for original bytes at or behind it

 private:
  struct Stretch {
    size_t view, origin, origin_end;
    bool same, glued, loose;
  };
  const Stretch& stretch_of(size_t at) const;

  std::string text_;
  size_t base_ = 0, settled_ = 0;
  bool diverged_ = false, loosened_ = false;
  std::deque<Stretch> stretches_;
};

class Text {
 public:
  // What was found encoded (base64, hexadecimal) in [begin, end), decoded.
  struct Child {
    size_t begin = 0, end = 0;
    std::shared_ptr<const Text> text;
  };

  explicit Text(int levels = 2) : levels_(levels) {}
  static Text whole(std::string_view text, int levels = 2);

  // Takes in bytes up to the end of a token or of a white space character, and returns how many. Where all
  // are taken a token may still be open.
  size_t append(std::string_view bytes) { return take(bytes, true); }
  void append_all(std::string_view bytes) { take(bytes, false); }
  // Whether the last append() ended a token: only then is there something new to look at.
  bool ended_token() const { return stop_; }
  void finish();
  bool finished() const { return finished_; }

  size_t size() const { return raw_base_ + raw_.size(); }
  // Original bytes, of those still remembered.
  std::string_view original(size_t begin, size_t end) const;
  const View& view(ViewKind kind) const { return views_[static_cast<size_t>(kind)]; }
  // In order of their ends; those before `first_child` are forgotten.
  const std::deque<Child>& children() const { return children_; }
  size_t first_child() const { return first_child_; }
  // Offsets of characters that nobody sees.
  const std::vector<size_t>& invisible() const { return invisible_; }

  // Forgets what stands before original offset `origin`, but for some context.
  void forget(size_t origin);

 private:
  size_t take(std::string_view bytes, bool one_token);
  size_t step();  // one code point or ASCII run; returns 0 where bytes are missing
  void take_space(size_t begin, size_t end, char32_t value);
  void close_token(size_t end);
  void close_odd_token(size_t end);
  void emit_original_views(const TokenForms& forms, size_t begin, size_t end);
  void emit_reading_views(const Pieces& folded, size_t begin, size_t end, bool same);
  bool joins_run(const Pieces& folded) const;
  void close_run(size_t end);
  void flush(size_t upto);
  void flush_reading(size_t upto);
  void find_blobs(const Pieces& plain);
  std::string_view raw(size_t begin, size_t end) const {
    return std::string_view(raw_).substr(begin - raw_base_, end - begin);
  }
  View& at(ViewKind kind) { return views_[static_cast<size_t>(kind)]; }

  std::string raw_;
  size_t raw_base_ = 0, at_ = 0;  // at_: how far the original was read
  size_t token_ = 0;              // where the open token begins; at_ where none is open
  unsigned flags_ = 0;            // classes of the open token's bytes
  bool word_by_itself_ = false;   // the last character of the open token is one
  int spaces_ = 0;                // white space since the last token,
  bool line_seen_ = false;        // and whether a line ended in it
  bool finished_ = false, stop_ = false, one_token_ = false;
  size_t flushed_ = 0;              // original offset up to which raw, plain, folded, hidden are written
  size_t reading_flushed_ = 0;      // and spaced, loose
  Pieces pieces_, spaced_, loose_;  // of the token in hand
  Pieces run_;                      // letters spelt out so far, with the white space between
  size_t run_begin_ = 0, run_letters_ = 0;
  bool run_open_ = false;
  int levels_;
  std::array<View, view_count> views_;
  std::deque<Child> children_;
  size_t first_child_ = 0;
  std::vector<size_t> invisible_;
};

}  // namespace whorl::guard

#include "guard/view_search.h"

#include <algorithm>

namespace whorl::guard {

namespace {

constexpr size_t longest_line = 4096;  // bytes of a view

re2::StringPiece piece(std::string_view text) { return {text.data(), text.size()}; }

bool is_word(char c) {
  return (byte_class(static_cast<unsigned char>(c)) & (byte_letter | byte_digit)) || c == '_';
}

// As \b in the text that begins at `text_begin` and ends at `text_end`.
bool is_boundary(std::string_view window, size_t at) {
  const bool before = at > 0 && is_word(window[at - 1]);
  const bool behind = at < window.size() && is_word(window[at]);
  return before != behind;
}

size_t next_character(std::string_view text, size_t at) {
  ++at;
  while (at < text.size() && (static_cast<unsigned char>(text[at]) & 0xc0) == 0x80) ++at;
  return at;
}

bool counts(const View& view, const Compiled& pattern, std::string_view text, size_t base, size_t begin,
            size_t end) {
  if (!view.touches_loosened(begin, end)) return false;
  if (pattern.begins_at_word && !is_boundary(text, begin - base) && !view.glued(begin)) return false;
  return !pattern.ends_at_word || is_boundary(text, end - base) || view.glued(end - 1);
}

}  // namespace

size_t ViewSearch::hold(const View& view, size_t live) const {
  return live < view.end() ? view.origin_begin(live) : view.settled();
}

size_t ViewSearch::advance(const View& view, const Automata& automata, bool finished, bool changes_only,
                           const SearchReport& report) {
  const size_t end = view.end();
  if (end == seen_ && !finished) return hold(view, done_);
  seen_ = end;
  const size_t from = std::max(done_, view.base());
  const size_t live = finished ? end : view.base() + automata.live_from(view.window(), from - view.base());
  // One character before shows assertions that the text does not begin here.
  const size_t text_begin = from > view.base() ? from - 1 : from;
  done_ = from;
  search(view, automata, text_begin, end, live, changes_only, report);
  done_ = live;
  return hold(view, live);
}

size_t ViewSearch::advance_lines(const View& view, const Automata& automata, bool finished, bool changes_only,
                                 const SearchReport& report) {
  const size_t view_end = view.end();
  if (view_end == seen_ && !finished) return hold(view, done_);
  seen_ = view_end;
  while (line_ < view_end) {
    const std::string_view rest = view.window().substr(line_ - view.base());
    size_t size = std::min(rest.find('\n'), rest.size());
    bool complete = size < rest.size();
    if (size > longest_line) {
      size = longest_line;
      while ((static_cast<unsigned char>(rest[size]) & 0xc0) == 0x80) --size;
      complete = true;
    }
    const size_t end = line_ + size;
    size_t live = end;
    if (!complete && !finished) {
      const size_t from = std::max(done_, line_);
      live = line_ + automata.live_from(rest.substr(0, size), from - line_);
    }
    done_ = std::max(done_, line_);
    search(view, automata, line_, end, live, changes_only, report);
    done_ = live;
    if (!complete) break;
    line_ = end + (size < rest.size() && rest[size] == '\n' ? 1 : 0);
    done_ = std::max(done_, line_);
  }
  return hold(view, done_);
}

void ViewSearch::search(const View& view, const Automata& automata, size_t text_begin, size_t to, size_t live,
                        bool changes_only, const SearchReport& report) {
  next_.resize(automata.patterns().size(), 0);
  found_.clear();
  // A match that begins before `live` may be of bytes from done_ on only.
  const size_t from = done_ > text_begin ? done_ - 1 : text_begin;
  automata.candidates(view.window().substr(from - view.base(), to - from), &candidates_);
  std::sort(candidates_.begin(), candidates_.end());
  for (const int i : candidates_)
    search_one(view, automata, static_cast<size_t>(i), text_begin, to, live, changes_only);
  report_final(view, automata, live, report);
}

void ViewSearch::search_one(const View& view, const Automata& automata, size_t i, size_t text_begin,
                            size_t to, size_t live, bool changes_only) {
  const Compiled& pattern = automata.patterns()[i];
  const std::string_view text = view.window().substr(text_begin - view.base(), to - text_begin);
  size_t from = std::max(done_, next_[i]);
  while (from < live) {
    re2::StringPiece at;
    if (!pattern.regex->Match(piece(text), from - text_begin, text.size(), RE2::UNANCHORED, &at, 1)) break;
    const size_t begin = text_begin + static_cast<size_t>(at.data() - text.data()), end = begin + at.size();
    if (begin >= live) break;
    const bool good = end > begin &&
                      (!changes_only || pattern.allow || counts(view, pattern, text, text_begin, begin, end));
    if (good) found_.push_back({i, begin, end});
    from = good ? end : text_begin + next_character(text, begin - text_begin);
    next_[i] = from;
  }
}

void ViewSearch::report_final(const View& view, const Automata& automata, size_t live,
                              const SearchReport& report) {
  std::erase_if(allowed_, [this](const Found& a) { return a.end <= done_; });
  for (const Found& found : found_)
    if (automata.patterns()[found.pattern].allow) allowed_.push_back(found);
  for (const Found& found : found_) {
    const Compiled& pattern = automata.patterns()[found.pattern];
    const bool excepted = std::any_of(allowed_.begin(), allowed_.end(), [&](const Found& a) {
      return a.begin <= found.begin && found.end <= a.end;
    });
    if (!pattern.allow && !excepted && found.begin < live) report(view, pattern, found.begin, found.end);
  }
}

}  // namespace whorl::guard

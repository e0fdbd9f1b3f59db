#include "guard/pattern_set.h"

#include <algorithm>
#include <array>
#include <optional>

#include "base/check.h"
#include "guard/automata.h"
#include "guard/view_search.h"

namespace whorl::guard {

namespace {

constexpr size_t longest_pattern = 4096;  // bytes of its text
constexpr size_t longest_bounded = 4096;  // characters of a match that may cross lines

void check_pattern(const PatternSpec& spec, const std::string& where) {
  if (spec.pattern.size() > longest_pattern) base::invalid(where, ": more than ", longest_pattern, " bytes");
  const RE2 plain(spec.pattern, pattern_options());
  if (!plain.ok())
    base::invalid(where, ": expected a pattern that runs in linear time (RE2), got ", plain.error(),
                  "; look-around and back-references cannot be used");
  if (RE2::FullMatch("", plain))
    base::invalid(where, ": expected a pattern that does not match the empty text");
}

// Readable views take the pattern as written, the two that undo spelling take its loose form.
constexpr ViewKind exact_views[] = {ViewKind::raw, ViewKind::plain, ViewKind::folded, ViewKind::hidden};
constexpr ViewKind loose_views[] = {ViewKind::spaced, ViewKind::loose};

}  // namespace

struct PatternSet::Impl {
  std::vector<PatternSpec> patterns;
  bool normalise = true;
  // Those with a longest match, which may cross lines, and those without, which end with their line.
  Automata exact, exact_line, loose, loose_line;

  explicit Impl(const std::string& context)
      : exact(context), exact_line(context), loose(context), loose_line(context) {}
};

PatternSet::PatternSet(std::vector<PatternSpec> patterns, std::string_view context, bool normalise)
    : impl_(std::make_unique<Impl>(std::string(context))) {
  impl_->normalise = normalise;
  std::vector<PatternTree> trees;
  bool endless = false;  // an exception is
  std::vector<bool> bounded;
  for (const PatternSpec& spec : patterns) {
    const std::string where = base::concat(context, ": pattern '", spec.name, "'");
    check_pattern(spec, where);
    trees.push_back(limit_white_space(parse_pattern(spec.pattern, where)));
    const std::optional<size_t> longest = longest_match(trees.back());
    bounded.push_back(longest && *longest <= longest_bounded);
    endless = endless || (spec.allow && !bounded.back());
  }
  for (size_t i = 0; i < patterns.size(); ++i) {
    const PatternSpec& spec = patterns[i];
    const auto add = [&](Automata* exact, Automata* loose) {
      exact->add(i, trees[i], spec.case_insensitive, spec.allow, false);
      if (spec.loosely && normalise) loose->add(i, trees[i], spec.case_insensitive, spec.allow, true);
    };
    // An exception is searched together with what it excepts: with both groups, or all by line.
    const bool by_line = endless || !bounded[i];
    if (!by_line || (spec.allow && !endless)) add(&impl_->exact, &impl_->loose);
    if (by_line || spec.allow) add(&impl_->exact_line, &impl_->loose_line);
  }
  for (Automata* automata : {&impl_->exact, &impl_->exact_line, &impl_->loose, &impl_->loose_line})
    automata->compile();
  impl_->patterns = std::move(patterns);
}

PatternSet::~PatternSet() = default;
PatternSet::PatternSet(PatternSet&&) noexcept = default;
const std::vector<PatternSpec>& PatternSet::patterns() const { return impl_->patterns; }

struct PatternSet::Cursor::Impl {
  const PatternSet::Impl& set;
  std::array<ViewSearch, view_count> free, by_line;
  size_t next_child = 0;

  explicit Impl(const PatternSet::Impl& chosen) : set(chosen) {}

  size_t search(ViewKind kind, const Text& text, const Automata& free_ones, const Automata& line_ones,
                const SearchReport& report) {
    const View& view = text.view(kind);
    const size_t i = static_cast<size_t>(kind);
    const bool changes_only = kind == ViewKind::spaced || kind == ViewKind::loose;
    size_t hold = view.settled();
    if (!free_ones.empty())
      hold = std::min(hold, free[i].advance(view, free_ones, text.finished(), changes_only, report));
    if (!line_ones.empty())
      hold = std::min(hold, by_line[i].advance_lines(view, line_ones, text.finished(), changes_only, report));
    return hold;
  }

  // A view that says what the original says needs no search of its own, but must be able to go on alone.
  size_t search_exact(ViewKind kind, const Text& text, size_t hold_of_raw, const SearchReport& report) {
    const size_t i = static_cast<size_t>(kind);
    if (kind == ViewKind::hidden && !text.view(kind).diverged()) return text.view(kind).settled();
    if (kind != ViewKind::raw && kind != ViewKind::hidden && !text.view(kind).diverged()) {
      free[i] = free[static_cast<size_t>(ViewKind::raw)];
      by_line[i] = by_line[static_cast<size_t>(ViewKind::raw)];
      return hold_of_raw;
    }
    return search(kind, text, set.exact, set.exact_line, report);
  }
};

PatternSet::Cursor::Cursor(const PatternSet& set) : impl_(std::make_unique<Impl>(*set.impl_)) {}
PatternSet::Cursor::Cursor(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
PatternSet::Cursor::~Cursor() = default;
PatternSet::Cursor::Cursor(Cursor&&) noexcept = default;

size_t PatternSet::Cursor::advance(const Text& text, const Report& report) {
  const auto seen = [&](const View& view, const Compiled& pattern, size_t begin, size_t end) {
    report({pattern.id, view.origin_begin(begin), view.origin_end(end),
            view.window().substr(begin - view.base(), end - begin)});
  };
  const PatternSet::Impl& set = impl_->set;
  const size_t of_raw = impl_->search(ViewKind::raw, text, set.exact, set.exact_line, seen);
  size_t hold = of_raw;
  if (!set.normalise) return hold;
  for (const ViewKind kind : exact_views)
    if (kind != ViewKind::raw) hold = std::min(hold, impl_->search_exact(kind, text, of_raw, seen));
  for (const ViewKind kind : loose_views) {
    // Only what was read loosely counts there: a finished text without any has nothing to show.
    if (text.finished() && !text.view(kind).loosened()) continue;
    hold = std::min(hold, impl_->search(kind, text, set.loose, set.loose_line, seen));
  }
  const size_t children = text.first_child() + text.children().size();
  for (size_t& i = impl_->next_child; i < children; ++i) {
    const Text::Child& child = text.children()[i - text.first_child()];
    Cursor inside(std::make_unique<Impl>(set));
    inside.advance(*child.text, [&](const PatternMatch& match) {
      report({match.pattern, child.begin, child.end, match.matched});
    });
  }
  return hold;
}

}  // namespace whorl::guard

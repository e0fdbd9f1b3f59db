#include "guard/automata.h"

#include <algorithm>
#include <optional>

#include "base/check.h"

namespace whorl::guard {

namespace {

constexpr size_t line_bytes = 4096;            // a pattern without a longest match ends with its line
constexpr int64_t memory = int64_t{64} << 20;  // of automata that grow as they are used

re2::StringPiece piece(std::string_view text) { return {text.data(), text.size()}; }

}  // namespace

RE2::Options pattern_options() {
  RE2::Options out;
  out.set_log_errors(false);
  out.set_longest_match(true);
  out.set_dot_nl(false);
  out.set_max_mem(memory);
  return out;
}

void Automata::add(size_t id, const PatternTree& tree, bool case_insensitive, bool allow, bool loose) {
  const PatternTree form = loose ? loose_form(tree) : tree;
  const std::string open = case_insensitive ? "(?i:" : "(?:";
  texts_.push_back(open + written(form) + ")");
  prefixes_.push_back(open + written_prefix(relaxed(form)) + ")");
  const std::optional<size_t> longest = longest_match(form);
  longest_ = std::max(longest_, longest ? *longest * 4 : line_bytes);  // a character has at most four bytes
  Compiled made{id, std::make_unique<RE2>(texts_.back(), pattern_options()), allow, false, false};
  if (!made.regex->ok())
    base::invalid(context_, ": the pattern is too large for a stream (", made.regex->error(), ")");
  if (loose) {
    made.begins_at_word = begins_with_boundary(tree);
    made.ends_at_word = ends_with_boundary(tree);
  }
  patterns_.push_back(std::move(made));
}

void Automata::compile() {
  if (empty()) return;
  set_ = std::make_unique<RE2::Set>(pattern_options(), RE2::UNANCHORED);
  std::string all;
  for (size_t i = 0; i < texts_.size(); ++i) {
    std::string error;
    if (set_->Add(texts_[i], &error) < 0) base::invalid(context_, ": ", error);
    all += (i ? "|" : "") + prefixes_[i];
  }
  prefix_ = std::make_unique<RE2>("(?:" + all + ")\\z", pattern_options());
  if (!set_->Compile() || !prefix_->ok())
    base::invalid(context_, ": the patterns together are too large for a stream ", prefix_->error());
}

// Where memory runs out every pattern is a candidate: slower, and as right.
void Automata::candidates(std::string_view text, std::vector<int>* out) const {
  RE2::Set::ErrorInfo error{};
  out->clear();
  if (set_->Match(piece(text), out, &error) || error.kind == RE2::Set::kNoError) return;
  for (size_t i = 0; i < patterns_.size(); ++i) out->push_back(static_cast<int>(i));
}

size_t Automata::live_from(std::string_view text, size_t from) const {
  // Counts are relaxed in that pattern; what is longer than any match is not the beginning of one.
  if (text.size() - from > longest_) from = text.size() - longest_;
  re2::StringPiece found;
  if (!prefix_->Match(piece(text), from, text.size(), RE2::UNANCHORED, &found, 1)) return from;
  return static_cast<size_t>(found.data() - text.data());
}

}  // namespace whorl::guard

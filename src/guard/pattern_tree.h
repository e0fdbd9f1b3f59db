#pragma once
// A regular expression as a tree, as far as is needed to write others from it: the one that every beginning
// of a match matches, and the one that reads past tricks. What the leaves mean is RE2's business; the tree
// only knows where they begin and end.
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace whorl::guard {

struct PatternTree {
  enum class Kind {
    empty,
    leaf,       // one character: a literal, a class, an escape; `text` is how it is written
    assertion,  // ^ $ \b \B \A \z
    flags,      // (?i): holds for what follows it
    sequence,
    choice,
    repeat,
  };
  Kind kind = Kind::empty;
  std::string text;
  std::vector<PatternTree> parts;  // one under repeat
  int min = 0, max = 0;            // of repeat; max < 0: without limit
};

// Throws std::invalid_argument: "`context`: …" with what is not understood. Only call it for what RE2
// accepts.
PatternTree parse_pattern(std::string_view pattern, std::string_view context);

// White space repeated without limit counts as at most this many; views have fewer in a row.
constexpr int most_white_space = 16;
PatternTree limit_white_space(PatternTree tree);

// Characters of the longest match; none where there is no limit.
std::optional<size_t> longest_match(const PatternTree& tree);

// RE2 syntax. Every group is one that captures nothing, and greedy.
std::string written(const PatternTree& tree);
// What every beginning of a match matches, the match itself and the empty text too.
std::string written_prefix(const PatternTree& tree);

// Without large counts: matches more, and its automaton does not remember how far each count may have come.
PatternTree relaxed(PatternTree tree);

// White space may be missing, letters may be the ones that l33t confuses, word boundaries are not looked at.
PatternTree loose_form(PatternTree tree);
bool begins_with_boundary(const PatternTree& tree);
bool ends_with_boundary(const PatternTree& tree);

}  // namespace whorl::guard

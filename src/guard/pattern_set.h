#pragma once
// Many patterns over the views of one text. A match is final when nothing that may still come can change it:
// for each view one automaton, the beginnings of all matches, says from where on that is not so.
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "guard/views.h"

namespace whorl::guard {

struct PatternSpec {
  std::string name;  // of errors
  std::string pattern;
  bool case_insensitive = false;
  bool allow = false;   // a match of another pattern that lies inside one of this is none
  bool loosely = true;  // also past l33t and letters spelt out
};

// A match in the original text, and in the view that showed it.
struct PatternMatch {
  size_t pattern = 0;
  size_t begin = 0, end = 0;
  std::string_view matched;  // of the view; valid until the text grows
};

class PatternSet {
 public:
  // Throws std::invalid_argument: "`context`: pattern 'name' …".
  PatternSet(std::vector<PatternSpec> patterns, std::string_view context, bool normalise = true);
  ~PatternSet();
  PatternSet(PatternSet&&) noexcept;

  const std::vector<PatternSpec>& patterns() const;

  // Progress through one text.
  class Cursor {
   public:
    explicit Cursor(const PatternSet& set);
    ~Cursor();
    Cursor(Cursor&&) noexcept;
    using Report = std::function<void(const PatternMatch&)>;
    // Reports what became final; returns the original offset from which matches may still come. Encoded text
    // is searched too and reported as the bytes that hid it.
    size_t advance(const Text& text, const Report& report);

   private:
    friend class PatternSet;
    struct Impl;
    explicit Cursor(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
  };

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace whorl::guard

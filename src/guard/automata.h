#pragma once
// The compiled forms of a group of patterns.
#include <re2/re2.h>
#include <re2/set.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "guard/pattern_tree.h"

namespace whorl::guard {

struct Compiled {
  size_t id = 0;  // in the set
  std::unique_ptr<RE2> regex;
  bool allow = false;
  bool begins_at_word = false, ends_at_word = false;  // of loose forms, which have lost their \b
};

// Patterns that are searched together in the same views.
class Automata {
 public:
  // `context` opens messages.
  explicit Automata(std::string context) : context_(std::move(context)) {}
  void add(size_t id, const PatternTree& tree, bool case_insensitive, bool allow, bool loose);
  void compile();

  bool empty() const { return patterns_.empty(); }
  const std::vector<Compiled>& patterns() const { return patterns_; }
  // Which of patterns() may match in `text`.
  void candidates(std::string_view text, std::vector<int>* out) const;
  // Where in [from, text.size()) the longest unfinished match begins; text.size() where there is none.
  size_t live_from(std::string_view text, size_t from) const;

 private:
  std::string context_;
  std::vector<Compiled> patterns_;
  std::vector<std::string> texts_, prefixes_;
  std::unique_ptr<RE2::Set> set_;
  std::unique_ptr<RE2> prefix_;
  size_t longest_ = 0;  // bytes of the longest match of any
};

RE2::Options pattern_options();

}  // namespace whorl::guard

#include "guard/pattern_tree.h"

#include <re2/re2.h>

#include <algorithm>

#include "base/check.h"
#include "text/unicode.h"

namespace whorl::guard {

namespace {

using Kind = PatternTree::Kind;

constexpr int deepest = 200;

std::string switched(const std::string& flags) { return base::concat("(?", flags, ")"); }

PatternTree leaf(std::string text) { return {Kind::leaf, std::move(text), {}, 0, 0}; }

// RE2 has already accepted the pattern; what is left to find is where each part ends.
class Parser {
 public:
  Parser(std::string_view pattern, std::string_view context) : p_(pattern), context_(context) {}

  PatternTree parse() {
    PatternTree out = choice(0);
    if (at_ < p_.size()) refuse("an unmatched ')'");
    return out;
  }

 private:
  [[noreturn]] void refuse(std::string_view what) const {
    base::invalid(context_, ": the pattern cannot be followed through a stream: ", what, " at offset ", at_);
  }
  bool more() const { return at_ < p_.size(); }
  bool next_is(std::string_view text) const { return p_.substr(at_, text.size()) == text; }

  PatternTree choice(int depth) {
    if (depth > deepest) refuse("groups nested too deeply");
    PatternTree out{Kind::choice, "", {}, 0, 0};
    const std::string flags_before = flags_;
    do {
      out.parts.push_back(sequence(depth));
    } while (more() && p_[at_] == '|' && ++at_);
    flags_ = flags_before;
    return out.parts.size() == 1 ? std::move(out.parts[0]) : out;
  }

  // A flag set in one branch holds in the next ones too, so each opens with those in force.
  PatternTree sequence(int depth) {
    PatternTree out{Kind::sequence, "", {}, 0, 0};
    if (!flags_.empty()) out.parts.push_back({Kind::flags, flags_, {}, 0, 0});
    while (more() && p_[at_] != '|' && p_[at_] != ')') {
      if (next_is("\\Q")) {
        quoted(&out);
        continue;
      }
      std::optional<PatternTree> part = piece(depth);
      if (part) out.parts.push_back(repeated(std::move(*part)));
    }
    return out;
  }

  void quoted(PatternTree* out) {
    at_ += 2;
    while (more() && !next_is("\\E")) {
      const size_t size = std::max<size_t>(text::code_point_at(p_, at_).size, 1);
      out->parts.push_back(repeated(leaf(RE2::QuoteMeta(re2::StringPiece(p_.data() + at_, size))), size));
    }
    if (more()) at_ += 2;
  }

  std::optional<PatternTree> piece(int depth) {
    const char c = p_[at_];
    if (c == '(') return group(depth);
    if (c == '[') return leaf(bracket());
    if (c == '\\') return escape();
    if (c == '^' || c == '$') {
      ++at_;
      return PatternTree{Kind::assertion, std::string(1, c), {}, 0, 0};
    }
    const size_t size = std::max<size_t>(text::code_point_at(p_, at_).size, 1);
    at_ += size;
    return leaf(std::string(p_.substr(at_ - size, size)));
  }

  std::optional<PatternTree> group(int depth) {
    ++at_;
    std::string flags;
    if (next_is("?P<")) {
      at_ = p_.find('>', at_) + 1;
    } else if (next_is("?")) {
      const size_t end = p_.find_first_of(":)", at_);
      if (end == std::string_view::npos) refuse("an unknown kind of group");
      flags = std::string(p_.substr(at_ + 1, end - at_ - 1));
      at_ = end + 1;
      if (p_[end] == ')') {
        flags_ += switched(flags);
        return PatternTree{Kind::flags, switched(flags), {}, 0, 0};
      }
    }
    const std::string before = flags_;
    if (!flags.empty()) flags_ += switched(flags);
    PatternTree inside = choice(depth + 1);
    flags_ = before;
    if (!more()) refuse("an open group");
    ++at_;
    return inside;
  }

  std::string bracket() {
    const size_t begin = at_++;
    if (more() && p_[at_] == '^') ++at_;
    if (more() && p_[at_] == ']') ++at_;
    while (more() && p_[at_] != ']') {
      if (next_is("[:")) {
        at_ = p_.find(":]", at_) + 2;
      } else if (p_[at_] == '\\') {
        skip_escape();
      } else {
        ++at_;
      }
    }
    ++at_;
    return std::string(p_.substr(begin, at_ - begin));
  }

  // \pN, \p{Greek}, \x41, \x{1F600}, \123, or one character.
  void skip_escape() {
    const char kind = at_ + 1 < p_.size() ? p_[at_ + 1] : '\0';
    at_ += 2;
    if (kind == 'p' || kind == 'P' || kind == 'x') {
      if (more() && p_[at_] == '{')
        at_ = p_.find('}', at_) + 1;
      else
        at_ += kind == 'x' ? 2 : 1;
      return;
    }
    if (kind >= '0' && kind <= '7')
      for (int i = 0; i < 2 && more() && p_[at_] >= '0' && p_[at_] <= '7'; ++i) ++at_;
    else if (static_cast<unsigned char>(kind) >= 0x80)
      at_ += text::code_point_at(p_, at_ - 1).size - 1;
  }

  PatternTree escape() {
    const size_t begin = at_;
    const char kind = at_ + 1 < p_.size() ? p_[at_ + 1] : '\0';
    if (kind == 'C') refuse("\\C, which cuts characters,");
    skip_escape();
    std::string text(p_.substr(begin, at_ - begin));
    if (kind == 'b' || kind == 'B' || kind == 'A' || kind == 'z')
      return {Kind::assertion, std::move(text), {}, 0, 0};
    return leaf(std::move(text));
  }

  PatternTree repeated(PatternTree part, size_t skip = 0) {
    at_ += skip;
    while (more()) {
      int min = 0, max = -1;
      if (p_[at_] == '+') {
        min = 1;
      } else if (p_[at_] == '?') {
        max = 1;
      } else if (p_[at_] == '{') {
        if (!counts(&min, &max)) return part;
      } else if (p_[at_] != '*') {
        return part;
      }
      ++at_;
      if (more() && p_[at_] == '?') ++at_;  // the longest match is taken: being lazy means nothing
      PatternTree out{Kind::repeat, "", {}, min, max};
      out.parts.push_back(std::move(part));
      part = std::move(out);
    }
    return part;
  }

  // {2}, {2,} or {2,5}; anything else is text. Leaves at_ on the closing bracket.
  bool counts(int* min, int* max) {
    size_t i = at_ + 1;
    const auto number = [&](int* out) {
      const size_t first = i;
      for (*out = 0; i < p_.size() && p_[i] >= '0' && p_[i] <= '9' && i < first + 5; ++i)
        *out = *out * 10 + (p_[i] - '0');
      return i > first;
    };
    if (!number(min)) return false;
    *max = *min;
    if (i < p_.size() && p_[i] == ',') {
      ++i;
      if (!number(max)) *max = -1;
    }
    if (i >= p_.size() || p_[i] != '}') return false;
    at_ = i;
    return true;
  }

  std::string_view p_, context_;
  size_t at_ = 0;
  std::string flags_;  // in force here
};

bool matches_char(const std::string& leaf_text, const char* c) {
  RE2::Options options;
  options.set_log_errors(false);
  const RE2 re(leaf_text, options);
  return re.ok() && RE2::FullMatch(c, re);
}

bool is_white_space(const PatternTree& tree) {
  return tree.kind == Kind::leaf && matches_char(tree.text, " ") && !matches_char(tree.text, "a") &&
         !matches_char(tree.text, "-");
}

std::string counts_text(int min, int max) {
  if (min == 0 && max < 0) return "*";
  if (min == 1 && max < 0) return "+";
  if (min == 0 && max == 1) return "?";
  if (max < 0) return base::concat("{", min, ",}");
  return base::concat("{", min, ",", max, "}");
}

std::string grouped(const std::string& text) { return base::concat("(?:", text, ")"); }

}  // namespace

PatternTree parse_pattern(std::string_view pattern, std::string_view context) {
  return Parser(pattern, context).parse();
}

PatternTree limit_white_space(PatternTree tree) {
  for (PatternTree& part : tree.parts) part = limit_white_space(std::move(part));
  if (tree.kind == Kind::repeat && tree.max < 0 && is_white_space(tree.parts[0]))
    tree.max = std::max(tree.min, most_white_space);
  return tree;
}

std::optional<size_t> longest_match(const PatternTree& tree) {
  constexpr size_t most = size_t{1} << 20;
  size_t out = tree.kind == Kind::leaf ? 1 : 0;
  if (tree.kind == Kind::repeat) {
    const std::optional<size_t> once = longest_match(tree.parts[0]);
    if (once && *once == 0) return 0;
    if (!once || tree.max < 0) return std::nullopt;
    return std::min(most, *once * static_cast<size_t>(tree.max));
  }
  for (const PatternTree& part : tree.parts) {
    const std::optional<size_t> length = longest_match(part);
    if (!length) return std::nullopt;
    out = tree.kind == Kind::choice ? std::max(out, *length) : std::min(most, out + *length);
  }
  return out;
}

std::string written(const PatternTree& tree) {
  std::string out;
  switch (tree.kind) {
    case Kind::empty:
      return "";
    case Kind::leaf:
    case Kind::assertion:
    case Kind::flags:
      return tree.text;
    case Kind::sequence:
      for (const PatternTree& part : tree.parts)
        out += part.kind == Kind::choice ? grouped(written(part)) : written(part);
      return grouped(out);
    case Kind::choice:
      for (const PatternTree& part : tree.parts)
        out += base::concat(out.empty() ? "" : "|", grouped(written(part)));
      return grouped(out);
    case Kind::repeat:
      return grouped(written(tree.parts[0])) + counts_text(tree.min, tree.max);
  }
  return out;
}

PatternTree relaxed(PatternTree tree) {
  constexpr int most = 16;
  for (PatternTree& part : tree.parts) part = relaxed(std::move(part));
  if (tree.kind != Kind::repeat) return tree;
  if (tree.max > most) tree.max = -1;
  tree.min = std::min(tree.min, most / 2);
  return tree;
}

std::string written_prefix(const PatternTree& tree) {
  std::string out;
  switch (tree.kind) {
    case Kind::empty:
    case Kind::assertion:
      return "";
    case Kind::flags:
      return tree.text;
    case Kind::leaf:
      return grouped(tree.text) + "?";
    case Kind::sequence:
      // Prefix(a b c) = Prefix(a) | a (Prefix(b) | b Prefix(c))
      for (auto part = tree.parts.rbegin(); part != tree.parts.rend(); ++part) {
        if (part->kind == Kind::flags)
          out = grouped(part->text + out);
        else if (part->kind == Kind::leaf)
          out = grouped(part->text + out) + "?";
        else
          out = grouped(written_prefix(*part) + "|" + written(*part) + out);
      }
      return out;
    case Kind::choice:
      for (const PatternTree& part : tree.parts)
        out += base::concat(out.empty() ? "" : "|", grouped(written_prefix(part)));
      return grouped(out);
    case Kind::repeat: {
      if (tree.max == 0) return "";
      const std::string before =
          grouped(written(tree.parts[0])) + (tree.max < 0 ? "*" : counts_text(0, tree.max - 1));
      return grouped(before + written_prefix(tree.parts[0]));
    }
  }
  return out;
}

// ---- reading past tricks --------------------------------------------------------------------------------
namespace {

// The letters that a l33t reading may have put in place of what stands in the pattern.
std::string with_look_alikes(const std::string& literal) {
  struct Pair {
    const char* written;
    const char* also;
  };
  static constexpr Pair pairs[] = {{"i", "[il]"}, {"l", "[il]"},  {"I", "[IL]"}, {"L", "[IL]"},
                                   {"0", "[0o]"}, {"1", "[1il]"}, {"3", "[3e]"}, {"4", "[4a]"},
                                   {"5", "[5s]"}, {"7", "[7t]"},  {"@", "[@a]"}, {"!", "[!i]"}};
  for (const Pair& pair : pairs)
    if (literal == pair.written) return pair.also;
  return literal;
}

const PatternTree* edge(const PatternTree& tree, bool first) {
  const PatternTree* at = &tree;
  while (at->kind == Kind::sequence && !at->parts.empty()) {
    size_t i = first ? 0 : at->parts.size() - 1;
    while (first && i + 1 < at->parts.size() && at->parts[i].kind == Kind::flags) ++i;
    at = &at->parts[i];
  }
  return at;
}

bool is_boundary(const PatternTree& tree, bool first) {
  const PatternTree* at = edge(tree, first);
  if (at->kind == Kind::choice)
    return std::all_of(at->parts.begin(), at->parts.end(),
                       [first](const PatternTree& part) { return is_boundary(part, first); });
  return at->kind == Kind::assertion && at->text == "\\b";
}

}  // namespace

bool begins_with_boundary(const PatternTree& tree) { return is_boundary(tree, true); }
bool ends_with_boundary(const PatternTree& tree) { return is_boundary(tree, false); }

PatternTree loose_form(PatternTree tree) {
  for (PatternTree& part : tree.parts) part = loose_form(std::move(part));
  if (tree.kind == Kind::assertion && (tree.text == "\\b" || tree.text == "\\B")) return {};
  if (tree.kind == Kind::leaf && is_white_space(tree)) {
    PatternTree out{Kind::repeat, "", {}, 0, most_white_space};
    out.parts.push_back(leaf("\\s"));
    return out;
  }
  // A joint between letters was read as a space, or dropped with the gaps between letters.
  if (tree.kind == Kind::leaf && (tree.text == "\\." || tree.text == "-")) {
    PatternTree sign = leaf(base::concat("[\\s", tree.text == "-" ? "\\-" : tree.text, "]"));
    if (tree.text != "\\.") return sign;  // "--" must not vanish
    PatternTree out{Kind::repeat, "", {}, 0, 1};
    out.parts.push_back(std::move(sign));
    return out;
  }
  if (tree.kind == Kind::leaf) tree.text = with_look_alikes(tree.text);
  // A repeat of what is now itself a repeat of white space would count twice.
  if (tree.kind == Kind::repeat && tree.parts[0].kind == Kind::repeat && tree.parts[0].parts[0].text == "\\s")
    return std::move(tree.parts[0]);
  return tree;
}

}  // namespace whorl::guard

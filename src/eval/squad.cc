// SQuAD 1.1's normalisation and scores, and exact match with things to ignore.
#include <algorithm>
#include <map>

#include "base/check.h"
#include "base/unicode.h"
#include "text/pattern.h"
#include "whorl/metrics.h"

namespace whorl {
namespace {

bool is_ascii_punctuation(char32_t c) {
  return (c >= 33 && c <= 47) || (c >= 58 && c <= 64) || (c >= 91 && c <= 96) || (c >= 123 && c <= 126);
}

bool is_article(std::u32string_view word) { return word == U"a" || word == U"an" || word == U"the"; }

// Lower case, punctuation deleted, articles made spaces, split: in that order, so "the-cat" is one word.
std::vector<std::u32string> normalised(const std::string& text) {
  std::u32string kept;
  for (const char32_t c : base::lower(base::code_points(text)))
    if (!is_ascii_punctuation(c)) kept += c;
  std::vector<std::u32string> out(1);
  for (size_t i = 0; i < kept.size();) {
    size_t end = i;
    while (end < kept.size() && base::is_word_character(kept[end])) ++end;
    const auto word = std::u32string_view(kept).substr(i, end - i);
    if (end > i && !is_article(word)) {
      out.back() += word;
    } else if (end > i || base::is_python_space(kept[i])) {
      out.emplace_back();
    } else {
      out.back() += kept[i];
    }
    i = std::max(end, i + 1);
  }
  std::erase_if(out, [](const auto& word) { return word.empty(); });
  return out;
}

double f1(const std::vector<std::u32string>& expected, const std::vector<std::u32string>& got) {
  std::map<std::u32string_view, int64_t> left;
  for (const auto& word : expected) ++left[word];
  double same = 0;
  for (const auto& word : got)
    if (const auto found = left.find(word); found != left.end() && found->second-- > 0) ++same;
  if (same == 0) return 0;
  const double precision = same / static_cast<double>(got.size());
  const double recall = same / static_cast<double>(expected.size());
  return 2 * precision * recall / (precision + recall);
}

std::string stripped(std::string text, const ExactMatchOptions& options,
                     const std::vector<text::Pattern>& patterns) {
  for (const auto& pattern : patterns) text = pattern.remove_all(text);
  if (options.ignore_case) text = base::lower(text);
  if (options.ignore_punctuation)
    std::erase_if(text, [](char c) { return is_ascii_punctuation(static_cast<unsigned char>(c)); });
  if (options.ignore_numbers) std::erase_if(text, [](char c) { return c >= '0' && c <= '9'; });
  return text;
}

}  // namespace

SquadScore squad(const std::vector<std::string>& answers, const std::string& got) {
  base::check_argument(!answers.empty(), "[squad] expected at least one answer, got none");
  const auto said = normalised(got);
  SquadScore best;
  for (const auto& answer : answers) {
    const auto expected = normalised(answer);
    if (expected == said) best.exact_match = 1;
    best.f1 = std::max(best.f1, f1(expected, said));
  }
  return best;
}

double exact_match(const std::string& expected, const std::string& got, const ExactMatchOptions& options) {
  std::vector<text::Pattern> patterns;
  for (const auto& pattern : options.regexes_to_ignore) patterns.emplace_back(pattern, "exact_match");
  return stripped(expected, options, patterns) == stripped(got, options, patterns);
}

}  // namespace whorl

// ROUGE (Lin 2004) as the rouge-score package computes it.
#include <algorithm>
#include <unordered_map>

#include "base/check.h"
#include "base/unicode.h"
#include "eval/text_tokens.h"
#include "eval/tokens.h"

namespace whorl {
namespace eval {
namespace {

bool is_alphanumeric(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

}  // namespace

std::vector<std::string> rouge_tokens(std::string_view text, bool use_stemmer) {
  const std::string lowered = base::lower(text);
  std::vector<std::string> out;
  for (size_t i = 0; i < lowered.size();) {
    while (i < lowered.size() && !is_alphanumeric(lowered[i])) ++i;
    const size_t begin = i;
    while (i < lowered.size() && is_alphanumeric(lowered[i])) ++i;
    if (i == begin) continue;
    const auto word = std::string_view(lowered).substr(begin, i - begin);
    out.push_back(use_stemmer && word.size() > 3 ? porter_stem(word) : std::string(word));
    if (out.back().empty()) out.pop_back();
  }
  return out;
}

namespace {

using Ids = std::vector<uint32_t>;

RougeScore score_of(int64_t hits, int64_t in_target, int64_t in_prediction) {
  RougeScore score;
  score.precision = static_cast<double>(hits) / static_cast<double>(std::max<int64_t>(in_prediction, 1));
  score.recall = static_cast<double>(hits) / static_cast<double>(std::max<int64_t>(in_target, 1));
  const double sum = score.precision + score.recall;
  score.fmeasure = sum > 0 ? 2 * score.precision * score.recall / sum : 0;
  return score;
}

RougeScore ngrams(const Ids& target, const Ids& prediction, int order) {
  thread_local NgramTable table;
  thread_local std::vector<int32_t> left;
  table.clear();
  left.clear();
  int64_t in_target = 0, in_prediction = 0, hits = 0;
  table.each(target.data(), target.size(), order, true, [&](uint32_t id, int n) {
    if (id >= left.size()) left.resize(id + 1, 0);
    ++left[id];
    in_target += n == order;
  });
  table.each(prediction.data(), prediction.size(), order, false, [&](uint32_t id, int n) {
    if (n != order) return;
    ++in_prediction;
    if (id != IdTable::kNone && left[id]-- > 0) ++hits;
  });
  return score_of(hits, in_target, in_prediction);
}

// Lengths of longest common subsequences of all pairs of prefixes.
class LcsTable {
 public:
  void fill(const Ids& target, const Ids& prediction) {
    columns_ = prediction.size() + 1;
    cells_.assign((target.size() + 1) * columns_, 0);
    for (size_t i = 1; i <= target.size(); ++i) {
      const int32_t* above = cells_.data() + (i - 1) * columns_;
      int32_t* row = cells_.data() + i * columns_;
      const uint32_t word = target[i - 1];
      for (size_t j = 1; j < columns_; ++j)
        row[j] = word == prediction[j - 1] ? above[j - 1] + 1 : std::max(above[j], row[j - 1]);
    }
  }
  int32_t at(size_t i, size_t j) const { return cells_[i * columns_ + j]; }
  int32_t length() const { return cells_.back(); }

  // Marks the words of the target in one longest common subsequence; on a tie the way goes up.
  void mark(const Ids& target, const Ids& prediction, std::vector<uint8_t>& marks) const {
    size_t i = target.size(), j = prediction.size();
    while (i > 0 && j > 0) {
      if (target[i - 1] == prediction[j - 1]) {
        marks[i - 1] = 1;
        --i, --j;
      } else if (at(i, j - 1) > at(i - 1, j)) {
        --j;
      } else {
        --i;
      }
    }
  }

 private:
  std::vector<int32_t> cells_;
  size_t columns_ = 0;
};

RougeScore longest(const Ids& target, const Ids& prediction) {
  thread_local LcsTable table;
  if (target.empty() || prediction.empty()) return {};
  table.fill(target, prediction);
  return score_of(table.length(), std::ssize(target), std::ssize(prediction));
}

int64_t total(const std::vector<Ids>& sentences) {
  int64_t sum = 0;
  for (const auto& sentence : sentences) sum += std::ssize(sentence);
  return sum;
}

// Words left to be hit, per word: none counts twice.
std::vector<int32_t> budget(const std::vector<Ids>& sentences, size_t words) {
  std::vector<int32_t> left(words, 0);
  for (const auto& sentence : sentences)
    for (const uint32_t word : sentence) ++left[word];
  return left;
}

RougeScore by_sentences(const std::vector<Ids>& target, const std::vector<Ids>& prediction, size_t words) {
  thread_local LcsTable table;
  const int64_t in_target = total(target), in_prediction = total(prediction);
  if (in_target == 0 || in_prediction == 0) return {};
  auto target_left = budget(target, words), prediction_left = budget(prediction, words);
  int64_t hits = 0;
  for (const auto& sentence : target) {
    std::vector<uint8_t> marks(sentence.size(), 0);
    for (const auto& other : prediction) {
      table.fill(sentence, other);
      table.mark(sentence, other, marks);
    }
    for (size_t i = 0; i < sentence.size(); ++i) {
      const uint32_t word = sentence[i];
      if (!marks[i] || target_left[word] <= 0 || prediction_left[word] <= 0) continue;
      ++hits;
      --target_left[word];
      --prediction_left[word];
    }
  }
  return score_of(hits, in_target, in_prediction);
}

std::vector<std::string_view> lines(std::string_view text) {
  std::vector<std::string_view> out;
  while (true) {
    const size_t end = text.find('\n');
    if (end != 0 && !text.empty()) out.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return out;
    text.remove_prefix(end + 1);
  }
}

// The texts of a pair as numbers; words alike have the same in both.
class Pair {
 public:
  Pair(std::string_view target, std::string_view prediction, bool stem)
      : target_text_(target), prediction_text_(prediction), stem_(stem) {}

  RougeScore score(const std::string& type) {
    if (type == "rougeLsum") {
      const auto target = sentences(target_text_), prediction = sentences(prediction_text_);
      return by_sentences(target, prediction, numbers_.size());
    }
    if (!cut_) {
      target_ = ids(target_text_);
      prediction_ = ids(prediction_text_);
      cut_ = true;
    }
    return type == "rougeL" ? longest(target_, prediction_) : ngrams(target_, prediction_, type.back() - '0');
  }

 private:
  Ids ids(std::string_view text) {
    Ids out;
    for (auto& token : rouge_tokens(text, stem_))
      out.push_back(numbers_.emplace(std::move(token), static_cast<uint32_t>(numbers_.size())).first->second);
    return out;
  }
  std::vector<Ids> sentences(std::string_view text) {
    std::vector<Ids> out;
    for (const auto line : lines(text)) out.push_back(ids(line));
    return out;
  }

  std::string_view target_text_, prediction_text_;
  bool stem_;
  std::unordered_map<std::string, uint32_t> numbers_;
  bool cut_ = false;
  Ids target_, prediction_;
};

void check_types(const std::vector<std::string>& types) {
  base::check_argument(!types.empty(), "[rouge] expected at least one type, got none");
  for (const auto& type : types) {
    const bool numbered = type.size() == 6 && type.starts_with("rouge") && type[5] >= '1' && type[5] <= '9';
    base::check_argument(numbered || type == "rougeL" || type == "rougeLsum",
                         "[rouge] expected a type of rouge1 to rouge9, rougeL or rougeLsum, got '", type,
                         "'");
  }
}

}  // namespace
}  // namespace eval

std::map<std::string, RougeScore> rouge(const std::string& target, const std::string& prediction,
                                        const RougeOptions& options) {
  eval::check_types(options.types);
  eval::Pair pair(target, prediction, options.use_stemmer);
  std::map<std::string, RougeScore> out;
  for (const auto& type : options.types) out[type] = pair.score(type);
  return out;
}

std::map<std::string, RougeScore> rouge(const std::vector<std::string>& targets,
                                        const std::string& prediction, const RougeOptions& options) {
  base::check_argument(!targets.empty(), "[rouge] expected at least one target, got none");
  auto best = rouge(targets.front(), prediction, options);
  for (size_t i = 1; i < targets.size(); ++i)
    for (const auto& [type, score] : rouge(targets[i], prediction, options))
      if (score.fmeasure > best[type].fmeasure) best[type] = score;
  return best;
}

}  // namespace whorl

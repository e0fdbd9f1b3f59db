// TER (Snover et al. 2006) as sacrebleu counts it after Tercom: edits plus moves of phrases, the moves chosen
// greedily, over the mean length of the references.
#include <algorithm>
#include <tuple>

#include "base/check.h"
#include "base/unicode.h"
#include "eval/beam_distance.h"
#include "eval/corpus_metric.h"
#include "eval/text_tokens.h"
#include "eval/tokens.h"

namespace whorl {
namespace eval {
namespace {

constexpr size_t kLongestShift = 10;
constexpr size_t kFarthestShift = 50;
constexpr int64_t kMostCandidates = 1000;

// `length` words from `start` moved in front of the word at `target`.
struct Shift {
  int32_t start = 0, length = 0, target = 0;
};

void perform(const Words& words, const Shift& shift, Words& out) {
  out.assign(words.begin(), words.end());
  const auto begin = out.begin() + shift.start, end = begin + shift.length;
  const auto target = out.begin() + shift.target;
  if (shift.target < shift.start) {
    std::rotate(target, begin, end);
  } else if (shift.target > shift.start + shift.length) {
    std::rotate(begin, end, target);
  } else {
    // A target inside the phrase counts from the phrase's own end, as far as there are words.
    std::rotate(begin, end,
                out.begin() + std::min<std::ptrdiff_t>(std::ssize(out), shift.length + shift.target));
  }
}

// The rows that a shift touches.
std::pair<size_t, size_t> touched(const Shift& s, size_t words) {
  if (s.target < s.start) return {s.target, s.start + s.length};
  if (s.target > s.start + s.length) return {s.start, s.target};
  return {s.start, std::min<size_t>(words, static_cast<size_t>(s.length + s.target))};
}

// One hypothesis on its way to one reference.
class Search {
 public:
  Search(const Words& said, const Words& reference)
      : said_(said), reference_(reference), distance_(reference, said.size()) {}

  int64_t edits() {
    int64_t shifts = 0;
    while (true) {
      before_ = distance_.align(said_, alignment_);
      best_ = before_;  // a shift must gain something to be taken
      found_ = false;
      try_shifts();
      // Out of candidates: the shift just found is left undone, as in the reference.
      if (candidates_ >= kMostCandidates || !found_) return shifts + before_;
      perform(said_, best_shift_, moved_);
      said_.swap(moved_);
      ++shifts;
    }
  }

 private:
  void try_shifts() {
    for (size_t start = 0; start < said_.size(); ++start) {
      const size_t low = start > kFarthestShift ? start - kFarthestShift : 0;
      const size_t high = std::min(reference_.size(), start + kFarthestShift + 1);
      for (size_t at = low; at < high; ++at) {
        for (size_t length = 1; length <= kLongestShift; ++length) {
          if (start + length > said_.size() || at + length > reference_.size() ||
              said_[start + length - 1] != reference_[at + length - 1])
            break;
          if (!try_phrase(start, at, length)) return;
        }
      }
    }
  }

  // False when no more candidates may be tried.
  bool try_phrase(size_t start, size_t at, size_t length) {
    if (alignment_.errors_before_said[start + length] == alignment_.errors_before_said[start]) return true;
    if (alignment_.errors_before_reference[at + length] == alignment_.errors_before_reference[at])
      return true;
    const auto first = static_cast<int32_t>(start), size = static_cast<int32_t>(length);
    if (first <= alignment_.said_at[at] && alignment_.said_at[at] < first + size) return true;
    int32_t last = -1;
    for (int32_t offset = -1; offset < size; ++offset) {
      const int64_t position = static_cast<int64_t>(at) + offset;
      if (position >= std::ssize(reference_)) break;
      const int32_t target = position < 0 ? 0 : alignment_.said_at[static_cast<size_t>(position)] + 1;
      if (target == last) continue;
      last = target;
      try_shift({first, size, target});
    }
    return candidates_ < kMostCandidates;
  }

  void try_shift(const Shift& shift) {
    ++candidates_;
    const auto [low, high] = touched(shift, said_.size());
    perform(said_, shift, moved_);
    const int32_t cost = distance_.distance(moved_, low, high, best_);
    if (cost >= before_ || cost > best_) return;
    auto rank = [](const Shift& s) { return std::tuple(s.length, -s.start, -s.target); };
    if (found_ && cost == best_) {
      if (rank(shift) < rank(best_shift_)) return;
    }
    found_ = true;
    best_ = cost;
    best_shift_ = shift;
  }

  Words said_, moved_;
  const Words& reference_;
  BeamDistance distance_;
  Alignment alignment_;
  int32_t before_ = 0, best_ = 0;
  Shift best_shift_;
  bool found_ = false;
  int64_t candidates_ = 0;
};

struct Ter final : CorpusMetric::Impl {
  TerOptions options;

  explicit Ter(const TerOptions& o) : options(o) {
    name = "TER";
    higher_is_better = false;
  }

  size_t width() const override { return 2; }
  bool stays_single() const override { return true; }

  std::string signature() const override {
    auto yes = [](bool on) { return on ? "yes" : "no"; };
    return base::concat("case:", options.case_sensitive ? "mixed" : "lc",
                        "|tok:tercom|norm:", yes(options.normalized), "|punct:", yes(!options.no_punct),
                        "|asian:", yes(options.asian_support));
  }

  std::vector<double> counts(const std::string& hypothesis,
                             const std::vector<std::string>& references) const override {
    thread_local WordTable table;
    table.clear();
    std::vector<std::string> texts;  // words point into them
    texts.reserve(references.size() + 1);
    auto words = [&](const std::string& text) {
      return table.add(
          base::split_whitespace(texts.emplace_back(tokenize_tercom(base::rstrip(text), options))));
    };
    const Words said = words(hypothesis);
    int64_t fewest = -1, lengths = 0;
    for (const auto& text : references) {
      const Words reference = words(text);
      const int64_t edits = reference.empty() ? std::ssize(said) : Search(said, reference).edits();
      fewest = fewest < 0 ? edits : std::min(fewest, edits);
      lengths += std::ssize(reference);
    }
    return {static_cast<double>(fewest),
            static_cast<double>(lengths) / static_cast<double>(references.size())};
  }

  double score(const std::vector<double>& summed) const override { return compute<double>(summed); }
  double score32(const std::vector<float>& summed) const override { return compute<float>(summed); }

  template <class T>
  static T compute(const std::vector<T>& counts) {
    if (counts[1] > 0) return 100 * (counts[0] / counts[1]);
    return counts[0] > 0 ? 100 : 0;  // nothing was to be said
  }
};

}  // namespace

std::shared_ptr<const CorpusMetric::Impl> make_ter(const TerOptions& options) {
  return std::make_shared<Ter>(options);
}

}  // namespace eval
}  // namespace whorl

// Duplicates: MinHash against the true similarity, clusters against brute force, and faults it must show.
#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "base/random.h"
#include "data/minhash.h"
#include "data/near_duplicates.h"
#include "data/normalise.h"
#include "support.h"

namespace whorl::data {
namespace {

std::vector<uint32_t> random_hashes(size_t count, uint64_t seed) {
  std::vector<uint32_t> out(count);
  for (size_t i = 0; i < count; ++i)
    out[i] = static_cast<uint32_t>(base::random_bits(base::derive(seed, 1), i));
  return out;
}

TEST(MinHash, KernelEqualsTheReference) {
  for (const int permutations : {16, 17, 100, 128, 250})
    for (const size_t count : {0, 1, 7, 333}) {
      const MinHashFamily family = make_family(permutations, 5);
      const auto hashes = random_hashes(count, count);
      std::vector<uint32_t> fast(family.a.size()), slow(family.a.size());
      minhash(family, hashes, fast.data());
      minhash_reference(family, hashes, slow.data());
      EXPECT_EQ(fast, slow);
    }
}

TEST(MinHash, FamilyIsFixed) {
  const MinHashFamily family = make_family(128, 1);
  uint32_t sum = 0;
  for (size_t i = 0; i < 128; ++i) sum = sum * 31 + family.a[i] + family.b[i];
  EXPECT_EQ(sum, 733035314u) << "other constants give other clusters: a change of results for every user";
}

bool all_bijective(const MinHashFamily& family) {
  return std::all_of(family.a.begin(), family.a.end(), [](uint32_t a) { return a % 2 == 1; });
}

// How often the signatures of two sets of `size` with similarity `j` agree, over `trials` pairs.
double agreement(const MinHashFamily& family, size_t size, double j, int trials) {
  double sum = 0;
  for (int t = 0; t < trials; ++t) {
    const size_t shared = static_cast<size_t>(std::llround(2 * j * static_cast<double>(size) / (1 + j)));
    const auto pool = random_hashes(2 * size - shared, static_cast<uint64_t>(t) + 1000);
    const std::span<const uint32_t> x(pool.data(), size), y(pool.data() + (size - shared), size);
    std::vector<uint32_t> sx(family.a.size()), sy(family.a.size());
    minhash_reference(family, x, sx.data());
    minhash_reference(family, y, sy.data());
    int equal = 0;
    for (int p = 0; p < family.size; ++p) equal += sx[static_cast<size_t>(p)] == sy[static_cast<size_t>(p)];
    sum += static_cast<double>(equal) / family.size;
  }
  return sum / trials;
}

TEST(MinHash, EstimatesJaccard) {
  const MinHashFamily family = make_family(128, 1);
  for (const double j : {0.0, 0.2, 0.5, 0.8, 1.0}) EXPECT_NEAR(agreement(family, 300, j, 200), j, 0.012) << j;
}

// The planted fault: multipliers with many factors of two lose the top bits, and unlike sets agree.
TEST(MinHash, EvenMultipliersAreCaught) {
  MinHashFamily family = make_family(128, 1);
  EXPECT_TRUE(all_bijective(family));
  for (uint32_t& a : family.a) a <<= 27;
  EXPECT_FALSE(all_bijective(family));
  EXPECT_GT(agreement(family, 300, 0.2, 50), 0.25) << "the estimate test would not have noticed";
}

TEST(Banding, MeetsAtTheThreshold) {
  for (const double t : {0.1, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 1.0})
    for (const int permutations : {16, 64, 128, 256}) {
      const Banding banding = choose_banding(permutations, t);
      EXPECT_LE(banding.bands * banding.rows, permutations);
      const double met = 1 - std::pow(1 - std::pow(t, banding.rows), banding.bands);
      EXPECT_TRUE(banding.rows == 1 || met >= 0.999) << t << " " << permutations;
    }
  EXPECT_EQ(choose_banding(128, 0.8).rows, 5);
}

TEST(Normalise, ExactForm) {
  EXPECT_EQ(exact_form("  Hello,\t\r\n WORLD \xc2\xa0!\n"), "hello, world !");
  EXPECT_EQ(exact_form("ÄÖÜ Éa ΑΒΓ ЖЯ"), "äöü éa αβγ жя");
  EXPECT_EQ(exact_form("\u3000中 文\u2028x"), "中 文 x");
  EXPECT_NE(exact_form("a-b"), exact_form("a b"));
  EXPECT_NE(exact_form("é"), exact_form("e\u0301"));
  EXPECT_EQ(exact_form(""), "");
  EXPECT_EQ(exact_form(" \n "), "");
}

TEST(Normalise, WordsForm) {
  EXPECT_EQ(words_form("\"Hello,\" she-said… (twice)!"), "hello she said twice");
  EXPECT_EQ(words_form("中文abc、カナ"), "中 文 abc カ ナ");
  EXPECT_EQ(words_form("...!?"), "");
  EXPECT_EQ(words_form("Ⱥ Ⱦ"), "ⱥ ⱦ");
}

TEST(Shingles, RunsOfWords) {
  EXPECT_EQ(shingles("a b c d", 3).size(), 2u);
  EXPECT_EQ(shingles("a b c a b c", 3).size(), 3u);
  EXPECT_EQ(shingles("a b", 3), shingles("a b", 5));
  EXPECT_TRUE(shingles("", 3).empty());
  EXPECT_NE(shingles("ab c", 2), shingles("a bc", 2));
}

std::string numbered(uint64_t n) { return std::to_string(n).insert(0, 1, 'w'); }

// Texts with planted near copies: each text may be a mutation of an earlier one.
std::vector<std::string> synthetic(size_t count, uint64_t seed) {
  std::vector<std::string> out;
  const uint64_t key = base::derive(seed, 3);
  uint64_t counter = 0;
  const auto pick = [&](uint64_t n) { return base::below(key, counter++, n); };
  while (out.size() < count) {
    std::vector<std::string> words;
    for (uint64_t i = 20 + pick(60); i > 0; --i) words.push_back(numbered(pick(500)));
    if (!out.empty() && pick(2)) {
      words.clear();
      std::string word;
      for (const char c : out[pick(out.size())] + " ") {
        if (c != ' ')
          word += c;
        else
          words.push_back(std::exchange(word, ""));
      }
      for (uint64_t i = pick(8); i > 0; --i) words[pick(words.size())] = numbered(pick(500));
    }
    std::string text;
    for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
    out.push_back(std::move(text));
  }
  return out;
}

// Connected components over all pairs: the slow truth.
std::vector<size_t> brute_force(const std::vector<std::string>& texts, const DeduplicateOptions& options) {
  std::vector<std::vector<uint64_t>> sets;
  for (const std::string& text : texts) sets.push_back(shingles(words_form(text), options.shingle_words));
  std::vector<size_t> leader(texts.size());
  std::iota(leader.begin(), leader.end(), size_t{0});
  for (bool changed = true; changed;) {
    changed = false;
    for (size_t i = 0; i < texts.size(); ++i)
      for (size_t j = 0; j < i; ++j)
        if (leader[i] != leader[j] && !sets[i].empty() && jaccard(sets[i], sets[j]) >= options.threshold) {
          leader[i] = leader[j] = std::min(leader[i], leader[j]);
          changed = true;
        }
  }
  return leader;
}

NearDuplicates find(const std::vector<std::string>& texts, const DeduplicateOptions& options) {
  return find_near_duplicates(texts.size(), [&](size_t i) { return words_form(texts[i]); }, options);
}

TEST(NearDuplicates, EqualBruteForceOnSyntheticSets) {
  for (const double threshold : {0.5, 0.7, 0.8, 0.95})
    for (uint64_t seed = 0; seed < 4; ++seed) {
      const auto texts = synthetic(300, seed);
      const DeduplicateOptions options{.threshold = threshold};
      EXPECT_EQ(find(texts, options).leader, brute_force(texts, options)) << threshold << " " << seed;
    }
}

// Without verification every pair that meets in a band would be merged. The same comparison must see that.
TEST(NearDuplicates, UnverifiedCandidatesAreCaught) {
  const auto texts = synthetic(300, 1);
  const DeduplicateOptions options{.threshold = 0.8};
  const MinHashFamily family = make_family(128, options.seed);
  const Banding banding = choose_banding(128, 0.8);
  std::vector<std::vector<uint32_t>> signatures;
  for (const std::string& text : texts) {
    std::vector<uint32_t> hashes, signature(family.a.size());
    for (const uint64_t h : shingles(words_form(text), 3))
      hashes.push_back(static_cast<uint32_t>(h ^ (h >> 32)));
    minhash(family, hashes, signature.data());
    signatures.push_back(std::move(signature));
  }
  std::vector<size_t> unverified(texts.size());
  std::iota(unverified.begin(), unverified.end(), size_t{0});
  const auto meet = [&](size_t i, size_t j) {
    for (int band = 0; band < banding.bands; ++band)
      if (std::equal(signatures[i].begin() + band * banding.rows,
                     signatures[i].begin() + (band + 1) * banding.rows,
                     signatures[j].begin() + band * banding.rows))
        return true;
    return false;
  };
  for (int round = 0; round < 10; ++round)
    for (size_t i = 0; i < texts.size(); ++i)
      for (size_t j = 0; j < i; ++j)
        if (meet(i, j)) unverified[i] = unverified[j] = std::min(unverified[i], unverified[j]);
  EXPECT_NE(unverified, brute_force(texts, options));
}

TEST(NearDuplicates, DoNotDependOnOrderOfOthers) {
  const auto texts = synthetic(200, 9);
  std::vector<std::string> reversed(texts.rbegin(), texts.rend());
  const DeduplicateOptions options{.threshold = 0.7};
  const auto forward = find(texts, options).leader, backward = find(reversed, options).leader;
  std::map<size_t, size_t> names;  // the partition is the same, whatever the leaders are called
  for (size_t i = 0; i < texts.size(); ++i) {
    const auto [entry, fresh] = names.try_emplace(forward[i], backward[texts.size() - 1 - i]);
    EXPECT_EQ(entry->second, backward[texts.size() - 1 - i]);
  }
}

}  // namespace
}  // namespace whorl::data

namespace whorl {
namespace {

Row chat(const std::string& question, const std::string& answer) {
  return {.messages = {{.role = "user", .content = question}, {.role = "assistant", .content = answer}}};
}

const std::string long_text =
    "please tell me where my parcel with the red shoes has gone since it left the big warehouse last monday";

TEST(Deduplicate, SaysWhichRowsAndWhy) {
  const Dataset data = Dataset::from_rows(
      {chat("Where is it?", "Here."), chat(long_text, "On its way to you."), chat("WHERE  is it?\n", "here."),
       chat(long_text + " please", "On its way to you."), chat("Where is it?", "There.")});
  const Dataset clean = data.deduplicate();
  EXPECT_EQ(clean.size(), 3);
  ASSERT_EQ(clean.changes().size(), 2u);
  EXPECT_EQ(clean.changes()[0].source, "row 3");
  EXPECT_EQ(clean.changes()[0].reason, "exact duplicate of row 1");
  EXPECT_EQ(clean.changes()[1].source, "row 4");
  EXPECT_TRUE(test::contains(clean.changes()[1].reason, "near duplicate of row 2 (similarity 0.8"))
      << clean.changes()[1].reason;
  EXPECT_TRUE(test::contains(clean.account(), R"({"exact duplicate": 1, "near duplicate": 1})"))
      << clean.account();
  EXPECT_EQ(data.deduplicate({.near = false}).size(), 4);
  EXPECT_EQ(data.deduplicate({.near = false, .field = "prompt"}).size(), 3);
  EXPECT_EQ(data.deduplicate({.near = false, .field = "completion"}).size(), 3);
  EXPECT_EQ(clean.deduplicate().digest(), clean.digest());
}

TEST(Deduplicate, RolesCallsAndToolsMakeRowsDifferent) {
  Row call{.messages = {{.role = "user", .content = "q"},
                        {.role = "assistant", .tool_calls = {{"f", "{\"x\": 1}"}}}}};
  Row other = call, tooled = call;
  other.messages[1].tool_calls[0].arguments = "{\"x\": 2}";
  tooled.tools = {{"f"}};
  EXPECT_EQ(Dataset::from_rows({call, other, tooled, call}).deduplicate({.near = false}).size(), 3);
}

TEST(Deduplicate, ChecksOptions) {
  const Dataset data = Dataset::from_rows({{.text = "t"}});
  EXPECT_REFUSED(data.deduplicate({.threshold = 0}), "0 < threshold <= 1");
  EXPECT_REFUSED(data.deduplicate({.shingle_words = 0}), "shingle_words");
  EXPECT_REFUSED(data.deduplicate({.permutations = 1}), "permutations");
  EXPECT_REFUSED(data.deduplicate({.field = "prompts"}), "did you mean 'prompt'?");
  EXPECT_REFUSED(data.deduplicate({.exact = false, .near = false}), "to be true");
}

}  // namespace
}  // namespace whorl

#include "model/gguf_vocabulary.h"

#include <algorithm>
#include <cmath>
#include <tuple>

#include "base/file.h"
#include "base/unicode.h"

namespace whorl::model {

using base::check_argument;
using base::invalid;
using base::printable;

namespace {

// Far beyond real vocabularies (256,000 tokens, some 3 MB), and what cutting them takes stays a few seconds.
constexpr size_t kMostTokens = size_t{1} << 22, kLongestToken = 1024, kMostBytes = size_t{256} << 20;

std::vector<GgufToken> read_kinds(const GgufKeys& keys, size_t n) {
  std::vector<GgufToken> out(n, GgufToken::normal);
  const auto* kinds = keys.find<std::vector<int64_t>>("tokenizer.ggml.token_type");
  if (!kinds) return out;
  check_argument(kinds->size() == n, keys.context, ": expected ", n,
                 " numbers in 'tokenizer.ggml.token_type', one for each token, got ", kinds->size());
  for (size_t i = 0; i < n; ++i) {
    check_argument((*kinds)[i] >= 1 && (*kinds)[i] <= 6, keys.context,
                   ": 'tokenizer.ggml.token_type' of token ", i, ": expected 1 to 6, got ", (*kinds)[i]);
    out[i] = static_cast<GgufToken>((*kinds)[i]);
  }
  return out;
}

int64_t id_at(const GgufKeys& keys, const std::string& name, size_t n, int64_t fallback) {
  const std::string key = "tokenizer.ggml." + name + "_token_id";
  const auto* id = keys.find<int64_t>(key);
  if (!id) return fallback < static_cast<int64_t>(n) ? fallback : -1;
  check_argument(*id >= 0 && *id < static_cast<int64_t>(n), keys.context, ": '", key, "' is ", *id,
                 ", outside the vocabulary of ", n);
  return *id;
}

void check_tokens(const GgufKeys& keys, GgufVocabulary& out) {
  check_argument(!out.tokens.empty() && out.tokens.size() <= kMostTokens, keys.context, ": expected 1 to ",
                 kMostTokens, " tokens in 'tokenizer.ggml.tokens', got ", out.tokens.size());
  for (size_t i = 0; i < out.tokens.size(); ++i) {
    const std::string& token = out.tokens[i];
    check_argument(token.size() <= kLongestToken, keys.context, ": token ", i, " has ", token.size(),
                   " bytes, more than ", kLongestToken);
    check_argument(base::to_utf8(base::code_points(token)) == token, keys.context, ": token ", i, " '",
                   printable(token), "' is not valid UTF-8");
    const auto [other, fresh] = out.ids.emplace(token, static_cast<int64_t>(i));
    check_argument(fresh, keys.context, ": token '", printable(token), "' has two ids, ", other->second,
                   " and ", i);
  }
}

bool plain(const GgufVocabulary& vocabulary, int64_t id) {
  return id >= 0 && vocabulary.kinds[static_cast<size_t>(id)] == GgufToken::normal;
}

int64_t id_of(const GgufVocabulary& vocabulary, std::string_view token) {
  const auto found = vocabulary.ids.find(token);
  return found == vocabulary.ids.end() ? -1 : found->second;
}

struct Cut {
  double score;
  int64_t whole, left, right;
  bool operator<(const Cut& o) const {
    return std::tie(o.score, whole, left, right) < std::tie(score, o.whole, o.left, o.right);
  }
};

void add_cuts(const GgufVocabulary& vocabulary, int64_t whole, double score, std::vector<Cut>& out) {
  const std::string_view token = vocabulary.tokens[static_cast<size_t>(whole)];
  for (size_t at = 1; at < token.size(); ++at) {
    if ((token[at] & 0xC0) == 0x80) continue;  // inside a character
    const int64_t left = id_of(vocabulary, token.substr(0, at)), right = id_of(vocabulary, token.substr(at));
    if (plain(vocabulary, left) && plain(vocabulary, right)) out.push_back({score, whole, left, right});
  }
}

const std::vector<double>& checked_scores(const GgufKeys& keys, size_t n) {
  const auto& scores = keys.need<std::vector<double>>("tokenizer.ggml.scores");
  check_argument(scores.size() == n, keys.context, ": expected ", n,
                 " numbers in 'tokenizer.ggml.scores', one for each token, got ", scores.size());
  for (size_t i = 0; i < n; ++i)
    check_argument(std::isfinite(scores[i]), keys.context, ": the score of token ", i,
                   " is no finite number");
  return scores;
}

}  // namespace

GgufVocabulary read_gguf_vocabulary(const GgufKeys& keys, bool sentencepiece) {
  GgufVocabulary out;
  out.tokens = keys.need<std::vector<std::string>>("tokenizer.ggml.tokens");
  check_tokens(keys, out);
  const size_t n = out.tokens.size();
  out.kinds = read_kinds(keys, n);
  out.bos = id_at(keys, "bos", n, sentencepiece ? 1 : -1);
  out.eos = id_at(keys, "eos", n, sentencepiece ? 2 : -1);
  out.unknown = id_at(keys, "unknown", n, sentencepiece ? 0 : -1);
  out.padding = id_at(keys, "padding", n, -1);
  return out;
}

Merges read_gguf_merges(const GgufKeys& keys, const GgufVocabulary& vocabulary) {
  Merges out;
  for (const std::string& merge : keys.need<std::vector<std::string>>("tokenizer.ggml.merges")) {
    const size_t space = merge.find(' ', 1);
    const std::string_view all = merge;
    const auto part = [&](std::string_view text) {
      const auto found = vocabulary.ids.find(text);
      check_argument(found != vocabulary.ids.end(), keys.context, ": merge '", printable(merge),
                     "' in 'tokenizer.ggml.merges': there is no token '", printable(std::string(text)), "'");
      return found->first;
    };
    check_argument(space != std::string::npos, keys.context, ": merge '", printable(merge),
                   "' in 'tokenizer.ggml.merges': expected two tokens with a space between them");
    out.emplace_back(part(all.substr(0, space)), part(all.substr(space + 1)));
    part(std::string(all.substr(0, space)) + std::string(all.substr(space + 1)));
  }
  return out;
}

Merges merges_of_scores(const GgufKeys& keys, const GgufVocabulary& vocabulary) {
  const auto& scores = checked_scores(keys, vocabulary.tokens.size());
  std::vector<Cut> cuts;
  size_t bytes = 0;
  for (size_t i = 0; i < vocabulary.tokens.size(); ++i) {
    const size_t before = cuts.size();
    if (plain(vocabulary, static_cast<int64_t>(i)))
      add_cuts(vocabulary, static_cast<int64_t>(i), scores[i], cuts);
    bytes += (cuts.size() - before + 1) * vocabulary.tokens[i].size();
    check_argument(bytes <= kMostBytes, keys.context, ": the cuts of the tokens take more than ", kMostBytes,
                   " bytes");
  }
  std::sort(cuts.begin(), cuts.end());
  Merges out;
  out.reserve(cuts.size());
  for (const Cut& cut : cuts)
    out.emplace_back(vocabulary.tokens[static_cast<size_t>(cut.left)],
                     vocabulary.tokens[static_cast<size_t>(cut.right)]);
  return out;
}

}  // namespace whorl::model

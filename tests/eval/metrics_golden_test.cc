// Every metric against its reference implementation, on odd cases. Each comparison is a function that a
// planted fault is put through as well: the comparison must fail then.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "base/unicode.h"
#include "eval/golden.h"
#include "whorl/evaluator.h"

namespace whorl {
namespace {

using base::Json;
using golden::numbers;
using golden::same_bits;
using golden::texts;

// How many values differ, and the first that does.
struct Differences {
  int count = 0;
  std::string first;
  void compare(bool same, const std::string& what) {
    if (same) return;
    if (count++ == 0) first = what;
  }
  void compare(double ours, double theirs, const std::string& what) {
    compare(same_bits(ours, theirs), what + ": " + Json(ours).dump() + " against " + Json(theirs).dump());
  }
};
#define EXPECT_NO_DIFFERENCES(d) EXPECT_EQ((d).count, 0) << (d).first

using Change = std::function<double(double)>;
double as_it_is(double x) { return x; }

struct Rows {
  std::vector<std::string> hypotheses;
  std::vector<std::vector<std::string>> references;
};
Rows rows_of(const Json& pairs) {
  Rows out;
  for (const auto& pair : pairs) {
    out.hypotheses.push_back(pair[0]);
    out.references.push_back(texts(pair[1]));
  }
  return out;
}

Differences compare_sentences(const Json& vectors, const std::string& name, const Change& change = as_it_is) {
  Differences out;
  const Json& entry = vectors["metrics"][name];
  const auto metric = golden::corpus_metric(entry);
  const Rows rows = rows_of(vectors["pairs"]);
  for (size_t i = 0; i < rows.hypotheses.size(); ++i)
    out.compare(change(metric.sentence(rows.hypotheses[i], rows.references[i])), entry["sentences"][i],
                name + " of row " + std::to_string(i) + " '" + rows.hypotheses[i] + "'");
  return out;
}

Differences compare_corpora(const Json& vectors, const std::string& name, const Change& change = as_it_is) {
  Differences out;
  const Json& entry = vectors["metrics"][name];
  const auto metric = golden::corpus_metric(entry);
  for (const auto& [group, pairs] : vectors["groups"].items()) {
    const Rows rows = rows_of(pairs);
    out.compare(change(metric.corpus(rows.hypotheses, rows.references)), entry["corpora"][group],
                name + " of " + group);
  }
  return out;
}

TEST(CorpusMetrics, SentencesAndCorporaAgreeWithSacrebleuToTheBit) {
  const Json vectors = golden::read("corpus");
  for (const auto& [name, entry] : vectors["metrics"].items()) {
    EXPECT_NO_DIFFERENCES(compare_sentences(vectors, name));
    EXPECT_NO_DIFFERENCES(compare_corpora(vectors, name));
    EXPECT_EQ(golden::corpus_metric(entry).signature(), entry["signature"].get<std::string>());
  }
}

TEST(CorpusMetrics, AFaultInTheLastBitIsSeen) {
  const Json vectors = golden::read("corpus");
  // A perfect corpus has 100.00000000000004; who clamps it must be caught, and so must one unit in the last
  // place.
  EXPECT_EQ(vectors["metrics"]["bleu"]["corpora"]["perfect"].get<double>(), 100.00000000000004);
  EXPECT_GT(compare_corpora(vectors, "bleu", [](double x) { return std::min(x, 100.0); }).count, 0);
  for (const char* name : {"chrf", "chrf++", "ter"})
    EXPECT_GT(compare_sentences(vectors, name, [](double x) { return std::nextafter(x, 200); }).count, 50)
        << name;
}

TEST(CorpusMetrics, OneOptionsValuesAreNotAnothers) {
  // Faults of the tokenizers and of the beam: each variant's vectors must refuse its neighbour.
  Json vectors = golden::read("corpus");
  const std::pair<const char*, const char*> neighbours[] = {
      {"bleu", "bleu_no_smoothing"}, {"bleu", "bleu_effective"}, {"chrf", "chrf++"},
      {"ter", "ter_cased"},          {"ter", "ter_normalized"},  {"ter_normalized", "ter_asian"}};
  for (const auto& [one, other] : neighbours) {
    Json swapped = vectors;
    swapped["metrics"][one]["sentences"] = vectors["metrics"][other]["sentences"];
    EXPECT_GT(compare_sentences(swapped, one).count, 0) << one << " and " << other;
  }
}

TEST(CorpusMetrics, BadArgumentsAreRefused) {
  EXPECT_THROW(CorpusMetric::bleu({.tokenize = "13b"}), std::invalid_argument);
  EXPECT_THROW(CorpusMetric::bleu({.smooth_method = "expo"}), std::invalid_argument);
  EXPECT_THROW(CorpusMetric::chrf({.char_order = 0}), std::invalid_argument);
  EXPECT_THROW(CorpusMetric::named("bleurt"), std::invalid_argument);
  const auto bleu = CorpusMetric::bleu();
  EXPECT_THROW(bleu.counts("a", {}), std::invalid_argument);
  EXPECT_THROW(bleu.score({1, 2}), std::invalid_argument);
  EXPECT_THROW(bleu.corpus({"a"}, {}), std::invalid_argument);
  EXPECT_THROW(bleu.corpus({}, {}), std::invalid_argument);
  EXPECT_EQ(bleu.name(), "BLEU");
  EXPECT_EQ(CorpusMetric::named("chrf++").name(), "chrF2++");
  EXPECT_FALSE(CorpusMetric::named("ter").higher_is_better());
  EXPECT_EQ(bleu.signature(-1), "nrefs:var|case:mixed|eff:no|tok:13a|smooth:exp");
}

TEST(CorpusMetrics, BrokenBytesAreNoError) {
  const std::string broken = "caf\xc3 \xff\xfe na\xe2\x82 x\xf0\x9f";
  for (const char* name : {"bleu", "chrf", "chrf++", "ter"}) {
    const auto metric = CorpusMetric::named(name);
    EXPECT_TRUE(std::isfinite(metric.sentence(broken, {broken, "x"}))) << name;
  }
  EXPECT_TRUE(std::isfinite(rouge(broken, broken)["rougeL"].fmeasure));
  EXPECT_EQ(squad({broken}, broken).exact_match, 1);
}

Differences compare_rouge(const Json& vectors, const char* key, bool stem) {
  Differences out;
  const RougeOptions options{texts(vectors["types"]), stem};
  const Rows rows = rows_of(vectors["pairs"]);
  for (size_t i = 0; i < rows.hypotheses.size(); ++i)
    for (const auto& [type, score] : rouge(rows.references[i], rows.hypotheses[i], options)) {
      const auto expected = numbers(vectors[key][i][type]);
      const std::string what = type + " of row " + std::to_string(i) + " '" + rows.hypotheses[i] + "'";
      out.compare(score.precision, expected[0], what);
      out.compare(score.recall, expected[1], what);
      out.compare(score.fmeasure, expected[2], what);
    }
  return out;
}

TEST(Rouge, AgreesWithRougeScoreToTheBit) {
  const Json vectors = golden::read("rouge");
  EXPECT_NO_DIFFERENCES(compare_rouge(vectors, "plain", false));
  EXPECT_NO_DIFFERENCES(compare_rouge(vectors, "stemmed", true));
  EXPECT_GT(compare_rouge(vectors, "stemmed", false).count, 0);  // the fault: a stemmer that does nothing
  EXPECT_THROW(rouge("a", "b", {{"rougeX"}}), std::invalid_argument);
  EXPECT_THROW(rouge("a", "b", {{"rouge0"}}), std::invalid_argument);
  EXPECT_THROW(rouge(std::vector<std::string>{}, "b"), std::invalid_argument);
}

TEST(Rouge, StemsAsNltkDoes) {
  Differences out;
  const Json vectors = golden::read("rouge");
  for (const auto& [word, stem] : vectors["stems"].items())
    out.compare(porter_stem(word) == stem.get<std::string>(), word + " became " + porter_stem(word));
  EXPECT_NO_DIFFERENCES(out);
  EXPECT_EQ(porter_stem("dying"), "die");      // the paper's algorithm says "dy"
  EXPECT_EQ(porter_stem("enjoyed"), "enjoy");  // and "enjoi"
}

TEST(Squad, AgreesWithThePublishedScript) {
  Differences out, shuffled;
  for (const auto& c : golden::read("squad")) {
    const auto score = squad(texts(c["answers"]), c["got"]);
    const std::string what = c["got"];
    out.compare(score.exact_match, c["exact"], what);
    out.compare(score.f1, c["f1"], what);
    // The fault: the first answer only.
    shuffled.compare(squad({texts(c["answers"]).front()}, c["got"]).f1, c["f1"], what);
  }
  EXPECT_NO_DIFFERENCES(out);
  EXPECT_GT(shuffled.count, 0);
  EXPECT_THROW(squad({}, "x"), std::invalid_argument);
}

TEST(ExactMatch, AgreesWithTheHarness) {
  Differences out, trimmed;
  for (const auto& c : golden::read("exact_match")) {
    const Json& o = c["options"];
    ExactMatchOptions options;
    if (o.contains("regexes_to_ignore")) options.regexes_to_ignore = texts(o["regexes_to_ignore"]);
    options.ignore_case = o.value("ignore_case", false);
    options.ignore_punctuation = o.value("ignore_punctuation", false);
    options.ignore_numbers = o.value("ignore_numbers", false);
    const std::string expected = c["expected"], got = c["got"];
    out.compare(exact_match(expected, got, options), c["score"],
                o.dump() + " '" + expected + "' '" + got + "'");
    trimmed.compare(exact_match(expected, got), c["score"], "");  // the fault: trims, ignores all options
  }
  EXPECT_NO_DIFFERENCES(out);
  EXPECT_GT(trimmed.count, 0);
  EXPECT_THROW(exact_match("a", "b", {.regexes_to_ignore = {"(unclosed"}}), std::invalid_argument);
  // A pattern that would search for ages gives up instead.
  EXPECT_THROW(
      exact_match(std::string(40, 'a') + "b", "x", {.regexes_to_ignore = {"(?:a|a)*\\1?(?=c)(a|a)+"}}),
      std::invalid_argument);
}

F1Score f1_of(const Json& c, const std::string& average) {
  return f1_score(texts(c["gold"]), texts(c["got"]), {.average = average});
}

TEST(Labels, AgreeWithScikitLearnToTheBit) {
  Differences out, exchanged;
  for (const auto& c : golden::read("labels")) {
    const auto gold = texts(c["gold"]), got = texts(c["got"]);
    const std::string what = std::to_string(gold.size()) + " rows";
    out.compare(accuracy(gold, got), c["accuracy"], "accuracy of " + what);
    out.compare(matthews_correlation(gold, got), c["mcc"], "mcc of " + what);
    for (const std::string average : {"binary", "macro", "micro", "weighted"}) {
      if (!c.contains(average)) continue;
      const F1Score score = f1_of(c, average);
      const auto expected = numbers(c[average]);
      out.compare(score.precision, expected[0], average + " precision of " + what);
      out.compare(score.recall, expected[1], average + " recall of " + what);
      out.compare(score.f1, expected[2], average + " F1 of " + what);
      exchanged.compare(score.precision, expected[1], what);  // the fault: precision taken for recall
    }
  }
  EXPECT_NO_DIFFERENCES(out);
  EXPECT_GT(exchanged.count, 0);
  EXPECT_THROW(f1_score({"a", "b", "c"}, {"a", "b", "c"}), std::invalid_argument);
  EXPECT_THROW(f1_score({"a", "b"}, {"a", "b"}), std::invalid_argument);  // "1" is neither
  EXPECT_THROW(f1_score({"1"}, {"1"}, {.average = "makro"}), std::invalid_argument);
  EXPECT_THROW(accuracy({"1"}, {}), std::invalid_argument);
}

TEST(Probabilities, BrierAndCalibrationAgreeWithNumpy) {
  const Json v = golden::read("probabilities");
  std::vector<std::vector<double>> rows;
  for (size_t i = 0; i < v["logits"].size(); ++i) {
    rows.push_back(softmax(numbers(v["logits"][i])));
    // numpy's exp may differ from the C library's in the last place.
    for (size_t k = 0; k < rows[i].size(); ++k)
      EXPECT_NEAR(rows[i][k], v["probabilities"][i][k].get<double>(), 1e-15);
  }
  EXPECT_NEAR(brier_score(rows, v["gold"].get<std::vector<int64_t>>()), v["brier"].get<double>(), 1e-14);
  const auto confidences = numbers(v["confidences"]), correct = numbers(v["correct"]);
  for (const auto& c : v["calibration"]) {
    const auto got = calibration(confidences, correct, c["bins"]);
    EXPECT_NEAR(got.ece, c["ece"].get<double>(), 1e-14);
    EXPECT_NEAR(got.mce, c["mce"].get<double>(), 1e-14);
    EXPECT_NEAR(got.brier, c["brier"].get<double>(), 1e-14);
    for (size_t b = 0; b < got.bins.size(); ++b) EXPECT_EQ(got.bins[b].n, c["counts"][b].get<int64_t>()) << b;
  }
  // The fault: answers turned round are badly calibrated.
  auto wrong = correct;
  for (double& x : wrong) x = 1 - x;
  EXPECT_GT(calibration(confidences, wrong).ece, calibration(confidences, correct).ece + .1);
  EXPECT_THROW(calibration({1.1}, {1}), std::invalid_argument);
  EXPECT_THROW(calibration({.5}, {.5}), std::invalid_argument);
  EXPECT_THROW(brier_score({{.5, .5}}, {2}), std::invalid_argument);
}

TEST(Probabilities, PassAtKIsRoundedOnce) {
  Differences out, product;
  const Json vectors = golden::read("probabilities");
  for (const auto& c : vectors["pass_at_k"]) {
    const int64_t n = c[0], right = c[1], k = c[2];
    const double expected = c[3];
    out.compare(pass_at_k(n, right, k), expected, c.dump());
    double all_wrong = 1;  // the fault: a product of rounded factors
    for (int64_t i = n - right + 1; i <= n; ++i)
      all_wrong *= 1 - static_cast<double>(k) / static_cast<double>(i);
    product.compare(1 - all_wrong, expected, "");
  }
  EXPECT_NO_DIFFERENCES(out);
  EXPECT_GT(product.count, 0);
  EXPECT_THROW(pass_at_k(3, 1, 4), std::invalid_argument);
  EXPECT_THROW(pass_at_k(3, 4, 1), std::invalid_argument);
  EXPECT_EQ(pass_at_k(1'000'000, 999'999, 1), 1 - 1e-6);
}

TEST(Probabilities, PerplexityPerTokenWordAndByte) {
  const Json v = golden::read("probabilities");
  std::vector<DocumentLikelihood> documents;
  for (size_t i = 0; i < v["texts"].size(); ++i) {
    documents.push_back(document_likelihood(v["texts"][i], v["log_likelihoods"][i], v["units"][i][0]));
    EXPECT_EQ(documents[i].words, v["units"][i][1].get<int64_t>()) << i;
    EXPECT_EQ(documents[i].bytes, v["units"][i][2].get<int64_t>()) << i;
  }
  const auto expected = numbers(v["perplexity"]);
  const Perplexity got = perplexity(documents);
  EXPECT_DOUBLE_EQ(got.token, expected[0]);
  EXPECT_DOUBLE_EQ(got.word, expected[1]);
  EXPECT_DOUBLE_EQ(got.byte, expected[2]);
  EXPECT_DOUBLE_EQ(got.bits_per_byte, expected[3]);
  documents[1].bytes -= 3;  // the fault: characters counted for bytes
  EXPECT_NE(perplexity(documents).byte, expected[2]);
  EXPECT_THROW(perplexity({}), std::invalid_argument);
}

TEST(Checks, OfTextsAndNumbers) {
  EXPECT_EQ(string_check("equals", "a", "a").score, 1);
  EXPECT_EQ(string_check("not equals", "a", "a").score, 0);
  EXPECT_EQ(string_check("contains", "abc", "b").score, 1);
  EXPECT_EQ(string_check("not contains", "abc", "b").score, 0);
  EXPECT_EQ(string_check("startswith", "abc", "ab").score, 1);
  EXPECT_EQ(string_check("endswith", "abc", "ab").score, 0);
  EXPECT_THROW(string_check("startwith", "a", "b"), std::invalid_argument);
  EXPECT_EQ(number_check("equals", " 1.50\n", "+1.5").score, 1);
  EXPECT_EQ(number_check(">", "2", "10").score, 0);  // as texts it would hold
  EXPECT_EQ(number_check("<=", "1e3", "1000").score, 1);
  EXPECT_EQ(number_check("not equals", "1", "1.0").score, 0);
  EXPECT_EQ(number_check("absolute difference", "1.0", "1.2", .25).score, 1);
  EXPECT_EQ(number_check("absolute difference", "1.0", "1.5", .25).score, 0);
  for (const char* bad : {"nan", "inf", "", "12 apples", "1,000", "0x10", "+-1", "--1", "1e999"}) {
    const auto result = number_check("equals", bad, "1");
    EXPECT_NE(result.error, "") << bad;
    EXPECT_EQ(result.score, 0) << bad;
  }
  EXPECT_THROW(number_check("==", "1", "1"), std::invalid_argument);
}

TEST(JsonSchemas, AgreeWithPythonsJsonschema) {
  int checked = 0, invalid = 0;
  for (const auto& c : golden::read("schema")) {
    const JsonSchema schema(c["schema"].dump());
    for (const auto& value : c["values"]) {
      EXPECT_EQ(schema.is_valid(value[0]), value[1].get<bool>()) << c["schema"].dump() << " " << value[0];
      EXPECT_EQ(schema.errors(value[0]).empty(), value[1].get<bool>());
      ++checked;
      invalid += !value[1].get<bool>();
    }
  }
  EXPECT_GT(checked, 100);
  EXPECT_GT(invalid, 50);  // the fault "everything is valid" fails this many
}

TEST(JsonSchemas, WhatCouldHangOrReachOutIsRefused) {
  auto refused = [](const std::string& schema, const std::string& why) {
    try {
      JsonSchema made(schema);
      ADD_FAILURE() << schema;
    } catch (const std::invalid_argument& error) {
      EXPECT_NE(std::string(error.what()).find(why), std::string::npos) << error.what();
    }
  };
  refused(R"({"$ref": "#"})", "refers to itself");
  refused(
      R"({"$defs": {"a": {"anyOf": [{"$ref": "#/$defs/b"}]}, "b": {"not": {"$ref": "#/$defs/a"}}}, "items": {"$ref": "#/$defs/a"}})",
      "refers to itself");
  refused(R"({"$ref": "https://example.com/s.json"})", "nothing is fetched");
  refused(R"({"items": {"$ref": "other.json"}})", "nothing is fetched");
  refused(R"({"$ref": "#/$defs/nowhere"})", "not in the schema");
  refused(R"({"items": {"$dynamicRef": "#x"}})", "not supported");
  refused(R"({"items": {"$id": "inner"}})", "not supported");
  refused(R"({"type": "intger"})", "intger");
  refused(R"({"type": )", "not JSON");
  refused(R"([])", "an object, true or false");
  std::string chain = R"({"$defs": {"d0": {})";
  for (int i = 1; i < 2000; ++i)
    chain += ", \"d" + std::to_string(i) + R"(": {"$ref": "#/$defs/d)" + std::to_string(i - 1) + "\"}";
  refused(chain + R"(}, "$ref": "#/$defs/d1999"})", "in a row");
  const auto errors =
      JsonSchema(R"({"required": ["a"], "properties": {"u": {"enum": ["m"]}}})").errors(R"({"u": "km"})");
  ASSERT_EQ(errors.size(), 2u);
  EXPECT_NE((errors[0] + errors[1]).find("/u"), std::string::npos);
  EXPECT_EQ(JsonSchema("{}").errors("{nope").size(), 1u);
}

std::vector<ToolCall> calls_of(const Json& list) {
  std::vector<ToolCall> out;
  for (const auto& call : list) out.push_back({call["name"], call["arguments"]});
  return out;
}

TEST(Bfcl, AgreesWithTheLeaderboardsChecker) {
  int passed = 0;
  Differences strictly;
  for (const auto& c : golden::read("bfcl")) {
    BfclOptions options{.category = c["category"], .dots_to_underscores = c["dots"]};
    const auto got = bfcl_ast_check(c["functions"].dump(), calls_of(c["got"]), c["answers"].dump(), options);
    EXPECT_EQ(got.valid, c["valid"].get<bool>()) << c.dump() << got.error;
    EXPECT_EQ(got.error_type, c["error_type"].get<std::string>()) << c.dump() << got.error;
    passed += got.valid;
    options.strict = true;  // the fault: the other variant
    const auto strict =
        bfcl_ast_check(c["functions"].dump(), calls_of(c["got"]), c["answers"].dump(), options);
    strictly.compare(strict.valid == c["valid"].get<bool>(), "");
  }
  EXPECT_GT(passed, 40);
  EXPECT_GT(strictly.count, 10);
}

TEST(Bfcl, TheStrictFormPairsCallsAsWellAsCanBe) {
  const std::string functions = R"([{"name": "f", "parameters": {"type": "dict", "properties": {
      "x": {"type": "integer"}, "o": {"type": "dict", "properties": {"k": {"type": "array", "items": {"type": "float"}}}}},
      "required": ["x"]}}])";
  auto check = [&](const std::vector<ToolCall>& calls, const std::string& answers, bool strict) {
    return bfcl_ast_check(functions, calls, answers, {.strict = strict});
  };
  // The first expected call fits both, the second only the first got: greedy fails, pairing does not.
  const std::string two = R"([{"f": {"x": [1, 2]}}, {"f": {"x": [1]}}])";
  const std::vector<ToolCall> calls = {{"f", R"({"x": 1})"}, {"f", R"({"x": 2})"}};
  EXPECT_FALSE(check(calls, two, false).valid);
  EXPECT_TRUE(check(calls, two, true).valid);
  EXPECT_EQ(check({calls[0], calls[1], calls[1]}, two, true).error_type, "strict:wrong_count");
  EXPECT_FALSE(check({calls[1], calls[1]}, R"([{"f": {"x": [2]}}, {"f": {"x": [1]}}])", true).valid);
  const std::string one = R"([{"f": {"x": [1], "o": [{"k": [[1, 2.5]]}, ""]}}])";
  EXPECT_TRUE(check({{"f", R"({"o": {"k": [1.0, 2.5]}, "x": 1.0})"}}, one, true).valid);
  EXPECT_EQ(check({{"f", R"({"o": {"k": ["1"]}, "x": 1})"}}, one, true).error_type, "strict:schema");
  EXPECT_EQ(check({{"f", R"({"x": true})"}}, one, true).error_type, "strict:schema");
  EXPECT_EQ(check({{"f", R"({"x": 2})"}}, one, true).error_type, "strict:value");
  EXPECT_EQ(check({{"f", R"({"x": 1)"}}, one, true).error_type, "strict:json");
  EXPECT_EQ(check({{"g", R"({"x": 1})"}}, one, true).error_type, "strict:name");
  EXPECT_THROW(check(calls, R"([{"unknown": {}}])", true), std::invalid_argument);
  EXPECT_THROW(check(calls, "{}", true), std::invalid_argument);
}

TEST(Unicode, IsPythons) {
  EXPECT_EQ(base::lower("ΟΔΥΣΣΕΥΣ Σ ΑΣ."), "οδυσσευς σ ας.");
  EXPECT_EQ(base::lower("İ"), "i\xcc\x87");
  EXPECT_EQ(base::lower("\xe2\x84\xaa"), "k");
  EXPECT_EQ(base::strip(" \xe3\x80\x80x\xc2\xa0\x1f"), "x");
  EXPECT_EQ(base::split_whitespace("a\xe2\x80\x83"
                                   "b\xc2\x85"
                                   "c")
                .size(),
            3u);
  EXPECT_EQ(base::code_points("a\xff\xc3").size(), 3u);
  EXPECT_EQ(base::to_utf8(base::code_points("é中😀")), "é中😀");
}

}  // namespace
}  // namespace whorl

#include <pybind11/stl.h>
#include <whorl/evaluator.h>
#include <whorl/metrics.h>

#include "compute.h"
#include "fields.h"
#include "module.h"

namespace whorl::python {

template <>
Fields<ExactMatchOptions> fields_of<ExactMatchOptions>() {
  using E = ExactMatchOptions;
  return {field("regexes_to_ignore", &E::regexes_to_ignore, "deleted from both sides, in order"),
          field("ignore_case", &E::ignore_case, "of letters"),
          field("ignore_punctuation", &E::ignore_punctuation, "ASCII's"),
          field("ignore_numbers", &E::ignore_numbers, "digits 0 to 9")};
}

template <>
Fields<RougeOptions> fields_of<RougeOptions>() {
  return {field("types", &RougeOptions::types, "any of rouge1 … rouge9, rougeL, rougeLsum"),
          field("use_stemmer", &RougeOptions::use_stemmer, "Porter's, as NLTK extends it")};
}

template <>
Fields<BleuOptions> fields_of<BleuOptions>() {
  using B = BleuOptions;
  return {field("max_ngram_order", &B::max_ngram_order, "longest n-gram"),
          field("lowercase", &B::lowercase, "without regard to case"),
          field("effective_order", &B::effective_order, "for single sentences"),
          field("tokenize", &B::tokenize, "13a, char or none"),
          field("smooth_method", &B::smooth_method, "exp, floor, add-k or none"),
          field("smooth_value", &B::smooth_value, "of floor and add-k; -1 = their own")};
}

template <>
Fields<ChrfOptions> fields_of<ChrfOptions>() {
  using C = ChrfOptions;
  return {field("char_order", &C::char_order, "longest character n-gram"),
          field("word_order", &C::word_order, "longest word n-gram; 2 makes it chrF++"),
          field("beta", &C::beta, "how much more recall counts"),
          field("lowercase", &C::lowercase, "without regard to case"),
          field("whitespace", &C::whitespace, "white space takes part"),
          field("eps_smoothing", &C::eps_smoothing, "as NLTK and Moses smooth")};
}

template <>
Fields<TerOptions> fields_of<TerOptions>() {
  using T = TerOptions;
  return {field("normalized", &T::normalized, "split off punctuation"),
          field("no_punct", &T::no_punct, "drop punctuation"),
          field("asian_support", &T::asian_support, "split ideographs"),
          field("case_sensitive", &T::case_sensitive, "with regard to case")};
}

template <>
Fields<F1Options> fields_of<F1Options>() {
  return {field("average", &F1Options::average, "binary, macro, micro or weighted"),
          field("positive", &F1Options::positive, "the label that counts; binary only")};
}

template <>
Fields<BfclOptions> fields_of<BfclOptions>() {
  using B = BfclOptions;
  return {field("strict", &B::strict, "the strict variant instead of the leaderboard's"),
          field("category", &B::category, "auto, simple, multiple or parallel"),
          field("dots_to_underscores", &B::dots_to_underscores, "'math.add' is said as 'math_add'")};
}

template <>
Fields<SquadScore> fields_of<SquadScore>() {
  return {field("exact_match", &SquadScore::exact_match, "0 or 1"), field("f1", &SquadScore::f1, "0 to 1")};
}

template <>
Fields<RougeScore> fields_of<RougeScore>() {
  return {field("precision", &RougeScore::precision, "0 to 1"),
          field("recall", &RougeScore::recall, "0 to 1"), field("fmeasure", &RougeScore::fmeasure, "0 to 1")};
}

template <>
Fields<F1Score> fields_of<F1Score>() {
  return {field("precision", &F1Score::precision, "0 to 1"), field("recall", &F1Score::recall, "0 to 1"),
          field("f1", &F1Score::f1, "0 to 1")};
}

template <>
Fields<CalibrationBin> fields_of<CalibrationBin>() {
  using B = CalibrationBin;
  return {field("low", &B::low, "lower end, not in the bin"),
          field("high", &B::high, "upper end, in the bin"), field("n", &B::n, "rows"),
          field("confidence", &B::confidence, "mean"), field("accuracy", &B::accuracy, "mean")};
}

template <>
Fields<Calibration> fields_of<Calibration>() {
  using C = Calibration;
  return {field("ece", &C::ece, "expected calibration error"), field("mce", &C::mce, "largest gap of a bin"),
          field("brier", &C::brier, "mean squared error of the confidences"),
          field("bins", &C::bins, "of confidence")};
}

template <>
Fields<DocumentLikelihood> fields_of<DocumentLikelihood>() {
  using D = DocumentLikelihood;
  return {field("log_likelihood", &D::log_likelihood, "natural logarithm"),
          field("tokens", &D::tokens, "count"), field("words", &D::words, "count"),
          field("bytes", &D::bytes, "count")};
}

template <>
Fields<Perplexity> fields_of<Perplexity>() {
  using P = Perplexity;
  return {field("token", &P::token, "per token"), field("word", &P::word, "per word"),
          field("byte", &P::byte, "per byte"), field("bits_per_byte", &P::bits_per_byte, "base 2 logarithm")};
}

template <>
Fields<CheckResult> fields_of<CheckResult>() {
  return {field("score", &CheckResult::score, "0 or 1; means nothing with an error"),
          field("error", &CheckResult::error, "why there is no score; '' = there is")};
}

template <>
Fields<BfclResult> fields_of<BfclResult>() {
  return {field("valid", &BfclResult::valid, "the calls are right"),
          field("error_type", &BfclResult::error_type, "the leaderboard's name of the fault"),
          field("error", &BfclResult::error, "in words")};
}

namespace {

using Texts = std::vector<std::string>;

void bind_structs(py::module_& m) {
  bind_options<ExactMatchOptions>(m, "ExactMatchOptions", "What exact_match overlooks.");
  bind_options<RougeOptions>(m, "RougeOptions", "Which ROUGE, and how words are cut.");
  bind_options<BleuOptions>(m, "BleuOptions", "sacrebleu's options of BLEU.");
  bind_options<ChrfOptions>(m, "ChrfOptions", "sacrebleu's options of chrF.");
  bind_options<TerOptions>(m, "TerOptions", "sacrebleu's options of TER.");
  bind_options<F1Options>(m, "F1Options", "How labels are averaged.");
  bind_options<BfclOptions>(m, "BfclOptions", "Which check of calls.");
  bind_result<SquadScore>(m, "SquadScore", "One answer's scores.");
  bind_result<RougeScore>(m, "RougeScore", "Precision, recall and F-measure.");
  bind_result<F1Score>(m, "F1Score", "Precision, recall and F1.");
  bind_result<CalibrationBin>(m, "CalibrationBin", "Rows of like confidence.");
  bind_result<Calibration>(m, "Calibration", "How far confidence can be believed.");
  bind_options<DocumentLikelihood>(m, "DocumentLikelihood", "A document's log-likelihood and its length.");
  bind_result<Perplexity>(m, "Perplexity", "Per token, word and byte; 0 = no document has that unit.");
  bind_result<CheckResult>(m, "CheckResult", "0 or 1, or why there is no score.");
  bind_result<BfclResult>(m, "BfclResult", "Whether calls are right.");
}

template <class Options, class Make>
void def_kind(py::class_<CorpusMetric>& c, const char* name, Make make) {
  const auto doc = call_doc<Options>(std::string(name) + "(", "CorpusMetric", "With sacrebleu's options.");
  c.def_static(
      name,
      [name, make](const py::object& options, const py::kwargs& keywords) {
        return make(options_from<Options>(std::string("CorpusMetric.") + name, options, keywords));
      },
      py::kw_only(), py::arg("options") = py::none(), doc.c_str());
}

void bind_corpus_metric(py::module_& m) {
  py::class_<CorpusMetric> c(
      m, "CorpusMetric",
      "BLEU, chrF or TER, value for value sacrebleu's.\n\n"
      ">>> whorl.CorpusMetric.bleu().corpus([\"the cat sat\"], [[\"the cat sat\"]])\n0.0");
  {
    OwnSignatures own;
    def_kind<BleuOptions>(c, "bleu", &CorpusMetric::bleu);
    def_kind<ChrfOptions>(c, "chrf", &CorpusMetric::chrf);
    def_kind<TerOptions>(c, "ter", &CorpusMetric::ter);
  }
  c.def_static("named", &CorpusMetric::named, py::arg("name"),
               "\"bleu\", \"chrf\", \"chrf++\" or \"ter\" as they stand.");
  c.def(
      "counts",
      [](const CorpusMetric& self, const std::string& hypothesis, const Texts& references) {
        return self.counts(hypothesis, references);
      },
      py::arg("hypothesis"), py::arg("references"),
      "One row's counts; rows are added before they are scored.");
  c.def("score", &CorpusMetric::score, py::arg("summed_counts"), "The score of added counts.");
  c.def(
      "corpus",
      [](const CorpusMetric& self, const Texts& hypotheses, const std::vector<Texts>& references) {
        return compute([&] { return self.corpus(hypotheses, references); });
      },
      py::arg("hypotheses"), py::arg("references"), "references[row] are the references of hypotheses[row].");
  c.def("sentence", &CorpusMetric::sentence, py::arg("hypothesis"), py::arg("references"),
        "One row's score.");
  c.def("signature", &CorpusMetric::signature, py::arg("num_references") = 1,
        "What makes a score comparable.");
  c.def_property_readonly("name", &CorpusMetric::name, "as sacrebleu calls it");
  c.def_property_readonly("higher_is_better", &CorpusMetric::higher_is_better, "False for TER");
}

void bind_text(py::module_& m) {
  OwnSignatures own;
  m.def(
      "exact_match",
      [](const std::string& expected, const std::string& got, const py::object& options,
         const py::kwargs& keywords) {
        if (options.is_none() && keywords.size() == 0) return exact_match(expected, got);
        return exact_match(expected, got, options_from<ExactMatchOptions>("exact_match", options, keywords));
      },
      py::arg("expected"), py::arg("got"), py::kw_only(), py::arg("options") = py::none(),
      call_doc<ExactMatchOptions>("exact_match(expected: str, got: str", "float",
                                  "1 if the texts are equal after trimming, else 0. With options "
                                  "lm-evaluation-harness' exact_match:\n"
                                  "nothing is trimmed.")
          .c_str());
  m.def("squad", &squad, py::arg("answers"), py::arg("got"),
        "squad(answers: list[str], got: str) -> SquadScore\n\nSQuAD 1.1's exact match and F1; the best "
        "answer counts.");
  auto rouge_of = [](const py::object& target, const std::string& prediction, const py::object& options,
                     const py::kwargs& keywords) {
    const auto chosen = options_from<RougeOptions>("rouge", options, keywords);
    const auto targets = value_from<Texts>("target", target);
    return compute([&] { return rouge(targets, prediction, chosen); });
  };
  m.def("rouge", rouge_of, py::arg("target"), py::arg("prediction"), py::kw_only(),
        py::arg("options") = py::none(),
        call_doc<RougeOptions>(
            "rouge(target: str | list[str], prediction: str", "dict[str, RougeScore]",
            "rouge-score's values; of several targets the best F-measure per type.\n\n"
            ">>> whorl.rouge(\"the cat\", \"a cat\", types=\"rouge1\")[\"rouge1\"].fmeasure\n0.5")
            .c_str());
  m.def("porter_stem", &porter_stem, py::arg("word"),
        "porter_stem(word: str) -> str\n\nThe stem, as NLTK's PorterStemmer gives it.");
}

void bind_numbers(py::module_& m) {
  m.def("accuracy", &accuracy, py::arg("expected"), py::arg("got"), "Share of equal labels.");
  m.def("matthews_correlation", &matthews_correlation, py::arg("expected"), py::arg("got"),
        "scikit-learn's.");
  m.def("softmax", &softmax, py::arg("log_likelihoods"), "Log-likelihoods made probabilities.");
  m.def("brier_score", &brier_score, py::arg("probabilities"), py::arg("gold"),
        "Mean over rows of the squared errors of all classes; gold are indices.");
  m.def("calibration", &calibration, py::arg("confidences"), py::arg("correct"), py::arg("bins") = 10,
        "Expected calibration error with its bins; correct is 0 or 1 per row.");
  m.def("document_likelihood", &document_likelihood, py::arg("text"), py::arg("log_likelihood"),
        py::arg("tokens"), "Counts the text's words and bytes.");
  m.def("perplexity", &perplexity, py::arg("documents"), "Of all documents together.");
  m.def("pass_at_k", &pass_at_k, py::arg("n"), py::arg("c"), py::arg("k"),
        "Chance that one of k draws out of n samples with c right ones is right.");
  m.def("string_check", &string_check, py::arg("operation"), py::arg("left"), py::arg("right"),
        "\"equals\", \"not equals\", \"contains\", \"not contains\", \"startswith\" or \"endswith\".");
  m.def("number_check", &number_check, py::arg("operation"), py::arg("left"), py::arg("right"),
        py::arg("epsilon") = 0.0,
        "\"equals\", \"not equals\", \">\", \">=\", \"<\", \"<=\" or \"absolute difference\"; no number is "
        "an error.");
  OwnSignatures own;
  m.def(
      "f1_score",
      [](const Texts& expected, const Texts& got, const py::object& options, const py::kwargs& keywords) {
        return f1_score(expected, got, options_from<F1Options>("f1_score", options, keywords));
      },
      py::arg("expected"), py::arg("got"), py::kw_only(), py::arg("options") = py::none(),
      call_doc<F1Options>("f1_score(expected: list[str], got: list[str]", "F1Score", "scikit-learn's values.")
          .c_str());
}

void bind_calls(py::module_& m) {
  OwnSignatures own;
  m.def(
      "bfcl_ast_check",
      [](const py::object& functions, const py::object& got, const py::object& answers,
         const py::object& options, const py::kwargs& keywords) {
        const auto chosen = options_from<BfclOptions>("bfcl_ast_check", options, keywords);
        std::vector<ToolCall> calls;
        for (auto call : got) calls.push_back(tool_call_from("bfcl_ast_check", call));
        return bfcl_ast_check(json_text(functions), calls, json_text(answers), chosen);
      },
      py::arg("functions"), py::arg("got"), py::arg("possible_answers"), py::kw_only(),
      py::arg("options") = py::none(),
      call_doc<BfclOptions>(
          "bfcl_ast_check(functions: list | str, got: list[ToolCall | dict], possible_answers: list | str",
          "BfclResult", "The Berkeley function-calling leaderboard's AST check.")
          .c_str());
  py::class_<JsonSchema> schema(m, "JsonSchema", "A JSON Schema (draft 2020-12, or what \"$schema\" names).");
  schema.def(py::init([](const py::object& text) { return JsonSchema(json_text(text)); }), py::arg("schema"),
             "__init__(self, schema: dict | bool | str) -> None");
  schema.def(
      "errors", [](const JsonSchema& self, const std::string& json) { return self.errors(json); },
      py::arg("json"),
      "errors(self, json: str) -> list[str]\n\nWhat is wrong with a JSON text; empty = nothing.");
  schema.def(
      "is_valid", [](const JsonSchema& self, const std::string& json) { return self.is_valid(json); },
      py::arg("json"), "is_valid(self, json: str) -> bool");
}

}  // namespace

void bind_metric_functions(py::module_& m) {
  bind_structs(m);
  bind_corpus_metric(m);
  bind_text(m);
  bind_numbers(m);
  bind_calls(m);
}

}  // namespace whorl::python

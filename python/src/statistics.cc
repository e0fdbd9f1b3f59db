#include <pybind11/functional.h>
#include <pybind11/stl.h>
#include <whorl/statistics.h>

#include "compute.h"
#include "fields.h"
#include "module.h"

namespace whorl::python {

template <>
Fields<PowerOptions> fields_of<PowerOptions>() {
  return {field("alpha", &PowerOptions::alpha, "level of the test"),
          field("power", &PowerOptions::power, "chance to notice"),
          field("two_sided", &PowerOptions::two_sided, "in either direction")};
}

template <>
Fields<BootstrapOptions> fields_of<BootstrapOptions>() {
  using B = BootstrapOptions;
  return {field("resamples", &B::resamples, "how many"), field("seed", &B::seed, "of the draws"),
          field("generator", &B::generator, "counter, pcg64 (numpy's) or mt19937 (Python's)")};
}

template <>
Fields<PairedOptions> fields_of<PairedOptions>() {
  using P = PairedOptions;
  return {field("seed", &P::seed, "of permutations and resamples"),
          field("permutations", &P::permutations, "sign flips drawn where not all can be gone through"),
          field("resamples", &P::resamples, "of the bootstrap; 0 = none"),
          field("clusters", &P::clusters, "per row: what goes together")};
}

template <>
Fields<BootstrapResult> fields_of<BootstrapResult>() {
  using B = BootstrapResult;
  return {field("score", &B::score, "of all rows, with the resamples' error and interval"),
          field("mean", &B::mean, "of the resamples"), field("half_width", &B::half_width, "of the interval"),
          field("resampled", &B::resampled, "values in the order drawn")};
}

template <>
Fields<PairedComparison> fields_of<PairedComparison>() {
  using P = PairedComparison;
  return {field("baseline", &P::baseline, "alone"),
          field("candidate", &P::candidate, "alone"),
          field("difference", &P::difference, "candidate - baseline, paired"),
          field("wins", &P::wins, "rows where the candidate is higher"),
          field("losses", &P::losses, "rows where it is lower"),
          field("ties", &P::ties, "rows alike"),
          field("correlation", &P::correlation, "of the two"),
          custom<P>(
              "mcnemar_p", "float | None", "exact, two-sided; zeros and ones only",
              [](const P& self) { return self.mcnemar_p; }, [](P&, py::handle) {}),
          field("permutation_p", &P::permutation_p, "two-sided sign flip"),
          field("permutation_exact", &P::permutation_exact, "all outcomes were gone through"),
          field("bootstrap_low", &P::bootstrap_low, "of the difference, 95 %"),
          field("bootstrap_high", &P::bootstrap_high, "of the difference, 95 %"),
          field("bootstrap_p", &P::bootstrap_p, "two-sided"),
          field("minimum_detectable_effect", &P::minimum_detectable_effect, "at 5 % and 80 %"),
          field("unmatched", &P::unmatched, "rows that only one side has"),
          field("method", &P::method, "how, and from which seed")};
}

template <>
Fields<PairedCorpusTest> fields_of<PairedCorpusTest>() {
  using P = PairedCorpusTest;
  return {field("baseline", &P::baseline, "score"),
          field("candidate", &P::candidate, "score"),
          field("p", &P::p, "two-sided"),
          field("mean", &P::mean, "of the candidate's resamples"),
          field("half_width", &P::half_width, "of their interval"),
          field("method", &P::method, "how, and from which seed")};
}

namespace {

using Values = std::vector<double>;
using Texts = std::vector<std::string>;
using Counts = std::vector<Values>;

void bind_one_list(py::module_& m) {
  m.def("clustered", &clustered, py::arg("values"), py::arg("clusters"),
        "Mean whose error allows rows of one cluster to go together.");
  m.def("pooled", &pooled, py::arg("groups"), "Groups of rows as one.");
  m.def("cohens_kappa", &cohens_kappa, py::arg("first"), py::arg("second"), "Agreement of two raters.");
  m.def("mcnemar_exact", &mcnemar_exact, py::arg("b"), py::arg("c"),
        "Two-sided p of b against c discordant rows.");
  m.def("sign_test", &sign_test, py::arg("wins"), py::arg("losses"), "One-sided p of as many wins or more.");
  OwnSignatures own;
  m.def(
      "minimum_detectable_effect",
      [](double standard_error, const py::object& options, const py::kwargs& keywords) {
        return minimum_detectable_effect(
            standard_error, options_from<PowerOptions>("minimum_detectable_effect", options, keywords));
      },
      py::arg("standard_error"), py::kw_only(), py::arg("options") = py::none(),
      call_doc<PowerOptions>(
          "minimum_detectable_effect(standard_error: float", "float",
          "What may go unnoticed.\n\n>>> round(whorl.minimum_detectable_effect(1.0), 3)\n2.802")
          .c_str());
}

void bind_bootstraps(py::module_& m) {
  OwnSignatures own;
  m.def(
      "bootstrap_mean",
      [](const Values& values, const py::object& options, const py::kwargs& keywords) {
        const auto chosen = options_from<BootstrapOptions>("bootstrap_mean", options, keywords);
        return compute([&] { return bootstrap_mean(values, chosen); });
      },
      py::arg("values"), py::kw_only(), py::arg("options") = py::none(),
      call_doc<BootstrapOptions>("bootstrap_mean(values: list[float]", "BootstrapResult", "Of a mean.")
          .c_str());
  m.def(
      "bootstrap_corpus",
      [](const CorpusMetric& metric, const Counts& counts, const py::object& options,
         const py::kwargs& keywords) {
        BootstrapOptions chosen{.generator = "pcg64"};
        if (!options.is_none()) chosen = options_from<BootstrapOptions>("bootstrap_corpus", options, {});
        apply_to("bootstrap_corpus", chosen, keywords);
        return compute([&] { return bootstrap(metric, counts, chosen); });
      },
      py::arg("metric"), py::arg("counts"), py::kw_only(), py::arg("options") = py::none(),
      call_doc<BootstrapOptions>(
          "bootstrap_corpus(metric: CorpusMetric, counts: list[list[float]]", "BootstrapResult",
          "Of a corpus metric, from its rows' counts; pcg64 (sacrebleu's draws) unless another\n"
          "generator is named.")
          .c_str());
  m.def(
      "paired_bootstrap",
      [](const CorpusMetric& metric, const Counts& baseline, const Counts& candidate, int64_t resamples,
         uint64_t seed) {
        return compute([&] { return paired_bootstrap(metric, baseline, candidate, resamples, seed); });
      },
      py::arg("metric"), py::arg("baseline"), py::arg("candidate"), py::arg("resamples") = 1000,
      py::arg("seed") = 12345,
      "paired_bootstrap(metric: CorpusMetric, baseline: list[list[float]], candidate: list[list[float]], "
      "resamples: "
      "int = 1000, seed: int = 12345) -> PairedCorpusTest\n\nsacrebleu's, draw for draw.");
  m.def(
      "approximate_randomization",
      [](const CorpusMetric& metric, const Counts& baseline, const Counts& candidate, int64_t trials,
         uint64_t seed) {
        return compute([&] { return approximate_randomization(metric, baseline, candidate, trials, seed); });
      },
      py::arg("metric"), py::arg("baseline"), py::arg("candidate"), py::arg("trials") = 10'000,
      py::arg("seed") = 12345,
      "approximate_randomization(metric: CorpusMetric, baseline: list[list[float]], candidate: "
      "list[list[float]], "
      "trials: int = 10000, seed: int = 12345) -> PairedCorpusTest\n\nsacrebleu's, draw for draw.");
}

void bind_paired(py::module_& m) {
  OwnSignatures own;
  m.def(
      "compare_paired",
      [](const py::object& baseline, const py::object& candidate, const py::object& options,
         const py::kwargs& keywords) {
        const auto chosen = options_from<PairedOptions>("compare_paired", options, keywords);
        using ById = std::map<std::string, double>;
        if (py::isinstance<py::dict>(baseline) && py::isinstance<py::dict>(candidate)) {
          const auto a = baseline.cast<ById>(), b = candidate.cast<ById>();
          return compute([&] { return compare_paired(a, b, chosen); });
        }
        const auto a = value_from<Values>("baseline", baseline),
                   b = value_from<Values>("candidate", candidate);
        return compute([&] { return compare_paired(a, b, chosen); });
      },
      py::arg("baseline"), py::arg("candidate"), py::kw_only(), py::arg("options") = py::none(),
      call_doc<PairedOptions>("compare_paired(baseline: list[float] | dict[str, float], candidate: "
                              "list[float] | dict[str, float]",
                              "PairedComparison",
                              "Two models on the same rows, in the same order or by row id.\n\n"
                              ">>> whorl.compare_paired([0, 0, 1, 0], [1, 1, 1, 0]).wins\n2")
          .c_str());
}

}  // namespace

void bind_statistics(py::module_& m) {
  bind_options<PowerOptions>(m, "PowerOptions", "Of a minimum detectable effect.");
  bind_options<BootstrapOptions>(m, "BootstrapOptions", "How rows are drawn again.");
  bind_options<PairedOptions>(m, "PairedOptions", "How two models are compared.");
  bind_result<BootstrapResult>(m, "BootstrapResult", "A quantity and its resamples.");
  bind_result<PairedComparison>(m, "PairedComparison", "Two models on the same rows.")
      .def("to_json", &PairedComparison::to_json, "to_json(self) -> str");
  bind_result<PairedCorpusTest>(m, "PairedCorpusTest", "Two systems' corpus scores on the same rows.");
  bind_one_list(m);
  bind_bootstraps(m);
  bind_paired(m);
}

}  // namespace whorl::python

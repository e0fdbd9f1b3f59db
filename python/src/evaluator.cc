#include <whorl/evaluator.h>

#include "engine.h"
#include "fields.h"
#include "module.h"

namespace whorl::python {

template <>
Fields<EvaluateOptions> fields_of<EvaluateOptions>() {
  using E = EvaluateOptions;
  return {field("metrics", &E::metrics,
                "any of function_name_accuracy, function_name_and_args_accuracy, exact_match, accuracy, f1, "
                "perplexity"),
          field("limit", &E::limit, "rows; 0 = all"), field("sampling", &E::sampling, "greedy by default"),
          field("seed", &E::seed, "of the bootstrap")};
}

template <>
Fields<RowScore> fields_of<RowScore>() {
  return {field("source", &RowScore::source, "the row"),
          field("expected", &RowScore::expected, "text, or the calls as JSON"),
          field("got", &RowScore::got, "text, or the calls as JSON"),
          field("error", &RowScore::error, "a generated call that does not parse, and why"),
          custom<RowScore>(
              "scores", "dict[str, float]", "per metric", [](const RowScore& self) { return self.scores; },
              [](RowScore&, py::handle) {})};
}

template <>
Fields<EvaluateResult> fields_of<EvaluateResult>() {
  using E = EvaluateResult;
  return {field("adapter", &E::adapter, "resolved name, \"\" = the base"),
          custom<E>(
              "scores", "dict[str, Score]", "per metric", [](const E& self) { return self.scores; },
              [](E&, py::handle) {}),
          field("rows", &E::rows, "every row"), field("seconds", &E::seconds, "of the whole run")};
}

namespace {

// Keeps its engine alive.
struct PyEvaluator {
  std::shared_ptr<InferenceEngine> engine;
  std::shared_ptr<Evaluator> evaluator;
};

py::object run(PyEvaluator& self, const Dataset& data, const py::object& adapter, const py::object& options,
               const py::kwargs& keywords) {
  const auto chosen = options_from<EvaluateOptions>("Evaluator.run", options, keywords);
  if (py::isinstance<py::str>(adapter)) {
    const auto name = adapter.cast<std::string>();
    return py::cast(compute([&] { return self.evaluator->run(data, name, chosen); }));
  }
  const auto names = value_from<std::vector<std::string>>("adapter", adapter);
  return py::cast(compute([&] { return self.evaluator->run(data, names, chosen); }));
}

std::vector<ToolCall> calls_from(const char* where, const py::object& calls) {
  std::vector<ToolCall> made;
  for (auto call : calls) made.push_back(tool_call_from(where, call));
  return made;
}

void bind_metrics(py::module_& m) {
  OwnSignatures own;
  m.def(
      "function_name_match",
      [](const py::object& expected, const py::object& got) {
        return function_name_match(calls_from("function_name_match", expected),
                                   calls_from("function_name_match", got));
      },
      py::arg("expected"), py::arg("got"),
      "function_name_match(expected: list[ToolCall | dict], got: list[ToolCall | dict]) -> float\n\n"
      "1 if the same functions are called, in any order, else 0.");
  m.def(
      "function_name_and_args_match",
      [](const py::object& expected, const py::object& got) {
        const auto* where = "function_name_and_args_match";
        return function_name_and_args_match(calls_from(where, expected), calls_from(where, got));
      },
      py::arg("expected"), py::arg("got"),
      "function_name_and_args_match(expected: list[ToolCall | dict], got: list[ToolCall | dict]) -> float\n\n"
      "1 if names and arguments agree: calls and keys in any order, 1 equals 1.0.");
  m.def("exact_match", &exact_match, py::arg("expected"), py::arg("got"),
        "exact_match(expected: str, got: str) -> float\n\n1 if the texts are equal after trimming, else 0.");
  m.def("token_f1", &token_f1, py::arg("expected"), py::arg("got"),
        "token_f1(expected: str, got: str) -> float\n\nF1 over words, with SQuAD's normalisation.");
  m.def("summarize", &summarize, py::arg("values"),
        "summarize(values: list[float]) -> Score\n\nMean with standard error; the interval is Wilson's for "
        "zeros and ones,\n"
        "Student's t otherwise.\n\n>>> whorl.summarize([1, 0, 1, 1]).value\n0.75");
}

}  // namespace

void bind_evaluator(py::module_& m) {
  bind_options<EvaluateOptions>(m, "EvaluateOptions", "What is scored, and how.");
  bind_result<RowScore>(m, "RowScore", "One row's scores.");
  bind_result<EvaluateResult>(m, "EvaluateResult", "Scores of a model with or without an adapter.")
      .def("to_json", [](const EvaluateResult& self) { return compute([&] { return self.to_json(); }); });
  py::class_<PyEvaluator> c(
      m, "Evaluator",
      "Scores of a model, with or without adapters, on held-out rows. The last assistant message of a\n"
      "row is what is expected; what stands before it is the prompt.");
  c.def(py::init([](Engine& engine) {
          auto held = engine.open("Evaluator");
          auto made = std::make_shared<Evaluator>(*held);
          return PyEvaluator{held, made};
        }),
        py::arg("engine"));
  {
    OwnSignatures own;
    const auto doc = call_doc<EvaluateOptions>(
        "run(self, data: Dataset, adapter: str | list[str] = ''", "EvaluateResult | list[EvaluateResult]",
        "Scores one adapter ('' = the base), or several in one batch, which gives a list in their order.\n\n"
        ">>> base, tuned = evaluator.run(valid, [\"\", \"tickets\"], metrics=[\"exact_match\"])");
    c.def("run", &run, py::arg("data"), py::arg("adapter") = "", py::kw_only(),
          py::arg("options") = py::none(), doc.c_str());
  }
  bind_metrics(m);
}

}  // namespace whorl::python

#include <whorl/evaluator.h>

#include "engine.h"
#include "fields.h"
#include "module.h"

namespace whorl::python {

template <>
constexpr bool kDictWillDo<JudgeCanary> = true;
template <>
constexpr bool kDictWillDo<JudgeOptions> = true;
template <>
constexpr bool kDictWillDo<MetricOptions> = true;

template <>
Fields<JudgeCanary> fields_of<JudgeCanary>() {
  using C = JudgeCanary;
  return {field("answer", &C::answer, "what is judged"),
          field("verdict", &C::verdict, "the one of the judge's options that is right"),
          field("question", &C::question, "'' = none is shown"),
          field("reference", &C::reference, "a right answer; '' = none is shown"),
          field("criteria", &C::criteria, "text; '' = the judge's own, if they do without a row")};
}

template <>
Fields<JudgeOptions> fields_of<JudgeOptions>() {
  using J = JudgeOptions;
  return {
      field("adapter", &J::adapter, "of the judge; '' = the base"),
      field("criteria", &J::criteria, "template: what a good answer is"),
      field("options", &J::options, "the verdicts, from worst to best"),
      field("values", &J::values, "of each verdict; empty = the number it spells, or its place"),
      field("may_refuse", &J::may_refuse, "adds a verdict by which the judge declines"),
      field("expectation", &J::expectation, "also the mean under the judge's own distribution"),
      field("system", &J::system, "'' = Whorl's instructions to a judge"),
      field("seed", &J::seed, "of the fences around the text under judgement"),
      field("label", &J::label, "template: what people said, one of the options or ''; adds <name>.kappa"),
      custom<J>(
          "canaries", "list[JudgeCanary | dict]", "answers of known verdict; adds <name>.canaries",
          [](const J& self) { return self.canaries; },
          [](J& self, py::handle value) {
            self.canaries.clear();
            for (auto one : value) self.canaries.push_back(value_from<JudgeCanary>("canaries", one));
          })};
}

template <>
Fields<MetricOptions> fields_of<MetricOptions>() {
  using M = MetricOptions;
  return {field("type", &M::type, "exact_match, bleu, rouge, string-check, llm-judge, …"),
          field("name", &M::name, "its key in the result; '' = its type"),
          field("candidate", &M::candidate, "template; '' = {{ sample.output_text }}"),
          field("references", &M::references, "templates; empty = {{ expected }}; the best counts"),
          field("check", &M::check, "string-check and number-check: left, operation, right"),
          json_field("tool_calls_ground_truth", &M::tool_calls_ground_truth,
                     "template that gives a JSON list; '' = the row's own calls"),
          json_field("params", &M::params, "settings of the metric, as JSON"),
          field("judge", &M::judge, "of llm-judge and llm-judge-pairwise")};
}

namespace {

MetricOptions metric_from(py::handle value) {
  if (py::isinstance<py::str>(value)) return {.type = value.cast<std::string>()};
  return value_from<MetricOptions>("metrics", value);
}

std::vector<MetricOptions> metrics_from(py::handle list) {
  std::vector<MetricOptions> made;
  for (auto one : list) made.push_back(metric_from(one));
  return made;
}

}  // namespace

template <>
Fields<EvaluateTask> fields_of<EvaluateTask>() {
  using T = EvaluateTask;
  return {
      field("name", &T::name, "of the task"),
      field("type", &T::type, "\"chat\", \"completion\" or \"data\" (no model: the rows hold the answers)"),
      json_field("prompt_template", &T::prompt_template,
                 "request whose strings are templates over `item`; '' = the row as it stands"),
      custom<T>(
          "metrics", "list[MetricOptions | dict | str]", "what is scored",
          [](const T& self) { return self.metrics; },
          [](T& self, py::handle value) { self.metrics = metrics_from(value); }),
      custom<T>(
          "sampling", "SamplingOptions | None", "instead of EvaluateOptions.sampling",
          [](const T& self) { return self.sampling; },
          [](T& self, py::handle value) {
            if (value.is_none())
              self.sampling.reset();
            else
              self.sampling = value_from<SamplingOptions>("sampling", value);
          }),
      field("limit", &T::limit, "rows; 0 = as EvaluateOptions says"),
      field("parallelism", &T::parallelism, "requests in flight; 0 = as EvaluateOptions says"),
      field("data", &T::data, "path of the rows, as the task's file gives it")};
}

namespace {

// An EvaluateTask, its JSON form as a dict, or None.
std::optional<EvaluateTask> task_from(py::handle value) {
  if (value.is_none()) return {};
  if (py::isinstance<EvaluateTask>(value)) return value.cast<EvaluateTask>();
  if (!py::isinstance<py::dict>(value))
    throw py::type_error("'task' expected EvaluateTask, dict or None, got " + described(value));
  auto tasks = EvaluateTask::from_json(json_text(value));
  if (tasks.size() != 1)
    throw py::value_error("'task' holds " + std::to_string(tasks.size()) +
                          " tasks; run them one by one (EvaluateTask.from_json)");
  return std::move(tasks.front());
}

}  // namespace

template <>
Fields<EvaluateOptions> fields_of<EvaluateOptions>() {
  using E = EvaluateOptions;
  return {field("metrics", &E::metrics,
                "types of metrics, such as function_name_accuracy, exact_match, accuracy, f1, bleu, "
                "perplexity; not used with a task"),
          custom<E>(
              "task", "EvaluateTask | dict | None", "templates and metrics of your own",
              [](const E& self) { return self.task; },
              [](E& self, py::handle value) { self.task = task_from(value); }),
          field("limit", &E::limit, "rows; 0 = all"),
          field("parallelism", &E::parallelism, "requests in flight; 0 = 256"),
          field("sampling", &E::sampling, "greedy by default"),
          field("seed", &E::seed, "of resampling, and of the judge's fences"),
          field("max_seconds", &E::max_seconds, "time for asking; 0 = no limit; answers are kept in `out`"),
          field("on_error", &E::on_error,
                "\"wrong\": a row without a usable answer counts the metric's worst; \"exclude\": nothing"),
          field("out", &E::out, "folder that keeps answers, scores and report.html; a killed run goes on")};
}

template <>
Fields<RowScore> fields_of<RowScore>() {
  return {field("id", &RowScore::id, "digest of the row's contents"),
          field("source", &RowScore::source, "the row"),
          field("prompt", &RowScore::prompt, "what was asked"),
          field("expected", &RowScore::expected, "text, or the calls as JSON"),
          field("got", &RowScore::got, "text, or the calls as JSON"),
          field("error", &RowScore::error, "why there is no usable answer"),
          custom<RowScore>(
              "scores", "dict[str, float]", "per metric", [](const RowScore& self) { return self.scores; },
              [](RowScore&, py::handle) {}),
          custom<RowScore>(
              "outcomes", "dict[str, str]", "per metric without a value: errored, unparsable or refused",
              [](const RowScore& self) { return self.outcomes; }, [](RowScore&, py::handle) {})};
}

template <>
Fields<EvaluateResult> fields_of<EvaluateResult>() {
  using E = EvaluateResult;
  return {field("task", &E::task, "its name, '' without one"),
          field("adapter", &E::adapter, "resolved name, \"\" = the base"),
          field("adapter_digest", &E::adapter_digest, "of that adapter"),
          field("model_digest", &E::model_digest, "of the base"),
          field("data_digest", &E::data_digest, "of all rows"),
          custom<E>(
              "scores", "dict[str, Score]", "per metric", [](const E& self) { return self.scores; },
              [](E&, py::handle) {}),
          field("rows", &E::rows, "every row"),
          field("warnings", &E::warnings, "what a reader of the scores must know first"),
          field("seconds", &E::seconds, "of the whole run")};
}

template <>
Fields<Comparison> fields_of<Comparison>() {
  using C = Comparison;
  return {field("metric", &C::metric, "what was compared"), field("a", &C::a, "the baseline's adapter"),
          field("b", &C::b, "the candidate's adapter"),
          custom<C>(
              "paired", "dict", "scores, difference, p-values, wins, losses and ties, row by row",
              [](const C& self) { return json_loads(self.paired.to_json()); }, [](C&, py::handle) {}),
          custom<C>(
              "corpus", "dict | None", "corpus metrics: both scores and the test of their difference",
              [](const C& self) { return json_loads(self.to_json()).attr("get")("corpus"); },
              [](C&, py::handle) {})};
}

template <>
Fields<JudgedPairs::Row> fields_of<JudgedPairs::Row>() {
  using R = JudgedPairs::Row;
  return {field("id", &R::id, "of the row"),
          field("source", &R::source, "the row"),
          field("verdict", &R::verdict, "\"a\", \"b\", \"tie\", \"refused\", \"unparsable\" or \"errored\""),
          field("first", &R::first, "as given with a's answer shown first"),
          field("second", &R::second, "as given with b's answer shown first"),
          field("flipped", &R::flipped, "the two disagree: counted as a tie"),
          field("error", &R::error, "why there is no verdict")};
}

template <>
Fields<JudgedPairs> fields_of<JudgedPairs>() {
  using J = JudgedPairs;
  return {field("rows", &J::rows, "every row"),
          field("wins_a", &J::wins_a, "rows"),
          field("wins_b", &J::wins_b, "rows"),
          field("ties", &J::ties, "rows"),
          field("refused", &J::refused, "the judge declined"),
          field("unparsable", &J::unparsable, "the verdict was cut off"),
          field("errored", &J::errored, "the judge could not be asked"),
          field("win_rate", &J::win_rate, "of b; a tie counts 1/2"),
          field("flip_rate", &J::flip_rate, "verdicts that followed the position")};
}

namespace {

// Keeps its engine alive.
struct PyEvaluator {
  std::shared_ptr<InferenceEngine> engine;
  std::shared_ptr<Evaluator> evaluator;
};

// A Dataset, EvaluateData, or a list of dicts.
EvaluateData data_from(const py::object& value) {
  if (py::isinstance<EvaluateData>(value)) return value.cast<EvaluateData>();
  if (py::isinstance<Dataset>(value)) return {value.cast<const Dataset&>()};
  if (!py::isinstance<py::list>(value))
    throw py::type_error("'data' expected Dataset, EvaluateData or list[dict], got " + described(value));
  std::string text;
  for (auto row : value) text += json_text(row) + "\n";
  return EvaluateData::from_jsonl(text);
}

py::object run(PyEvaluator& self, const py::object& data, const py::object& adapter,
               const py::object& options, const py::kwargs& keywords) {
  const auto chosen = options_from<EvaluateOptions>("Evaluator.run", options, keywords);
  const EvaluateData rows = data_from(data);
  if (py::isinstance<py::str>(adapter)) {
    const auto name = adapter.cast<std::string>();
    return py::cast(compute([&] { return self.evaluator->run(rows, name, chosen); }));
  }
  const auto names = value_from<std::vector<std::string>>("adapter", adapter);
  return py::cast(compute([&] { return self.evaluator->run(rows, names, chosen); }));
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
  m.def("token_f1", &token_f1, py::arg("expected"), py::arg("got"),
        "token_f1(expected: str, got: str) -> float\n\nF1 over words, with SQuAD's normalisation.");
  m.def("summarize", &summarize, py::arg("values"),
        "summarize(values: list[float]) -> Score\n\nMean with standard error; the interval is Wilson's for "
        "zeros and ones,\n"
        "Student's t otherwise.\n\n>>> whorl.summarize([1, 0, 1, 1]).value\n0.75");
}

void bind_tasks(py::module_& m) {
  bind_options<JudgeCanary>(m, "JudgeCanary", "An answer about which there is no doubt, to try a judge on.");
  bind_options<JudgeOptions>(m, "JudgeOptions", "A model that judges answers.");
  bind_options<MetricOptions>(m, "MetricOptions", "One metric of a task.");
  bind_options<EvaluateTask>(
      m, "EvaluateTask",
      "What an evaluation asks and how it scores the answers, with Jinja templates over\n"
      "`item` (the row) and `sample` (the answer): NeMo's custom tasks.")
      .def_static(
          "from_json",
          [](const py::object& json, const std::string& source) {
            return EvaluateTask::from_json(json_text(json), source);
          },
          py::arg("json"), py::arg("source") = "task",
          "The task, or tasks, of a JSON text or a dict; NeMo's custom evaluation configurations too. A key "
          "that is not\nknown is an error that names the nearest.")
      .def("to_json", &EvaluateTask::to_json);
  py::class_<EvaluateData>(m, "EvaluateData", "Rows with any columns, for a task's templates.")
      .def(py::init<const Dataset&>(), py::arg("data"))
      .def_static(
          "load",
          [](const std::filesystem::path& path) { return compute([&] { return EvaluateData::load(path); }); },
          py::arg("path"), "A .jsonl file, or .json with an array of objects.")
      .def_static(
          "from_list", [](const py::list& rows) { return data_from(rows); }, py::arg("rows"))
      .def("__len__", &EvaluateData::size)
      .def_property_readonly("digest", &EvaluateData::digest);
}

void bind_results(py::module_& m) {
  bind_result<RowScore>(m, "RowScore", "One row's scores.");
  bind_result<EvaluateResult>(m, "EvaluateResult", "Scores of a model with or without an adapter.")
      .def("to_json", [](const EvaluateResult& self) { return compute([&] { return self.to_json(); }); });
  bind_result<Comparison>(m, "Comparison", "Two results on the same rows, paired by row.")
      .def("to_json", &Comparison::to_json);
  bind_result<JudgedPairs::Row>(m, "JudgedRow", "A judge's verdict on two answers.");
  bind_result<JudgedPairs>(m, "JudgedPairs", "A judge's verdicts on two results, each asked in both orders.")
      .def("to_json", &JudgedPairs::to_json);
  m.def(
      "compare",
      [](const EvaluateResult& a, const EvaluateResult& b, const std::string& metric, uint64_t seed) {
        return compute([&] { return compare(a, b, metric, {.seed = seed}); });
      },
      py::arg("a"), py::arg("b"), py::arg("metric"), py::kw_only(), py::arg("seed") = 12345,
      "Is `b` better than `a`? Rows are paired by id; exact McNemar for zeros and ones, permutation and\n"
      "bootstrap otherwise.\n\n"
      ">>> base, tuned = evaluator.run(valid, [\"\", \"tickets\"], metrics=[\"exact_match\"])\n"
      ">>> whorl.compare(base, tuned, \"exact_match\").paired[\"permutation_p\"]");
  m.def(
      "report_html",
      [](const std::vector<EvaluateResult>& results, const std::vector<Comparison>& comparisons,
         const std::string& title) {
        return compute([&] { return report_html(results, comparisons, title); });
      },
      py::arg("results"), py::arg("comparisons") = std::vector<Comparison>(), py::arg("title") = "Evaluation",
      "One self-contained page: scores with intervals, comparisons, rows. No scripts, no network.");
}

}  // namespace

void bind_evaluator(py::module_& m) {
  bind_tasks(m);
  bind_options<EvaluateOptions>(m, "EvaluateOptions", "What is scored, and how.");
  bind_results(m);
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
        "run(self, data: Dataset | EvaluateData | list[dict], adapter: str | list[str] = ''",
        "EvaluateResult | list[EvaluateResult]",
        "Scores one adapter ('' = the base), or several in one batch, which gives a list in their order.\n\n"
        ">>> base, tuned = evaluator.run(valid, [\"\", \"tickets\"], metrics=[\"exact_match\"])");
    c.def("run", &run, py::arg("data"), py::arg("adapter") = "", py::kw_only(),
          py::arg("options") = py::none(), doc.c_str());
    const auto judge_doc = call_doc<JudgeOptions>(
        "judge(self, a: EvaluateResult, b: EvaluateResult", "JudgedPairs",
        "Which of two results' answers is better, asked in both orders; only agreeing verdicts count.");
    c.def(
        "judge",
        [](PyEvaluator& self, const EvaluateResult& a, const EvaluateResult& b, const py::object& options,
           const py::kwargs& keywords) {
          const auto chosen = options_from<JudgeOptions>("Evaluator.judge", options, keywords);
          return compute([&] { return self.evaluator->judge(a, b, chosen); });
        },
        py::arg("a"), py::arg("b"), py::kw_only(), py::arg("options") = py::none(), judge_doc.c_str());
  }
  bind_metrics(m);
}

}  // namespace whorl::python

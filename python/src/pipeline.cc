#include <whorl/pipeline.h>

#include "compute.h"
#include "fields.h"
#include "module.h"

namespace whorl::python {

// Options given as a dict too.
template <>
inline constexpr bool kDictWillDo<PipelineBudget> = true;

template <>
Fields<PipelineBudget> fields_of<PipelineBudget>() {
  using B = PipelineBudget;
  return {field("cpus", &B::cpus, "0 = those of this process"),
          field("memory_bytes", &B::memory_bytes, "0 = not counted"), field("gpus", &B::gpus, "at once")};
}

namespace {

// Strings as they are, everything else as JSON: how PipelineParameter writes values.
std::map<std::string, std::string> parameters_from(py::handle value) {
  std::map<std::string, std::string> made;
  if (value.is_none()) return made;
  if (!py::isinstance<py::dict>(value))
    throw py::type_error("[Pipeline.run] 'parameters' expected dict, got " + described(value));
  for (const auto item : value.cast<py::dict>()) {
    const auto given = py::reinterpret_borrow<py::object>(item.second);
    const bool path = py::hasattr(given, "__fspath__");
    made[item.first.cast<std::string>()] = path              ? std::string(py::str(given))
                                           : given.is_none() ? "null"
                                                             : json_text(given);
    if (py::isinstance<py::bool_>(given))
      made[item.first.cast<std::string>()] = given.cast<bool>() ? "true" : "false";
  }
  return made;
}

}  // namespace

template <>
Fields<PipelineRunOptions> fields_of<PipelineRunOptions>() {
  using O = PipelineRunOptions;
  return {field("folder", &O::folder, "artifacts, cache, logs and states of all runs"),
          custom<O>(
              "parameters", "dict | None", "by name; the rest by default",
              [](const O& self) { return self.parameters; },
              [](O& self, py::handle value) { self.parameters = parameters_from(value); }),
          field("run_id", &O::run_id, "'' = go on with the latest unfinished run, else begin a new one"),
          field("resume", &O::resume, "False: with an empty run_id always begin a new run"),
          field("cache", &O::cache, "False: run every step"),
          field("budget", &O::budget, "what is 0 here is the pipeline's own")};
}

// Text that holds JSON, seen as what it says.
template <class T>
static Field<T> seen(const char* name, const char* type, std::string T::*member, const char* doc) {
  Field<T> made{name, type, doc, {}, {}, {}};
  made.get = [member](const T& self) { return json_loads(self.*member); };
  made.set = [](T&, py::handle) {};
  made.define = [member, name, doc](py::class_<T>& made_class, bool) {
    made_class.def_property_readonly(name, [member](const T& self) { return json_loads(self.*member); }, doc);
  };
  return made;
}

template <>
Fields<PipelineEvent> fields_of<PipelineEvent>() {
  using E = PipelineEvent;
  return {field("run_id", &E::run_id, "the run"),
          field("step", &E::step, "'train', or 'train.3' for an item; '' is the run itself"),
          field("state", &E::state, "started, progress, retrying, or how it ended"),
          field("attempt", &E::attempt, "1, 2, …"),
          field("progress", &E::progress, "0 … 1; -1 = unknown"),
          field("seconds", &E::seconds, "since the run began"),
          field("cached", &E::cached, "succeeded without running"),
          field("message", &E::message, "why it failed, what it does"),
          seen("details", "dict", &E::details,
               "of progress: what is measured (train: the fields of Progress); of succeeded: the outputs")};
}

template <>
Fields<PipelineStepResult> fields_of<PipelineStepResult>() {
  using R = PipelineStepResult;
  return {field("name", &R::name, "'train', or 'train.3' for an item"),
          field("step", &R::step, "'train'"),
          field("index", &R::index, "of the item; -1 without foreach"),
          field("kind", &R::kind, "of the step"),
          seen("item", "typing.Any", &R::item, "of the foreach"),
          field("state", &R::state, "succeeded, failed, skipped, omitted or cancelled"),
          field("fault", &R::fault, "of a failure: code, infrastructure, timeout or rejected"),
          field("message", &R::message, "why"),
          field("attempts", &R::attempts, "begun"),
          field("started", &R::started, "seconds since the run began"),
          field("seconds", &R::seconds, "with all attempts and back-offs"),
          field("cached", &R::cached, "without running"),
          seen("outputs", "dict", &R::outputs, "artifacts are {artifact, name, path}"),
          field("key", &R::key, "what the cache knows it by"),
          field("log", &R::log, "its file")};
}

template <>
Fields<PipelineResult> fields_of<PipelineResult>() {
  using R = PipelineResult;
  return {field("run_id", &R::run_id, "the run"),
          field("pipeline", &R::pipeline, "its name"),
          field("digest", &R::digest, "of the pipeline"),
          field("state", &R::state, "succeeded, failed or cancelled"),
          field("seconds", &R::seconds, "of the run"),
          field("folder", &R::folder, "of the run"),
          field("steps", &R::steps, "in the order of the pipeline")};
}

namespace {

// The context of one call, which must not be used after it.
struct Context {
  const PipelineContext* held = nullptr;
  const PipelineContext& open() const {
    if (held == nullptr) throw std::runtime_error("[PipelineContext] the step has ended");
    return *held;
  }
};

// OSError, MemoryError and RuntimeError are the world's; whatever else a function raises is its own fault.
[[noreturn]] void rethrow_by_fault(py::error_already_set& error) {
  const std::string text = error.what();
  const bool world = error.matches(PyExc_OSError) || error.matches(PyExc_MemoryError) ||
                     (error.matches(PyExc_RuntimeError) && !error.matches(PyExc_NotImplementedError) &&
                      !error.matches(PyExc_RecursionError));
  error.restore();
  PyErr_Clear();
  if (world) throw std::runtime_error(text);
  throw std::invalid_argument(text);
}

PipelineFunction function_from(const py::object& callable) {
  const auto held = shared_object(callable);
  return [held](const PipelineContext& context) -> std::string {
    py::gil_scoped_acquire lock;
    auto seen = std::make_shared<Context>(Context{&context});
    const auto close = [&seen](void*) { seen->held = nullptr; };
    const std::unique_ptr<void, decltype(close)> at_end(&seen, close);
    try {
      const py::object result = (*held)(seen);
      return result.is_none() ? std::string("{}") : json_text(result);
    } catch (py::error_already_set& error) {
      rethrow_by_fault(error);
    }
  };
}

PipelineCallback callback_from(const py::object& callback, Pending& pending) {
  return [&callback, &pending](const PipelineEvent& event) {
    return pending.run([&] {
      if (callback.is_none()) return true;
      const py::object answer = callback(event);
      return answer.is_none() || py::cast<bool>(answer);
    });
  };
}

void bind_context(py::module_& m) {
  py::class_<Context, std::shared_ptr<Context>> c(m, "PipelineContext",
                                                  "What a python step's function gets.");
  c.def_property_readonly(
      "step", [](const Context& self) { return self.open().step(); }, "'score', or 'score.3'.");
  c.def_property_readonly("attempt", [](const Context& self) { return self.open().attempt(); }, "1, 2, …");
  c.def_property_readonly(
      "arguments", [](const Context& self) -> py::dict { return json_loads(self.open().arguments()); },
      "References replaced.");
  c.def_property_readonly(
      "inputs", [](const Context& self) { return self.open().inputs(); }, "Paths by name.");
  c.def_property_readonly(
      "folder", [](const Context& self) { return self.open().folder(); },
      "Its own; declared outputs are looked for here.");
  c.def_property_readonly(
      "cancelled", [](const Context& self) { return self.open().cancelled(); },
      "Return soon: the run is stopped, or the time is up.");
  c.def(
      "log", [](const Context& self, const std::string& line) { self.open().log(line); }, py::arg("line"),
      "A line of the step's log.");
  c.def(
      "progress",
      [](const Context& self, double share, const std::string& message) {
        self.open().progress(share, message);
      },
      py::arg("share"), py::arg("message") = "", "How far it is, 0 … 1.");
}

using Class = py::class_<Pipeline>;

void bind_building(Class& c) {
  c.def(py::init<const std::string&, const std::string&>(), py::arg("name"), py::arg("description") = "");
  c.def_static(
      "load", [](const std::filesystem::path& file) { return Pipeline::load(file); }, py::arg("file"),
      "A .yaml, .yml or .json file; relative paths in it are relative to it.");
  c.def_static("from_json", &Pipeline::from_json, py::arg("text"), "The JSON form.");
  c.def_static("from_yaml", &Pipeline::from_yaml, py::arg("text"), py::arg("source") = "pipeline.yaml",
               "The same as YAML; errors name lines of `source`.");
  c.def(
      "function",
      [](Pipeline& self, const std::string& name, const py::function& function, const std::string& version)
          -> Pipeline& { return self.function(name, function_from(function), version); },
      py::arg("name"), py::arg("function"), py::arg("version") = "1",
      py::return_value_policy::reference_internal,
      "What python steps call: function(context) returns a dict of value outputs, or None. `version` is its "
      "part "
      "of the cache key.");
  c.def(
      "folder",
      [](Pipeline& self, const std::filesystem::path& folder) -> Pipeline& { return self.folder(folder); },
      py::arg("folder"), py::return_value_policy::reference_internal, "Where relative paths begin.");
  c.def_property_readonly("name", &Pipeline::name);
  c.def("to_json", &Pipeline::to_json, "Canonical: the same pipeline gives the same bytes.");
  c.def_property_readonly("digest", &Pipeline::digest, "SHA-256 of the canonical JSON.");
  c.def("validate", &Pipeline::validate, "ValueError with every problem, one a line, naming step and field.");
  c.def_static(
      "kinds", [] { return json_loads(Pipeline::kinds()).cast<py::dict>(); },
      "The kinds of steps with their arguments and outputs.");
  c.def("__repr__", [](const Pipeline& self) { return "Pipeline('" + self.name() + "')"; });
}

void bind_running(Class& c) {
  OwnSignatures own;
  const auto run_doc = call_doc<PipelineRunOptions>(
      "run(self, callback: collections.abc.Callable[[PipelineEvent], bool | None] | None = None",
      "PipelineResult",
      "Runs what the cache does not know. A failed step is a state in the result. callback(event) is called "
      "on "
      "this thread;\nFalse, an exception or Ctrl-C cancels: running steps are stopped, exit steps still "
      "run.");
  c.def(
      "run",
      [](const Pipeline& self, const py::object& callback, const py::object& options,
         const py::kwargs& keywords) {
        const auto chosen = options_from<PipelineRunOptions>("Pipeline.run", options, keywords);
        Pending pending;
        const auto told = callback_from(callback, pending);
        auto result = compute([&] { return self.run(chosen, told); });
        pending.rethrow();
        return result;
      },
      py::arg("callback") = py::none(), py::kw_only(), py::arg("options") = py::none(), run_doc.c_str());
  const auto step_doc = call_doc<PipelineRunOptions>(
      "run_step(self, step: str, item: int = -1, run_state: str = 'running', callback: "
      "collections.abc.Callable[[PipelineEvent], bool | None] | None = None",
      "PipelineStepResult",
      "One attempt of one step of the run `run_id`, in which its needs have succeeded.");
  c.def(
      "run_step",
      [](const Pipeline& self, const std::string& step, int64_t item, const std::string& run_state,
         const py::object& callback, const py::object& options, const py::kwargs& keywords) {
        const auto chosen = options_from<PipelineRunOptions>("Pipeline.run_step", options, keywords);
        Pending pending;
        const auto told = callback_from(callback, pending);
        auto result = compute([&] { return self.run_step(step, item, chosen, run_state, told); });
        pending.rethrow();
        return result;
      },
      py::arg("step"), py::arg("item") = -1, py::arg("run_state") = "running",
      py::arg("callback") = py::none(), py::kw_only(), py::arg("options") = py::none(), step_doc.c_str());
}

}  // namespace

void bind_pipeline(py::module_& m) {
  bind_options<PipelineBudget>(m, "PipelineBudget", "What may run at once, all steps together.");
  bind_options<PipelineRunOptions>(m, "PipelineRunOptions", "How a pipeline is run.");
  bind_result<PipelineEvent>(m, "PipelineEvent", "Something happened to a step, or to the run.");
  bind_result<PipelineStepResult>(m, "PipelineStepResult", "What a step, or an item of it, came to.");
  bind_result<PipelineResult>(m, "PipelineResult", "What a run came to.")
      .def("to_json", [](const PipelineResult& self) { return self.to_json(); })
      .def(
          "output",
          [](const PipelineResult& self, const std::string& step, const std::string& key) {
            return json_loads(self.output(step, key));
          },
          py::arg("step"), py::arg("key"),
          "One output. Of a foreach step all items as a list, of 'step.3' that one.");
  bind_context(m);
  Class c(m, "Pipeline",
          "Typed steps, what each needs, and what happens when one fails; the same from YAML, JSON and "
          "decorated\n"
          "functions (whorl.pipeline).\n\n>>> "
          "whorl.Pipeline.load(\"flywheel.yaml\").run(parameters={\"rank\": 8})");
  bind_building(c);
  bind_running(c);
  m.def(
      "write_pipeline_report",
      [](const std::filesystem::path& run, const std::filesystem::path& html) {
        compute([&] { write_pipeline_report(run, html); });
      },
      py::arg("run"), py::arg("html"), "One self-contained page of a run's folder (PipelineResult.folder).");
}

}  // namespace whorl::python

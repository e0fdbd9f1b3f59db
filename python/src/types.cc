#include <whorl/types.h>

#include "compute.h"
#include "fields.h"
#include "module.h"

namespace whorl::python {

template <>
Fields<ToolCall> fields_of<ToolCall>() {
  return {field("name", &ToolCall::name, "the function"),
          json_field("arguments", &ToolCall::arguments, "a JSON object as text, spelled as the model did"),
          field("id", &ToolCall::id, "links the answer of the tool to the call")};
}

template <>
Fields<Tool> fields_of<Tool>() {
  return {field("name", &Tool::name, "the function"),
          field("description", &Tool::description, "what it does"),
          json_field("parameters", &Tool::parameters, "a JSON Schema as text; \"\" = no parameters")};
}

template <>
Fields<Message> fields_of<Message>() {
  return {field("role", &Message::role,
                "\"system\", \"user\", \"assistant\", \"tool\", or what the chat template accepts"),
          field("content", &Message::content, "the text"),
          custom<Message>(
              "tool_calls", "list[ToolCall | dict]", "assistant only",
              [](const Message& self) { return self.tool_calls; },
              [](Message& self, py::handle value) {
                self.tool_calls.clear();
                for (auto item : value) self.tool_calls.push_back(tool_call_from("Message", item));
              }),
          field("tool_call_id", &Message::tool_call_id, "tool only"),
          field("name", &Message::name, "tool: the function that answered"),
          field("reasoning_content", &Message::reasoning_content, "assistant only"),
          custom<Message>(
              "train", "bool | None",
              "overrides whether training learns this message; None = assistant turns only",
              [](const Message& self) { return self.train; },
              [](Message& self, py::handle value) {
                self.train.reset();
                if (!value.is_none()) self.train = value_from<bool>("train", value);
              })};
}

template <>
Fields<Score> fields_of<Score>() {
  return {field("value", &Score::value, "the quantity"),
          field("stderr", &Score::stderr_, "standard error of value"),
          field("ci_low", &Score::ci_low, "lower end of the 95 % confidence interval"),
          field("ci_high", &Score::ci_high, "upper end of the 95 % confidence interval"),
          field("n", &Score::n, "rows counted"),
          field("method", &Score::method, "how the interval was computed"),
          field("errored", &Score::errored, "rows without an answer"),
          field("unparsable", &Score::unparsable, "rows whose answer has no form that can be scored"),
          field("refused", &Score::refused, "rows that were declined")};
}

namespace {

// The first fields may be given by position: Message("user", "Hello").
template <class T>
void positional_init(py::class_<T>& made, const char* name, const char* signature) {
  OwnSignatures own;
  made.def(py::init([where = std::string(name)](const py::args& values, const py::kwargs& keywords) {
             T self{};
             const auto fields = fields_of<T>();
             if (values.size() > fields.size()) throw py::type_error("[" + where + "] too many values");
             for (size_t i = 0; i < values.size(); ++i) {
               if (keywords.contains(fields[i].name)) {
                 throw py::type_error("[" + where + "] '" + fields[i].name + "' is given twice");
               }
               fields[i].set(self, values[i]);
             }
             apply_to(where, self, keywords);
             const std::string first = fields[0].get(self).template cast<std::string>();
             if (first.empty()) throw py::type_error("[" + where + "] '" + fields[0].name + "' is missing");
             return self;
           }),
           signature);
}

template <class T>
py::class_<T> bind_plain(py::module_& m, const char* name, const char* doc, const char* signature) {
  py::class_<T> made(m, name, doc);
  positional_init(made, name, signature);
  for (const auto& f : fields_of<T>()) f.define(made, true);
  define_common(made);
  made.def(py::pickle([](const T& self) { return to_dict(self); },
                      [where = std::string(name)](const py::dict& state) {
                        T self{};
                        apply_to(where, self, py::kwargs(py::reinterpret_borrow<py::kwargs>(state)));
                        return self;
                      }));
  return made;
}

void sink_to(const py::object& sink) {
  if (sink.is_none()) return drop_log_sink();
  auto held = shared_object(sink);
  set_log_sink([held](const std::string& level, const std::string& message) {
    if (!Py_IsInitialized()) return;
    py::gil_scoped_acquire lock;
    try {
      (*held)(level, message);
    } catch (py::error_already_set& error) {
      error.discard_as_unraisable("whorl.set_log_sink");
    }
  });
}

}  // namespace

void drop_log_sink() {
  py::gil_scoped_release released;
  set_log_sink({});
}

void bind_types(py::module_& m) {
  auto call =
      bind_plain<ToolCall>(m, "ToolCall", "One call of a tool by the assistant.",
                           "__init__(self, name: str, arguments: str | dict = '{}', id: str = '') -> None");
  call.def(
      "parsed", [](const ToolCall& self) { return json_loads(self.arguments); },
      "The arguments as Python values: json.loads(arguments).");
  bind_plain<Tool>(m, "Tool", "A function that the assistant may call.",
                   "__init__(self, name: str, description: str = '', parameters: str | dict = '') -> None");
  bind_plain<Message>(
      m, "Message",
      "One message of a conversation; wherever one is expected, a dict with the same keys does as well.",
      "__init__(self, role: str, content: str = '', tool_calls: list[ToolCall | dict] = [], tool_call_id: "
      "str = '', "
      "name: str = '', reasoning_content: str = '', train: bool | None = None) -> None");
  bind_result<Score>(m, "Score", "A quantity with its uncertainty.");
  m.def("version", &version, "The library's version, \"major.minor.patch\".");
  m.def(
      "info", [] { return json_loads(info()); },
      "What this build and machine can do: version, isa (chosen), isas, threads, devices, cuda (or what it "
      "lacks).\n\n"
      ">>> whorl.info()['devices']\n['cpu']");
  OwnSignatures own;
  m.def("add_library_folder", &add_library_folder, py::arg("folder"),
        "add_library_folder(folder: os.PathLike | str) -> None\n\n"
        "Where libraries that are opened when first needed (libwhorl_cuda.so and NVIDIA's) are looked for, "
        "before "
        "the\nfolder of this package. `import whorl` adds those of NVIDIA's wheels by itself.");
  m.def("set_log_sink", &sink_to, py::arg("sink").none(true),
        "set_log_sink(sink: collections.abc.Callable[[str, str], object] | None) -> None\n\n"
        "Sends log lines to sink(level, message); None silences them. The library prints nothing by itself. "
        "The sink\n"
        "may be called from any thread.\n\n"
        ">>> whorl.set_log_sink(lambda level, message: print(level, message))");
}

}  // namespace whorl::python

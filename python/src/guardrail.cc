#include <whorl/guardrail.h>

#include "engine.h"
#include "fields.h"
#include "module.h"

namespace whorl::python {

template <>
Fields<GuardSpan> fields_of<GuardSpan>() {
  return {field("begin", &GuardSpan::begin, "first byte in the original text"),
          field("end", &GuardSpan::end, "one behind the last byte"),
          field("rule", &GuardSpan::rule, "what was found: EMAIL_ADDRESS, sqli, the name of a pattern"),
          field("score", &GuardSpan::score, "0..1; patterns have 1")};
}

template <>
Fields<GuardDecision> fields_of<GuardDecision>() {
  using G = GuardDecision;
  return {
      field("rail", &G::rail, "input, output, retrieval, tool_output (calls), tool_input (their results)"),
      field("flow", &G::flow, "as the configuration writes it"),
      field("verdict", &G::verdict, "allowed, changed or blocked"),
      field("reason", &G::reason, "a sentence that does not repeat what was found"),
      field("part", &G::part, "'' = the text; reasoning, tool call 0, chunk 2, message 3, window 1"),
      field("spans", &G::spans, "where, in bytes of the original text"),
      field("score", &G::score, "probability of the blocking answer; -1 = not known"),
      field("failed", &G::failed, "'' = the flow worked; closed or open: its fail mode decided"),
      field("seconds", &G::seconds, "that it took")};
}

template <>
Fields<GuardResult> fields_of<GuardResult>() {
  using G = GuardResult;
  return {field("status", &G::status, "allowed, changed or blocked"),
          field("text", &G::text, "what may go on; when blocked the refusal"),
          field("messages", &G::messages, "of a conversation: what may go on"),
          field("chunks", &G::chunks, "of retrieval: what may go on"),
          field("tool_calls", &G::tool_calls, "what may be called"),
          field("blocked_by", &G::blocked_by, "the first flow that blocked"),
          field("error", &G::error, "when blocked, the typed error as JSON"),
          field("decisions", &G::decisions, "of every flow that ran"),
          field("seconds", &G::seconds, "of the whole check")};
}

template <>
Fields<GuardedResult> fields_of<GuardedResult>() {
  using G = GuardedResult;
  return {field("result", &G::result, "the generation as it may leave"),
          field("input", &G::input, "what the input rails said"),
          field("output", &G::output, "what the output rails said")};
}

template <>
Fields<GuardStreamEvent> fields_of<GuardStreamEvent>() {
  using G = GuardStreamEvent;
  return {field("text", &G::text, "has passed every rail"), field("finished", &G::finished, "the last event"),
          field("error", &G::error, "of the last event, when blocked: the typed error as JSON")};
}

namespace {

// Keeps its engine alive.
struct PyGuardrail {
  std::shared_ptr<InferenceEngine> engine;
  Guardrail guard;
};

std::shared_ptr<InferenceEngine> engine_of(const Engine* engine) {
  return engine ? engine->open("Guardrail") : nullptr;
}

PyGuardrail load(const std::filesystem::path& path, const Engine* engine) {
  auto held = engine_of(engine);
  return {held, compute([&] { return Guardrail::load(path, held.get()); })};
}

PyGuardrail from_yaml(const std::string& text, const Engine* engine) {
  auto held = engine_of(engine);
  return {held, compute([&] { return Guardrail::from_yaml(text, held.get()); })};
}

bool is_texts(const py::object& input) {
  if (!py::isinstance<py::list>(input) && !py::isinstance<py::tuple>(input)) return false;
  const auto items = input.cast<py::sequence>();
  return items.size() > 0 && py::isinstance<py::str>(items[0]);
}

GuardContext context_from(const char* where, const py::object& messages, const py::object& chunks,
                          const py::object& tools) {
  GuardContext context;
  context.messages = messages_from(where, messages);
  if (!chunks.is_none()) context.chunks = value_from<std::vector<std::string>>("chunks", chunks);
  context.tools = tools_from(where, tools);
  return context;
}

py::object check_input(const PyGuardrail& self, const py::object& input) {
  const char* where = "Guardrail.check_input";
  if (py::isinstance<py::str>(input)) {
    const auto text = input.cast<std::string>();
    return py::cast(compute([&] { return self.guard.check_input(text); }));
  }
  if (is_texts(input)) {
    const auto texts = value_from<std::vector<std::string>>("input", input);
    return py::cast(compute([&] { return self.guard.check_inputs(texts); }));
  }
  const auto messages = messages_from(where, input);
  return py::cast(compute([&] { return self.guard.check_input(messages); }));
}

py::object check_output(const PyGuardrail& self, const py::object& output, const py::object& messages,
                        const py::object& chunks, const py::object& tools) {
  const char* where = "Guardrail.check_output";
  const auto context = context_from(where, messages, chunks, tools);
  if (py::isinstance<py::str>(output)) {
    const auto text = output.cast<std::string>();
    return py::cast(compute([&] { return self.guard.check_output(text, context); }));
  }
  if (is_texts(output)) {
    const auto texts = value_from<std::vector<std::string>>("output", output);
    const std::vector<GuardContext> contexts(texts.size(), context);
    return py::cast(compute([&] { return self.guard.check_outputs(texts, contexts); }));
  }
  const auto answer = message_from(where, output);
  return py::cast(compute([&] { return self.guard.check_output(answer, context); }));
}

GuardResult check_tool_calls(const PyGuardrail& self, const py::object& calls, const py::object& tools) {
  const char* where = "Guardrail.check_tool_calls";
  std::vector<ToolCall> made;
  for (auto call : calls) made.push_back(tool_call_from(where, call));
  const auto offered = tools_from(where, tools);
  return compute([&] { return self.guard.check_tool_calls(made, offered); });
}

// The keywords of a request, without `chunks`, which is ours.
GenerateRequest request_and_chunks(const char* where, const py::object& input, const py::kwargs& keywords,
                                   GuardContext& context) {
  py::kwargs rest(py::reinterpret_steal<py::kwargs>(PyDict_Copy(keywords.ptr())));
  if (rest.contains("chunks"))
    context.chunks = value_from<std::vector<std::string>>("chunks", rest.attr("pop")("chunks"));
  return request_from(where, input, rest);
}

py::object generate_guarded(const PyGuardrail& self, const py::object& input, const py::kwargs& keywords) {
  const char* where = "Guardrail.generate";
  if (py::isinstance<py::list>(input) && py::len(input) > 0 &&
      py::isinstance<GenerateRequest>(input.cast<py::list>()[0])) {
    const auto requests = input.cast<std::vector<GenerateRequest>>();
    return py::cast(compute([&] { return self.guard.generate(requests); }));
  }
  GuardContext context;
  const auto request = request_and_chunks(where, input, keywords, context);
  return py::cast(compute([&] { return self.guard.generate(request, context); }));
}

GuardedResult stream_guarded(const PyGuardrail& self, const py::object& input, const py::object& callback,
                             const py::kwargs& keywords) {
  GuardContext context;
  const auto request = request_and_chunks("Guardrail.stream", input, keywords, context);
  Pending pending;
  const auto on_event = [&](const GuardStreamEvent& event) {
    return pending.run([&] {
      if (callback.is_none()) return true;
      const py::object answer = callback(event);
      return answer.is_none() || py::cast<bool>(answer);
    });
  };
  auto result = compute([&] { return self.guard.stream(request, on_event, context); });
  pending.rethrow();
  return result;
}

void bind_checks(py::class_<PyGuardrail>& c) {
  OwnSignatures own;
  c.def("check_input", &check_input, py::arg("input"),
        "check_input(self, input: str | list[str] | list[Message | dict]) -> GuardResult | "
        "list[GuardResult]\n\n"
        "Input rails over a user's text, a conversation, or many texts in one engine batch (a list of "
        "results).\n\n"
        ">>> guard.check_input(\"My card is 4111 1111 1111 1111\").text");
  c.def("check_output", &check_output, py::arg("output"), py::kw_only(), py::arg("messages") = py::none(),
        py::arg("chunks") = py::none(), py::arg("tools") = py::none(),
        "check_output(self, output: str | list[str] | Message | dict, *, messages: list[Message | dict] | "
        "None = "
        "None, chunks: list[str] | None = None, tools: list[Tool | dict] | None = None) -> GuardResult | "
        "list[GuardResult]\n\nOutput rails over an answer, or many. A message's reasoning and calls are "
        "checked "
        "too.\n`messages`: the conversation before it; `chunks`: the evidence of self check facts.");
  c.def("check_tool_calls", &check_tool_calls, py::arg("calls"), py::arg("tools"),
        "check_tool_calls(self, calls: list[ToolCall | dict], tools: list[Tool | dict]) -> GuardResult\n\n"
        "Calls before they run.");
  c.def(
      "generate", &generate_guarded, py::arg("input") = py::none(),
      "generate(self, input: str | list[Message | dict] | GenerateRequest | list[GenerateRequest] | None = "
      "None, **options: typing.Any) -> GuardedResult | list[GuardedResult]\n\n"
      "Input rails, generation, output rails. Options as InferenceEngine.generate takes them, and chunks.\n\n"
      ">>> guard.generate([{\"role\": \"user\", \"content\": \"Hello\"}], max_new_tokens=32).result.text");
  c.def(
      "stream", &stream_guarded, py::arg("input") = py::none(), py::arg("callback") = py::none(),
      "stream(self, input: str | list[Message | dict] | GenerateRequest | None = None, callback: "
      "collections.abc.Callable[[GuardStreamEvent], bool | None] | None = None, **options: typing.Any) -> "
      "GuardedResult\n\ngenerate() with the answer in pieces, each of which has passed every rail. "
      "callback(event) runs on this\nthread; False ends the generation, as does an exception in it, which is "
      "raised.\n\n>>> guard.stream(\"Hello\", lambda event: print(event.text, end=\"\"))");
}

}  // namespace

void bind_guardrail(py::module_& m) {
  bind_result<GuardSpan>(m, "GuardSpan", "Where something was found, in bytes of the original text.");
  bind_result<GuardDecision>(m, "GuardDecision", "What one flow said about one text.");
  bind_result<GuardResult>(m, "GuardResult", "What all flows of a rail said.")
      .def_property_readonly("allowed", &GuardResult::allowed)
      .def("to_json", &GuardResult::to_json);
  bind_result<GuardedResult>(m, "GuardedResult", "A generation between its rails.")
      .def_property_readonly("allowed", &GuardedResult::allowed);
  bind_result<GuardStreamEvent>(m, "GuardStreamEvent", "A piece of a guarded stream.");
  py::class_<PyGuardrail> c(
      m, "Guardrail",
      "Checks of what goes into a model, what comes out, what it retrieves and what it calls, as a NeMo\n"
      "Guardrails config.yml describes them. Immutable; safe from several threads.\n\n"
      ">>> guard = whorl.Guardrail.load(\"config\", engine)\n>>> "
      "guard.check_input(\"hello\").status\n'allowed'");
  c.def_static("load", &load, py::arg("path"), py::arg("engine").none(true) = nullptr,
               "A config.yml, or a folder of them. The engine is needed by flows that ask a model. What the "
               "file should not\nsay is a ValueError with file and line.");
  c.def_static("from_yaml", &from_yaml, py::arg("text"), py::arg("engine").none(true) = nullptr,
               "The same from text.");
  bind_checks(c);
  c.def(
      "check_retrieval",
      [](const PyGuardrail& self, const std::vector<std::string>& chunks) {
        return compute([&] { return self.guard.check_retrieval(chunks); });
      },
      py::arg("chunks"), "Retrieved texts: masked, blocked ones dropped; blocked when none is left.");
  c.def(
      "check_tool_results",
      [](const PyGuardrail& self, const py::object& messages) {
        const auto made = messages_from("Guardrail.check_tool_results", messages);
        return compute([&] { return self.guard.check_tool_results(made); });
      },
      py::arg("messages"), "What tools answered: messages of role \"tool\".");
  c.def_property_readonly(
      "flows", [](const PyGuardrail& self) { return json_loads(self.guard.flows_json()); },
      "By rail, as configured.");
  c.def_property_readonly(
      "warnings", [](const PyGuardrail& self) { return self.guard.warnings(); },
      "What the configuration says and Whorl does otherwise, each with file and line.");
  c.def_property_readonly(
      "needs_engine", [](const PyGuardrail& self) { return self.guard.needs_engine(); },
      "Some flow asks a model.");
}

}  // namespace whorl::python

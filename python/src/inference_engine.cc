#include <whorl/inference_engine.h>

#include "engine.h"
#include "fields.h"
#include "module.h"

namespace whorl::python {

template <>
Fields<EngineOptions> fields_of<EngineOptions>() {
  using E = EngineOptions;
  return {
      field("max_batch_size", &E::max_batch_size, "sequences decoded in one step"),
      field("max_step_tokens", &E::max_step_tokens,
            "prompt tokens processed in one step: smaller keeps streams smooth"),
      field(
          "kv_cache_bytes", &E::kv_cache_bytes,
          "budget of the paged cache; sequences wait when it is full. None = what is free: on a device nine "
          "tenths of what steps and adapters leave, on the CPU a quarter of what the system has available; a "
          "number leaves the rest to a trainer, model or engine that comes later. stats() says what was "
          "taken"),
      field("page_size", &E::page_size, "tokens of a page"),
      field(
          "prefix_cache", &E::prefix_cache,
          "keep pages of prompts and answers until their place is needed, for later prompts that begin with "
          "the same tokens; the bits are the same"),
      field("adapter_cache_bytes", &E::adapter_cache_bytes,
            "adapters kept ready; the least recently used leave first"),
      field("adapter_host_cache_bytes", &E::adapter_host_cache_bytes,
            "adapters of the store as they were read, kept in the host's memory behind the first cache; 0 = "
            "none"),
      field("max_queue", &E::max_queue, "requests waiting; one more is refused with RuntimeError")};
}

template <>
Fields<SamplingOptions> fields_of<SamplingOptions>() {
  using S = SamplingOptions;
  return {field("max_new_tokens", &S::max_new_tokens, "the most that is generated"),
          field("temperature", &S::temperature, "0 = the likeliest token"),
          field("top_k", &S::top_k, "0 = all"),
          field("top_p", &S::top_p, "smallest set of tokens with this probability"),
          field("min_p", &S::min_p, "drop tokens below min_p times the likeliest"),
          field("repetition_penalty", &S::repetition_penalty, "over prompt and output (Keskar et al. 2019)"),
          field("presence_penalty", &S::presence_penalty, "over the output"),
          field("frequency_penalty", &S::frequency_penalty, "over the output"),
          field("seed", &S::seed, "same seed, same request: same tokens, whatever else runs"),
          field("stop", &S::stop, "ends before the first of these; not part of the text"),
          field("stop_token_ids", &S::stop_token_ids, "besides the model's end-of-sequence tokens"),
          field("ignore_eos", &S::ignore_eos, "go on after an end-of-sequence token"),
          field("logprobs", &S::logprobs, "-1 = none, 0 = of the chosen token, k = and of the k likeliest"),
          field("n", &S::n, "independent samples of the same prompt (seed, seed + 1, …)"),
          field("prompt_lookup_num_tokens", &S::prompt_lookup_num_tokens,
                "0 = off; the most tokens computed ahead that followed when the last few stood before")};
}

template <>
Fields<GenerateRequest> fields_of<GenerateRequest>() {
  using G = GenerateRequest;
  return {
      field("adapter", &G::adapter, "'' = the base; 'name' = its latest version; 'name@3' = that version"),
      custom<G>(
          "messages", "list[Message | dict]", "a chat, or", [](const G& self) { return self.messages; },
          [](G& self, py::handle value) { self.messages = messages_from("GenerateRequest", value); }),
      field("prompt", &G::prompt, "plain text, or"),
      field("prompt_ids", &G::prompt_ids, "token ids; exactly one of the three"),
      custom<G>(
          "tools", "list[Tool | dict]", "what the model may call", [](const G& self) { return self.tools; },
          [](G& self, py::handle value) { self.tools = tools_from("GenerateRequest", value); }),
      field("tool_choice", &G::tool_choice,
            "\"auto\", \"none\", \"required\" (constrained to a call), or a tool's name"),
      json_field("template_variables", &G::template_variables, "JSON object for the chat template"),
      json_field("json_schema", &G::json_schema, "the text must be JSON that satisfies this schema"),
      field("regex", &G::regex, "the text must match this pattern (linear-time syntax)"),
      field("sampling", &G::sampling, "how tokens are drawn")};
}

template <>
Fields<TokenLogprob> fields_of<TokenLogprob>() {
  return {field("id", &TokenLogprob::id, "the token"), field("text", &TokenLogprob::text, "its text"),
          field("logprob", &TokenLogprob::logprob, "natural logarithm of its probability"),
          custom<TokenLogprob>(
              "top", "list[tuple[int, float]]", "the k likeliest, best first",
              [](const TokenLogprob& self) { return self.top; }, [](TokenLogprob&, py::handle) {})};
}

template <>
Fields<GenerateResult> fields_of<GenerateResult>() {
  using G = GenerateResult;
  return {field("index", &G::index, "which of the n samples"),
          field("text", &G::text, "as generated, special tokens left out"),
          field("content", &G::content, "text without the tool calls"),
          field("tool_calls", &G::tool_calls, "parsed calls"),
          field("tool_call_error", &G::tool_call_error, "a call that does not parse, and why"),
          field("ids", &G::ids, "generated token ids"),
          field("logprobs", &G::logprobs, "per token, if asked for"),
          field("finish_reason", &G::finish_reason, "\"stop\", \"length\", \"tool_calls\" or \"cancelled\""),
          field("adapter", &G::adapter, "resolved: \"tickets@3\", or \"\" for the base"),
          field("adapter_digest", &G::adapter_digest, "of that adapter"),
          field("prompt_tokens", &G::prompt_tokens, "its length"),
          field("cached_tokens", &G::cached_tokens, "of the prompt: read from the cache, not computed"),
          field("completion_tokens", &G::completion_tokens, "tokens generated"),
          field("seconds_to_first_token", &G::seconds_to_first_token, "since the request was submitted"),
          field("seconds", &G::seconds, "since the request was submitted")};
}

template <>
Fields<Event> fields_of<Event>() {
  return {field("index", &Event::index, "which of the n samples"),
          field("text", &Event::text, "newly complete characters, may be empty"),
          field("ids", &Event::ids, "their tokens"),
          field("finished", &Event::finished, "the last event of this index; result is set"),
          custom<Event>(
              "result", "GenerateResult | None", "of the last event",
              [](const Event& self) { return self.result; }, [](Event&, py::handle) {})};
}

template <>
Fields<EngineStats> fields_of<EngineStats>() {
  using E = EngineStats;
  return {field("running", &E::running, "sequences in the batch"),
          field("waiting", &E::waiting, "requests in the queue"),
          field("pages_used", &E::pages_used, "of the cache"),
          field("pages_total", &E::pages_total, "of the cache"),
          field("kv_cache_bytes", &E::kv_cache_bytes, "of the cache"),
          field("kv_cache_tokens", &E::kv_cache_tokens, "that the cache has room for"),
          field("kv_cache_reason", &E::kv_cache_reason, "what decided how large the cache is"),
          field("step_bytes", &E::step_bytes, "foreseen for steps to work in, beside the cache and adapters"),
          field("free_bytes", &E::free_bytes, "before the engine was made; 0 = nobody can tell"),
          field("pages_cached", &E::pages_cached, "not in use, kept for prompts that begin as those before"),
          field("adapters_loaded", &E::adapters_loaded, "ready now"),
          field("adapter_bytes", &E::adapter_bytes, "of the loaded adapters, packed"),
          field("host_adapters", &E::host_adapters, "in the host's cache"),
          field("host_adapter_bytes", &E::host_adapter_bytes, "of these"),
          field("requests", &E::requests, "so far"),
          field("prompt_tokens", &E::prompt_tokens, "computed so far"),
          field("cached_tokens", &E::cached_tokens, "of prompts, read from the cache so far"),
          field("generated_tokens", &E::generated_tokens, "so far"),
          field("steps", &E::steps, "so far"),
          field("guessed_tokens", &E::guessed_tokens, "by prompt_lookup_num_tokens, so far"),
          field("accepted_tokens", &E::accepted_tokens, "of these, the right ones"),
          field("cancelled", &E::cancelled, "so far")};
}

using Likelihood = InferenceEngine::Likelihood;
using LikelihoodRequest = InferenceEngine::LikelihoodRequest;

template <>
Fields<Likelihood> fields_of<Likelihood>() {
  return {field("logprob", &Likelihood::logprob, "log p(continuation | context), summed"),
          field("is_greedy", &Likelihood::is_greedy, "whether greedy decoding would give it"),
          field("token_logprobs", &Likelihood::token_logprobs, "per token")};
}

template <>
Fields<LikelihoodRequest> fields_of<LikelihoodRequest>() {
  using L = LikelihoodRequest;
  return {field("adapter", &L::adapter, "'' = the base"),
          field("context", &L::context, "token ids; empty: the first token is then given, not scored"),
          field("continuation", &L::continuation, "token ids")};
}

namespace {

std::string request_keywords() {
  return keywords_text<GenerateRequest>({"sampling"}) + ", sampling: SamplingOptions | None = None, " +
         keywords_text<SamplingOptions>();
}

std::string request_doc(const std::string& head, const std::string& result, const std::string& body) {
  return head + ", *, " + request_keywords() + ") -> " + result + "\n\n" + body + "\n\nOptions:\n" +
         fields_text<GenerateRequest>() + fields_text<SamplingOptions>();
}

const char* kInput =
    "input: str | list[int] | list[Message | dict] | GenerateRequest | list[GenerateRequest] | None = None";

void bind_engine_calls(py::class_<Engine>& c) {
  OwnSignatures own;
  const auto generate_doc = request_doc(
      std::string("generate(self, ") + kInput, "GenerateResult | list[list[GenerateResult]]",
      "Generates and waits. `input` is a text, token ids, a conversation, a GenerateRequest, or a list of "
      "requests, which\n"
      "run as one batch and give a list of results (n samples) each. Ctrl-C cancels what runs.\n\n"
      ">>> engine.generate([{\"role\": \"user\", \"content\": \"Hello\"}], adapter=\"tickets\", "
      "max_new_tokens=32).text");
  c.def("generate", &generate, py::arg("input") = py::none(), generate_doc.c_str());
  const auto submit_doc = request_doc(
      "submit(self, input: str | list[int] | list[Message | dict] | GenerateRequest | None = None, callback: "
      "collections.abc.Callable[[StreamEvent], bool | None] | None = None",
      "Generation",
      "Starts a request and returns at once. callback(event) is called on the engine's thread: return "
      "quickly; False\n"
      "cancels. An exception in it cancels the request and is raised by wait().");
  c.def("submit", &submit, py::arg("input") = py::none(), py::arg("callback") = py::none(),
        submit_doc.c_str());
  const auto stream_doc = request_doc(
      "stream(self, input: str | list[int] | list[Message | dict] | GenerateRequest | None = None",
      "whorl._stream.Stream",
      "Starts a request and iterates over its events, with `for` or with `async for`. Leaving the loop early "
      "and closing\n"
      "the stream cancels the request.\n\n"
      ">>> for event in engine.stream(\"Once upon a time\", max_new_tokens=32):\n...     print(event.text, "
      "end=\"\")");
  c.def(
      "stream",
      [](const py::object& self, const py::object& input, const py::kwargs& keywords) {
        return py::module_::import("whorl._stream").attr("Stream")(self, input, keywords);
      },
      py::arg("input") = py::none(), stream_doc.c_str());
}

void bind_engine(py::module_& m) {
  py::class_<Engine> c(
      m, "InferenceEngine",
      "Continuous batching over one frozen base: every row of a step may use another adapter, or none.\n"
      "Safe from several threads. A context manager; close() cancels what is left.");
  {
    OwnSignatures own;
    const auto doc = call_doc<EngineOptions>(
        "__init__(self, base: Model, store: AdapterStore | None = None", "None",
        "Adapters are found in the store by name; a version published or promoted later is used by the next "
        "request.\n\n"
        ">>> with whorl.InferenceEngine(model, store) as engine:\n...     engine.generate(\"Hello\")");
    c.def(py::init(&make_engine), py::arg("base"), py::arg("store").none(true) = nullptr, py::kw_only(),
          py::arg("options") = py::none(), doc.c_str());
  }
  bind_engine_calls(c);
  c.def(
      "add_adapter",
      [](Engine& self, const std::string& name, const Adapter& adapter) {
        auto engine = self.open("add_adapter");
        compute([&] { engine->add_adapter(name, adapter); });
      },
      py::arg("name"), py::arg("adapter"), "An adapter without a store; the name shadows one in the store.");
  c.def(
      "remove_adapter",
      [](Engine& self, const std::string& name) {
        auto engine = self.open("remove_adapter");
        compute([&] { engine->remove_adapter(name); });
      },
      py::arg("name"), "Running requests keep it.");
  c.def(
      "adapters",
      [](Engine& self) {
        auto engine = self.open("adapters");
        return compute([&] { return engine->adapters(); });
      },
      "Names that add_adapter() has given.");
  c.def(
      "log_likelihood",
      [](Engine& self, const std::vector<LikelihoodRequest>& requests) {
        auto engine = self.open("log_likelihood");
        return compute([&] { return engine->log_likelihood(requests); });
      },
      py::arg("requests"), "log p(continuation | context) of every request, in one batch.");
  c.def(
      "prompt_ids",
      [](Engine& self, const GenerateRequest& request) {
        auto engine = self.open("prompt_ids");
        return compute([&] { return engine->prompt_ids(request); });
      },
      py::arg("request"), "The tokens that a generation of `request` starts from.");
  c.def_property_readonly("model", [](Engine& self) { return Model(self.open("model")->model()); });
  c.def("stats", [](Engine& self) {
    auto engine = self.open("stats");
    return compute([&] { return engine->stats(); });
  });
  c.def(
      "close", [](Engine& self) { self.close(); },
      "Cancels what is left and frees the cache. Safe to call twice.");
  c.def("__enter__", [](const py::object& self) { return self; });
  c.def("__exit__", [](Engine& self, const py::args&) { self.close(); });
}

}  // namespace

void bind_inference_engine(py::module_& m) {
  bind_options<EngineOptions>(m, "EngineOptions", "Limits and budgets of an engine.");
  bind_options<SamplingOptions>(m, "SamplingOptions", "How tokens are drawn.");
  bind_options<GenerateRequest>(m, "GenerateRequest",
                                "One request; exactly one of messages, prompt and prompt_ids.");
  bind_result<TokenLogprob>(m, "TokenLogprob", "A generated token's probability.");
  bind_result<GenerateResult>(m, "GenerateResult", "What one sample of a request became.");
  bind_result<Event>(m, "StreamEvent",
                     "A piece of a stream; the texts of an index together are GenerateResult.text.");
  bind_result<EngineStats>(m, "EngineStats", "Counters of an engine.");
  bind_result<Likelihood>(m, "Likelihood", "How likely a continuation is.");
  bind_options<LikelihoodRequest>(m, "LikelihoodRequest", "A continuation to score.");
  py::class_<Running> running(m, "Generation", "A running request.");
  running.def("wait", &Running::wait, "Its n results. Raises what ended the request. Ctrl-C cancels it.");
  running.def("done", &Running::done);
  running.def("cancel", &Running::cancel, "Frees its place within one step; results then say \"cancelled\".");
  bind_engine(m);
}

}  // namespace whorl::python

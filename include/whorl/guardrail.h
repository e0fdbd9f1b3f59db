#pragma once
// Checks of what goes into a model, what comes out, what it retrieves and what it calls, as a NeMo Guardrails
// `config.yml` describes them. Patterns, PII, secrets and injections need no model; self checks, content
// safety and topic control ask the same engine that serves, with adapters as judges, all in one batch.
#include <whorl/inference_engine.h>
#include <whorl/types.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace whorl {

// Half-open range of bytes in the original text that was checked.
struct GuardSpan {
  int64_t begin = 0, end = 0;
  std::string rule;  // "EMAIL_ADDRESS", "sqli", the name of a pattern
  double score = 1;  // 0..1; patterns have 1
};

// What one flow said about one text.
struct GuardDecision {
  std::string rail;     // "input", "output", "retrieval", "tool_output" (calls), "tool_input" (their results)
  std::string flow;     // as the configuration writes it: "self check input"
  std::string verdict;  // "allowed", "changed" (masked), "blocked"
  std::string reason = {};  // a sentence that does not repeat what was found; may be empty when allowed
  std::string part =
      {};  // what was checked: "" = the text, "reasoning", "tool call 0", "chunk 2", "message 3"
  std::vector<GuardSpan> spans = {};
  // Model rails: probability of the blocking answer against the other, from the first token's distribution.
  // -1 = not known, or no model was asked.
  double score = -1;
  // "" = the flow worked. "closed" or "open": it failed or ran out of time, and its fail mode decided.
  std::string failed = {};
  // Rails without a model look at a text in one pass; each of them carries the time of that pass.
  double seconds = 0;
};

struct WHORL_API GuardResult {
  std::string status = "allowed";  // "allowed", "changed" (something was masked or dropped) or "blocked"
  // What may go on: the text, masked where that was asked for; when blocked the refusal ("" where the
  // configuration enables exceptions).
  std::string text = {};
  std::vector<Message> messages = {};     // check_input and check_tool_results of messages: what may go on
  std::vector<std::string> chunks = {};   // check_retrieval: what may go on, blocked ones left out
  std::vector<ToolCall> tool_calls = {};  // check_tool_calls and check_output: what may go on
  std::string blocked_by = {};            // the first flow of the configuration that blocked
  // When blocked, JSON: {"error": {"message", "type": "guardrails_violation", "param": flow, "code":
  // "content_blocked"}}, and with enable_rails_exceptions "exception": {"type", "message"} beside it.
  std::string error = {};
  std::vector<GuardDecision> decisions = {};  // in the order of the configuration
  double seconds = 0;

  bool allowed() const { return status != "blocked"; }
  // {"status", "text", "blocked_by", "rails_status": {flow: {"status": "success" | "blocked"}}, "decisions":
  // […], "seconds"} and, where they are not empty, "messages", "chunks", "tool_calls" and "error".
  std::string to_json() const;
};

// What surrounds an answer that is checked.
struct GuardContext {
  std::vector<Message> messages =
      {};  // the conversation before the answer; the last user message is its question
  std::vector<std::string> chunks = {};  // retrieved text: the evidence of "self check facts"
  std::vector<Tool> tools = {};          // what may be called
};

struct GuardedResult {
  // As the engine gave it, with text, content and calls as they may leave. Where something was masked or
  // blocked, ids and logprobs are gone: they would spell it out. finish_reason is "content_filter" when
  // blocked; text is then the refusal, in a stream what was released before the block.
  GenerateResult result;
  GuardResult input, output;  // output.status "allowed" without decisions: the input was blocked
  bool allowed() const { return input.allowed() && output.allowed(); }
};

// A piece of a guarded stream, on the thread that called stream().
struct GuardStreamEvent {
  std::string text = {};   // has passed every rail
  bool finished = false;   // the last event
  std::string error = {};  // of the last event, when blocked: GuardResult::error
};
// False ends the generation; it is not called again then. What it throws leaves stream().
using GuardStreamCallback = std::function<bool(const GuardStreamEvent&)>;

// Immutable after loading; copies share it; safe from several threads.
//
// Beside NeMo's keys there are Whorl's own, under rails.<rail> (input, output, retrieval, tool_output,
// tool_input), each of which can also be given for one flow under rails.<rail>.flow_options.<flow>:
//   fail: closed           what a flow that fails or runs out of time does: closed blocks, open lets pass
//   time_budget_ms: 0      for asking the model; 0 = none
//   refusal: text          instead of "I'm sorry, I can't respond to that."
// A model that judges is {type: content_safety, engine: whorl, model: name of an adapter}, "" or "base" being
// the base model. No other engine is ever called.
//
// All flows of a rail see the same text: rails without a model the original, rails that ask the model what
// those left, masked. A text that any of them blocks is blocked.
class WHORL_API Guardrail {
 public:
  // config.yml, or a folder: every *.yml and *.yaml beneath it, sorted by name, a folder's own files first;
  // lists are joined, for other values the last file counts.
  // `engine` must outlive this object; it is needed only by flows that ask a model.
  // std::invalid_argument with file and line ("[Guardrail.load] config.yml:12: …"): unknown keys and flows
  // (the nearest one is named), a flow without its prompt or model, Colang, patterns that are not RE2's, and
  // a flow that needs an engine where none is given.
  static Guardrail load(const std::filesystem::path& path, InferenceEngine* engine = nullptr);
  static Guardrail from_yaml(const std::string& text, InferenceEngine* engine = nullptr);

  // The last user message of a conversation; earlier ones were checked when they came. A text is a user
  // message.
  GuardResult check_input(const std::string& text) const;
  GuardResult check_input(const std::vector<Message>& messages) const;
  // Many at once: what needs the model is one engine batch over all texts and flows. Results as if alone.
  std::vector<GuardResult> check_inputs(const std::vector<std::string>& texts) const;

  // An answer: its text, and for a message its reasoning and the arguments of its calls too.
  GuardResult check_output(const std::string& text, const GuardContext& context = {}) const;
  GuardResult check_output(const Message& answer, const GuardContext& context = {}) const;
  std::vector<GuardResult> check_outputs(const std::vector<std::string>& texts,
                                         const std::vector<GuardContext>& contexts = {}) const;

  // Blocked chunks are dropped; the whole is blocked when none is left.
  GuardResult check_retrieval(const std::vector<std::string>& chunks) const;
  // Calls before they run: allowed tools, arguments valid under their schemas, and the text rails of
  // rails.tool_output on the arguments. One call that is blocked blocks all.
  GuardResult check_tool_calls(const std::vector<ToolCall>& calls, const std::vector<Tool>& tools) const;
  // What tools answered, before the model reads it: messages of role "tool".
  GuardResult check_tool_results(const std::vector<Message>& messages) const;

  // Input rails, generation, output rails (and tool rails on calls). A blocked input is not generated for.
  // Needs an engine. sampling.n must be 1. Only requests with messages or a prompt: token ids hide their
  // text.
  GuardedResult generate(const GenerateRequest& request, const GuardContext& context = {}) const;
  // One batch for each of the three stages.
  std::vector<GuardedResult> generate(const std::vector<GenerateRequest>& requests) const;
  // The same with the answer in pieces. Rails without a model let out what can no longer become a match;
  // model rails judge windows of rails.output.streaming.chunk_size tokens, context_size of them from the
  // window before. Nothing leaves before its verdict, whatever stream_first says, and a block ends the
  // generation at once. Blocks until the end; the callback runs on the calling thread.
  GuardedResult stream(const GenerateRequest& request, const GuardStreamCallback& callback,
                       const GuardContext& context = {}) const;

  // Flows as configured: {"input": ["self check input", …], …}, as JSON.
  std::string flows_json() const;
  // What the configuration says and Whorl does otherwise, each with file and line.
  const std::vector<std::string>& warnings() const;
  bool needs_engine() const;  // some flow asks a model

  struct Impl;

 private:
  explicit Guardrail(std::shared_ptr<const Impl> impl);
  std::shared_ptr<const Impl> impl_;
};

}  // namespace whorl

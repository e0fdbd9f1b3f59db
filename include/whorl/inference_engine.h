#pragma once
// Continuous batching over one frozen base: every row of a step may use another adapter, or none.
#include <whorl/adapter.h>
#include <whorl/adapter_store.h>
#include <whorl/model.h>
#include <whorl/types.h>

#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace whorl {

struct EngineOptions {
  int64_t max_batch_size = 64;  // sequences decoded in one step
  int64_t max_step_tokens =
      512;  // prompt tokens processed in one step (chunked prefill): smaller keeps streams smooth
  // Budget of the paged cache. Pages for prompt + max_new_tokens are reserved when a sequence starts, so it
  // is never interrupted; sequences wait, first come first served, when it is full. One that could never fit
  // is refused. A token takes 2 * num_hidden_layers * num_key_value_heads * head_dim numbers of four bytes;
  // of two where the base is bfloat16 and the processor multiplies pairs of them (AVX512-BF16 without AMX),
  // as attention would round them anyway. Where ranks share the model (ModelOptions::tensor_parallel_size) it
  // is the budget of each, and a token takes as much less.
  // None: as much as is free when the engine is made. On a device nine tenths of what is left beside the
  // memory that steps will work in (max_step_tokens, max_batch_size and the model's context say how much) and
  // beside adapters (adapter_cache_bytes, but at most a quarter); what others use is theirs, and a trainer, a
  // model or an engine made later finds the rest: give a number to leave them more. On the CPU, where a cache
  // takes memory as it is filled and other work needs it too, a quarter of what the system has available. In
  // either case no more than max_batch_size sequences of the model's full context can use.
  // EngineStats says what was taken and why.
  std::optional<size_t> kv_cache_bytes = {};
  // Tokens of a page. Keys of multiples of 16 lie as the CPU's products read them; only those are kept in two
  // bytes.
  int64_t page_size = 16;
  // Whole pages of prompts and answers stay in the paged cache until their place is needed, and a later
  // prompt that begins with the same tokens, for the same adapter, reads them instead of computing them: the
  // same bits, sooner. Off, a request leaves nothing behind; how long another takes then tells nobody what
  // was asked before.
  bool prefix_cache = true;
  // Adapters kept ready, packed, in the device's memory; the least recently used that nobody uses leave
  // first.
  size_t adapter_cache_bytes = 1u << 30;
  // Adapters of the store as they were read, in the host's memory: one that left the first cache is not read
  // and checked again. The least recently used leave first; 0 = none is kept.
  size_t adapter_host_cache_bytes = 256u << 20;
  int64_t max_queue = 4096;  // requests waiting; submit() refuses one more with std::runtime_error
};

// Applied in this order: repetition, presence and frequency penalties, temperature, top_k, top_p, min_p.
struct SamplingOptions {
  int64_t max_new_tokens = 256;   // at most the model's context; less when the prompt leaves less room
  double temperature = 0;         // 0 = the likeliest token
  int64_t top_k = 0;              // exactly so many of the likeliest; 0 = all
  double top_p = 1;               // the fewest of them that hold this share of what top_k left
  double min_p = 0;               // drop tokens below min_p times the likeliest
  double repetition_penalty = 1;  // over prompt and output (Keskar et al. 2019)
  double presence_penalty = 0, frequency_penalty = 0;  // over the output (OpenAI's definition)
  uint64_t seed = 0;  // same seed, same request: same tokens, whatever else runs
  // The text ends before the first of these to be complete, wherever tokens begin and end. At most 16.
  std::vector<std::string> stop = {};
  std::vector<int32_t> stop_token_ids =
      {};  // besides the model's end-of-sequence tokens; in ids, not in the text
  bool ignore_eos = false;
  int64_t logprobs = -1;  // -1 = none, 0 = of the chosen token, k <= 20 = and of the k likeliest
  int64_t n = 1;          // independent samples of the same prompt (seed, seed + 1, …), at most 64
  // 0 = off. Otherwise up to so many tokens that followed when the last few stood in the prompt or the answer
  // before are computed beside the next one, and taken where they are what would have come: the same answer
  // in fewer steps, where it repeats what it was given (code, tool calls, extracts, summaries). At most 32;
  // 8 is a good beginning. It makes each step somewhat dearer, so it is for few streams, not for full
  // batches.
  int64_t prompt_lookup_num_tokens = 0;
};

struct GenerateRequest {
  std::string adapter = {};  // "" = the base; "name" = its latest version; "name@3" = that version
  // Chat, through the model's template: nothing that stands in messages or tools becomes a control token. Or
  std::vector<Message> messages = {};
  std::string prompt = {};               // plain text, in which special tokens count, or
  std::vector<int32_t> prompt_ids = {};  // token ids; exactly one of the three
  std::vector<Tool> tools = {};
  // "auto"; "none" (tools are left out of the prompt); "required" (constrained to one call or more); or a
  // tool's name (constrained to one call of it).
  std::string tool_choice = "auto";
  std::string template_variables = {};  // JSON object for the chat template
  std::string json_schema = {};         // the text must be JSON that satisfies this schema
  std::string regex = {};               // the text must match this pattern (linear-time syntax)
  SamplingOptions sampling = {};
};

struct TokenLogprob {
  int32_t id = 0;
  std::string text;
  double logprob = 0;  // of the model's own distribution, before penalties and temperature
  std::vector<std::pair<int32_t, double>> top = {};  // the k likeliest, best first
};

struct GenerateResult {
  int64_t index = 0;    // which of the n samples
  std::string text;     // as generated, special tokens left out
  std::string content;  // text without the tool calls
  std::vector<ToolCall> tool_calls = {};
  std::string tool_call_error = {};  // a call that does not parse, and why; its text stays in content
  std::vector<int32_t> ids = {};
  std::vector<TokenLogprob> logprobs = {};
  std::string finish_reason;  // "stop", "length", "tool_calls" or "cancelled"
  std::string adapter;        // resolved: "tickets@3", or "" for the base
  std::string adapter_digest;
  int64_t prompt_tokens = 0, completion_tokens = 0;
  int64_t cached_tokens =
      0;  // of the prompt: read from the cache (EngineOptions::prefix_cache), not computed
  double seconds_to_first_token = 0, seconds = 0;
};

// A piece of a stream. The concatenation of all pieces of an index is GenerateResult::text.
struct StreamEvent {
  int64_t index = 0;
  std::string text;  // newly complete characters, may be empty
  std::vector<int32_t> ids;
  bool finished = false;  // the last event of this index; `result` is set
  const GenerateResult* result = nullptr;
};
// Called on the engine's thread: return quickly, and never wait for a generation in it (that is refused).
// Return false to cancel the request with all its samples; it is not called again then. What it throws ends
// the request and reaches wait().
using StreamCallback = std::function<bool(const StreamEvent&)>;

class WHORL_API Generation {  // a running request; copies refer to the same one
 public:
  std::vector<GenerateResult> wait() const;  // throws what ended the request, if anything did
  // Waits for its end, but not longer than `seconds`; whether it has ended. For callers that have to look at
  // something else meanwhile. Like wait() it is refused in a stream callback.
  bool wait_for(double seconds) const;
  bool done() const;
  void cancel() const;  // all samples; frees its place and pages within one step; results say "cancelled"
  struct Impl;
  explicit Generation(std::shared_ptr<Impl> impl);

 private:
  std::shared_ptr<Impl> impl_;
};

struct EngineStats {
  int64_t running = 0, waiting = 0, adapters_loaded = 0;
  int64_t pages_used = 0, pages_total = 0;
  // The paged cache since the engine was made: its bytes (of each rank), the tokens that it has room for, and
  // what decided. step_bytes: what steps are foreseen to work in, where the model computes, with sequences as
  // long as the cache lets them be; free_bytes: what was free before either, 0 where nobody can tell.
  size_t kv_cache_bytes = 0;
  int64_t kv_cache_tokens = 0;
  std::string kv_cache_reason = {};
  size_t step_bytes = 0, free_bytes = 0;
  int64_t pages_cached = 0;   // not in use, and kept for prompts that begin as those before; free for anybody
  size_t adapter_bytes = 0;   // of the loaded adapters, packed
  int64_t host_adapters = 0;  // in the host's cache
  size_t host_adapter_bytes = 0;
  // Since the start. prompt_tokens: computed ones; cached_tokens: those that were in the cache, or that
  // another sample of the same prompt computed; cancelled: sequences.
  int64_t requests = 0, prompt_tokens = 0, cached_tokens = 0, generated_tokens = 0, steps = 0, cancelled = 0;
  int64_t guessed_tokens = 0, accepted_tokens = 0;  // by prompt_lookup_num_tokens; of these, the right ones
};

// Thread-safe. One engine thread runs while there is work and sleeps otherwise; the destructor cancels what
// is left.
class WHORL_API InferenceEngine {
 public:
  explicit InferenceEngine(const Model& base, const EngineOptions& options = {});
  // Adapters are found in the store by name; a version published or promoted later is used by the next
  // request, while running requests keep theirs.
  InferenceEngine(const Model& base, const AdapterStore& store, const EngineOptions& options = {});
  ~InferenceEngine();
  InferenceEngine(const InferenceEngine&) = delete;
  InferenceEngine& operator=(const InferenceEngine&) = delete;

  // Adapters without a store; the name shadows one in the store. Refuses what does not bind whole.
  void add_adapter(const std::string& name, const Adapter& adapter);
  void remove_adapter(const std::string& name);  // running requests keep it
  std::vector<std::string> adapters() const;

  // std::invalid_argument names the field that is wrong; std::runtime_error when the queue is full.
  Generation submit(const GenerateRequest& request, const StreamCallback& callback = {});
  GenerateResult generate(const GenerateRequest& request);  // n must be 1
  // One batch, of any length: what does not fit into the queue waits. The first error ends the others.
  std::vector<std::vector<GenerateResult>> generate(const std::vector<GenerateRequest>& requests);

  // log p(continuation | context), summed; per token; and whether greedy decoding would give it.
  struct Likelihood {
    double logprob = 0;
    bool is_greedy = false;
    std::vector<double> token_logprobs = {};
  };
  struct LikelihoodRequest {
    std::string adapter = {};
    std::vector<int32_t> context = {};  // may be empty: the first token is then given, not scored
    std::vector<int32_t> continuation = {};
  };
  std::vector<Likelihood> log_likelihood(const std::vector<LikelihoodRequest>& requests);

  // The tokens that a generation of `request` starts from: its messages through the model's template, where
  // no text becomes a control token. What log_likelihood() needs to score answers to a chat.
  std::vector<int32_t> prompt_ids(const GenerateRequest& request) const;

  const Model& model() const;
  EngineStats stats() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace whorl

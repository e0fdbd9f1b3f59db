#pragma once
// A frozen decoder-only transformer with its tokenizer and chat template: the base that trainers and
// engines share. Weights are held once per process and device, packed for the machine.
#include <whorl/adapter.h>
#include <whorl/types.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace whorl {

// What config.json says, under Hugging Face's own names. Defaults are those of a Llama.
struct ModelConfig {
  std::string model_type = "llama";  // "llama", "mistral", "qwen2" or "qwen3"
  int64_t vocab_size = 0;
  int64_t hidden_size = 0;
  int64_t intermediate_size = 0;
  int64_t num_hidden_layers = 0;
  int64_t num_attention_heads = 0;
  int64_t num_key_value_heads = 0;         // 0 = num_attention_heads
  int64_t head_dim = 0;                    // 0 = hidden_size / num_attention_heads
  int64_t max_position_embeddings = 2048;  // longest sequence that the model accepts, in tokens
  double rms_norm_eps = 1e-6;
  double rope_theta = 10000;
  std::string rope_scaling = {};            // JSON text of config.json's field; "" = none
  int64_t sliding_window = 0;               // Mistral: a query sees this many keys; 0 = all
  bool tie_word_embeddings = false;         // the head is the embedding table
  bool attention_bias = false;              // biases of q, k, v (Qwen2 has them always)
  std::string torch_dtype = "float32";      // how weights are stored: "float32" or "bfloat16"
  int64_t bos_token_id = -1;                // -1 = none
  std::vector<int64_t> eos_token_ids = {};  // any of them ends a generation
  // Standard deviation of the weights that create() draws; nothing else reads it. Narrow models learn much
  // sooner with about 1 / sqrt(hidden_size): 0.02 fits widths of 2000.
  double initializer_range = 0.02;
};

struct ModelOptions {
  // "cpu"; "cuda" (the first GPU) or "cuda:1", an error that says what is missing where it cannot be used; or
  // "auto": the first GPU if the model fits, else the CPU, and the log says why.
  std::string device = "cpu";
  int threads = 0;             // 0 = all CPUs this process may use; fewer when the host program needs some
  std::string dtype = "auto";  // "auto" keeps the stored one; "float32" widens; "bfloat16" halves memory
  // "auto" keeps what the checkpoint holds: matrices of a GGUF file stay whole numbers. Q8_0 and Q4_0 keep
  // their codes and scales, Q4_1 its minima too; Q4_K its codes, with scales and minima rounded to float16
  // (0.63 bytes a weight); Q5_0, Q5_1, Q5_K and Q6_K are rounded once more, to int8, which adds about 8 % to
  // the squared error of Q6_K and less to the others'. "none" widens them.
  // "int8" or "int4" round the matrices to whole numbers, groups of 32 inputs sharing a scale: about 1.06 and
  // 0.56 bytes a weight, for answers and for adapters trained over them; a GGUF file's codes of that size are
  // kept. A matrix whose inputs are no multiple of 32 stays whole, as in GGUF, and the log names it. A model
  // that holds whole numbers cannot be saved.
  // "fp8", on a GPU: the linears of layers become FP8 E4M3, one byte a weight, and so do the rows that they
  // are multiplied by and gradients on their way back; tensor cores multiply such numbers from compute
  // capability 8.9 on. Table and head stay whole, and the model cannot be saved.
  std::string quantize = "auto";
  // load: a folder for the weights as they are computed with; empty = none is kept. The first load writes
  // them there (as large as memory_bytes), the next ones map the file: they start in a fraction of the time,
  // copy nothing, and processes on one machine share the memory. A checkpoint that changed is noticed by its
  // files' sizes, times and samples of their bytes, and laid out again. Nothing is ever removed: delete what
  // is no longer wanted; but do not change a file that a process has loaded. The folder must be as trusted as
  // the model's own. On a GPU the log says that it is not used.
  std::filesystem::path weights_cache = {};
  // Processes that compute this model together, each with a share of every matrix of its layers, of adapters
  // and of the KV cache: for a model that one process or GPU has no room for. Above 1 this process is one of
  // them: RANK, WORLD_SIZE (which must be this number), MASTER_ADDR and MASTER_PORT say which, as torchrun
  // sets them, and it waits for the others. Rank 0 then makes an InferenceEngine, the others call follow().
  // Give each its part of `threads`, and on GPUs a `device` of its own. The embedding, the norms and the head
  // are whole on all. num_attention_heads, num_key_value_heads and intermediate_size must be multiples of
  // it, and where matrices hold whole numbers a rank's inputs of o_proj and down_proj multiples of 32. The
  // model cannot be trained or saved.
  int tensor_parallel_size = 1;
};

struct RenderOptions {
  bool add_generation_prompt = true;  // end with the header of an assistant turn, for generation
  std::string variables = {};         // JSON object of extra template variables (e.g. enable_thinking)
};

// Cheap to copy: a handle on shared, immutable weights. All const members are safe from several threads.
class WHORL_API Model {
 public:
  // Reads a Hugging Face folder: config.json, model.safetensors (or its shards with the index),
  // tokenizer.json, tokenizer_config.json or chat_template.jinja, generation_config.json.
  // Or a GGUF file (architectures llama, qwen2, qwen3; F32, F16, BF16, Q8_0, Q4_0, Q4_1,
  // Q5_0, Q5_1, Q4_K, Q5_K, Q6_K), named *.gguf:
  // dtype "auto" is bfloat16 where all matrices are, else float32, which holds every stored number exactly;
  // quantize says what becomes of rounded matrices. Tokenizer and chat template are the files of its folder
  // (tokenizer.json …); where that has no tokenizer.json, those in the file: byte-level BPE under the rules
  // gpt-2, llama-bpe, qwen2, smollm and default, or SentencePiece's BPE ("llama"). With another kind the
  // model takes token ids only, and encode says which key is the reason. Rotary positions may be stretched
  // linearly or by Llama 3's rule (rope_freqs.weight). Refuses by name what it would not compute exactly:
  // another architecture or rope type, a missing, extra or misshapen tensor, a NaN weight.
  // std::invalid_argument; nothing stays half loaded.
  // On the CPU a matrix that is computed with as its file has it is laid out when it is used for the second
  // time: the first token comes sooner, the second one pays. Until then the file is read where it lies, so do
  // not change it in place; replacing it by another (rename) and removing it are fine.
  static Model load(const std::filesystem::path& folder, const ModelOptions& options = {});

  // New weights from `seed` (normal, std config.initializer_range; norms 1; projections into the residual
  // divided by sqrt(2 * layers)). `tokenizer_folder` holds tokenizer.json and, if wanted, the chat template's
  // files; empty = no tokenizer (token ids only). config.vocab_size 0 takes the tokenizer's.
  static Model create(const ModelConfig& config, uint64_t seed,
                      const std::filesystem::path& tokenizer_folder = {}, const ModelOptions& options = {});

  // Writes the same layout, durably and atomically: a reader sees the old folder or the new one.
  // `dtype` "auto" keeps the stored precision. Refused where weights were rounded on loading.
  void save(const std::filesystem::path& folder, const std::string& dtype = "auto") const;
  // The same with W + scale * B A in place of every adapted W. Refuses an adapter that does not bind whole.
  void save_merged(const std::filesystem::path& folder, const Adapter& adapter,
                   const std::string& dtype = "auto") const;

  const ModelConfig& config() const;
  const std::filesystem::path& path() const;  // where it was loaded from, or empty
  // SHA-256 over configuration and weights, hex. Adapters, evaluations and training runs ask for it,
  // generating alone does not: the first call hashes all weights (half a second for each gigabyte on two
  // cores), others return at once. Safe from any thread.
  std::string digest() const;
  int64_t parameter_count() const;
  size_t memory_bytes() const;  // packed weights, of this rank
  // How matrices are held: "none", "int8", "int4", "fp8" (but for table and head) or "mixed".
  std::string quantize() const;
  std::string device() const;        // "cpu (avx512)", for people
  int tensor_parallel_rank() const;  // of ModelOptions::tensor_parallel_size; 0 where all of it is here
  std::vector<std::string> linear_names()
      const;  // what target_modules can name, e.g. "model.layers.0.mlp.up_proj"

  bool has_tokenizer() const;
  bool has_chat_template() const;
  // `add_special_tokens` adds what tokenizer.json's post-processor adds (usually BOS).
  std::vector<int32_t> encode(const std::string& text, bool add_special_tokens = true) const;
  std::string decode(const std::vector<int32_t>& ids, bool skip_special_tokens = true) const;
  std::string apply_chat_template(const std::vector<Message>& messages, const std::vector<Tool>& tools = {},
                                  const RenderOptions& options = {}) const;

  // Logits [tokens, vocab_size] after each token, row-major, float32. For tests and analysis: it holds them
  // all.
  std::vector<float> logits(const std::vector<int32_t>& ids, const Adapter* adapter = nullptr) const;

  // On every rank but 0 of ModelOptions::tensor_parallel_size: computes this rank's share of what rank 0
  // computes, until the engine there is gone (or its logits() are answered); call it again for another.
  // `stop`, unless empty, is asked once a second while rank 0 leads: true ends all ranks, with an error.
  // One that is lost does too: std::runtime_error that names it, here and in every call of rank 0. One call
  // at a time.
  void follow(const std::function<bool()>& stop = {}) const;

  struct Impl;
  explicit Model(std::shared_ptr<const Impl> impl);
  const std::shared_ptr<const Impl>& impl() const { return impl_; }

 private:
  std::shared_ptr<const Impl> impl_;
};

}  // namespace whorl

#include <pybind11/numpy.h>
#include <whorl/model.h>

#include "compute.h"
#include "fields.h"
#include "module.h"

namespace whorl::python {

template <>
Fields<ModelConfig> fields_of<ModelConfig>() {
  using C = ModelConfig;
  return {
      field("model_type", &C::model_type, "\"llama\", \"mistral\", \"qwen2\" or \"qwen3\""),
      field("vocab_size", &C::vocab_size, "tokens; 0 = the tokenizer's"),
      field("hidden_size", &C::hidden_size, "width of the residual"),
      field("intermediate_size", &C::intermediate_size, "width of the MLP"),
      field("num_hidden_layers", &C::num_hidden_layers, "layers"),
      field("num_attention_heads", &C::num_attention_heads, "query heads"),
      field("num_key_value_heads", &C::num_key_value_heads, "key and value heads; 0 = num_attention_heads"),
      field("head_dim", &C::head_dim, "size of a head; 0 = hidden_size / num_attention_heads"),
      field("max_position_embeddings", &C::max_position_embeddings, "longest sequence, in tokens"),
      field("rms_norm_eps", &C::rms_norm_eps, "added to the mean square before its root"),
      field("rope_theta", &C::rope_theta, "base of the rotary frequencies"),
      json_field("rope_scaling", &C::rope_scaling, "config.json's field, as JSON; \"\" = none"),
      field("sliding_window", &C::sliding_window, "Mistral: keys that a query sees; 0 = all"),
      field("tie_word_embeddings", &C::tie_word_embeddings, "the head is the embedding table"),
      field("attention_bias", &C::attention_bias, "biases of q, k and v"),
      field("torch_dtype", &C::torch_dtype, "how weights are stored: \"float32\" or \"bfloat16\""),
      field("bos_token_id", &C::bos_token_id, "first token of a text; -1 = none"),
      field("eos_token_ids", &C::eos_token_ids, "any of them ends a generation"),
      field("initializer_range", &C::initializer_range,
            "standard deviation of new weights; narrow models learn sooner with 1 / sqrt(hidden_size)")};
}

template <>
Fields<ModelOptions> fields_of<ModelOptions>() {
  return {
      field("device", &ModelOptions::device,
            "\"cpu\", \"cuda\" (the first GPU), \"cuda:1\", or \"auto\": a GPU where there is one that has "
            "room"),
      field("threads", &ModelOptions::threads, "0 = all CPUs this process may use"),
      field("dtype", &ModelOptions::dtype,
            "\"auto\" keeps the stored precision; \"float32\" widens; \"bfloat16\" halves memory"),
      field(
          "quantize", &ModelOptions::quantize,
          "\"auto\" keeps the whole numbers of a GGUF file, \"none\" widens them; \"int8\" or \"int4\" round "
          "the weights to about 1.06 or 0.56 bytes each, but for matrices whose inputs are no multiple of "
          "32; \"fp8\", on a GPU, makes the linears of layers FP8 E4M3, one byte each, multiplied as such; a "
          "model of rounded numbers cannot be saved"),
      field("weights_cache", &ModelOptions::weights_cache,
            "for load: a folder that keeps the weights as they are computed with, mapped at the next start; "
            "empty = none"),
      field("tensor_parallel_size", &ModelOptions::tensor_parallel_size,
            "processes that share the model's matrices, of which this is one: reads RANK, WORLD_SIZE, "
            "MASTER_ADDR, MASTER_PORT, connects there; rank 0 makes the engine, the others call follow()")};
}

template <>
Fields<RenderOptions> fields_of<RenderOptions>() {
  return {field("add_generation_prompt", &RenderOptions::add_generation_prompt,
                "end with the header of an assistant turn, for generation"),
          json_field("variables", &RenderOptions::variables,
                     "extra template variables, e.g. {\"enable_thinking\": false}")};
}

namespace {

Model load(const std::filesystem::path& folder, const py::object& options, const py::kwargs& keywords) {
  const auto chosen = options_from<ModelOptions>("Model.load", options, keywords);
  return compute([&] { return Model::load(folder, chosen); });
}

Model create(const ModelConfig& config, uint64_t seed, const std::filesystem::path& tokenizer_folder,
             const py::object& options, const py::kwargs& keywords) {
  const auto chosen = options_from<ModelOptions>("Model.create", options, keywords);
  return compute([&] { return Model::create(config, seed, tokenizer_folder, chosen); });
}

std::string render(const Model& self, const py::object& messages, const py::object& tools,
                   const py::object& options, const py::kwargs& keywords) {
  const auto where = "Model.apply_chat_template";
  const auto chosen = options_from<RenderOptions>(where, options, keywords);
  const auto all = messages_from(where, messages);
  const auto offered = tools_from(where, tools);
  return compute([&] { return self.apply_chat_template(all, offered, chosen); });
}

// The signals of a process that waits for what rank 0 says are looked at once a second.
void follow(const Model& self) {
  Pending pending;
  try {
    compute([&] { self.follow([&] { return !pending.run([] { return true; }); }); });
  } catch (...) {
    pending.rethrow();
    throw;
  }
}

py::array_t<float> logits(const Model& self, const std::vector<int32_t>& ids, const Adapter* adapter) {
  auto values = std::make_unique<std::vector<float>>(compute([&] { return self.logits(ids, adapter); }));
  const auto tokens = static_cast<py::ssize_t>(ids.size());
  const auto columns = tokens == 0 ? 0 : static_cast<py::ssize_t>(values->size()) / tokens;
  const float* data = values->data();
  py::capsule owner(values.release(), [](void* owned) { delete static_cast<std::vector<float>*>(owned); });
  return py::array_t<float>({tokens, columns}, data, owner);
}

void bind_making(py::class_<Model>& c) {
  OwnSignatures own;
  const auto load_doc =
      call_doc<ModelOptions>("load(folder: os.PathLike | str", "Model",
                             "Reads a Hugging Face folder: config.json, model.safetensors (or shards with "
                             "their index), tokenizer.json,\n"
                             "tokenizer_config.json or chat_template.jinja, generation_config.json. Raises "
                             "ValueError naming what Whorl would\n"
                             "not compute exactly; nothing stays half loaded.\n"
                             "Also a GGUF file, named *.gguf, of the llama, qwen2 or qwen3 architecture; the "
                             "tokenizer is its folder's, or\n"
                             "where that has none, the file's own.\n"
                             "On the CPU the file is read until a model's second step: do not change it in "
                             "place before that; replacing it by\n"
                             "another (rename) is fine.\n\n"
                             ">>> model = whorl.Model.load(\"models/base\", threads=2)");
  c.def_static("load", &load, py::arg("folder"), py::kw_only(), py::arg("options") = py::none(),
               load_doc.c_str());
  const auto create_doc = call_doc<ModelOptions>(
      "create(config: ModelConfig, seed: int, tokenizer_folder: os.PathLike | str = ''", "Model",
      "New weights from `seed`. `tokenizer_folder` holds tokenizer.json and perhaps a chat template; '' = "
      "token ids only.\n\n"
      ">>> config = whorl.ModelConfig(vocab_size=64, hidden_size=32, intermediate_size=64, "
      "num_hidden_layers=1,\n"
      "...                            num_attention_heads=2)\n"
      ">>> model = whorl.Model.create(config, seed=1)");
  c.def_static("create", &create, py::arg("config"), py::arg("seed"), py::arg("tokenizer_folder") = "",
               py::kw_only(), py::arg("options") = py::none(), create_doc.c_str());
  const auto render_doc = call_doc<RenderOptions>(
      "apply_chat_template(self, messages: list[Message | dict], tools: list[Tool | dict] | None = None",
      "str",
      "The conversation as the model reads it, by the model's own template.\n\n"
      ">>> text = model.apply_chat_template([{\"role\": \"user\", \"content\": \"Hello\"}])");
  c.def("apply_chat_template", &render, py::arg("messages"), py::arg("tools") = py::none(), py::kw_only(),
        py::arg("options") = py::none(), render_doc.c_str());
}

void bind_facts(py::class_<Model>& c) {
  c.def_property_readonly("config", &Model::config, py::return_value_policy::copy, "config.json's fields.");
  c.def_property_readonly("path", &Model::path, "Where it was loaded from, or an empty path.");
  c.def_property_readonly(
      "digest", [](const Model& self) { return compute([&] { return self.digest(); }); },
      "SHA-256 over configuration and weights, hex. Adapters, evaluations and training runs ask for it, "
      "generating "
      "alone does not: the first time all weights are hashed (half a second for each gigabyte on two "
      "cores).");
  c.def_property_readonly("parameter_count", &Model::parameter_count);
  c.def_property_readonly("memory_bytes", &Model::memory_bytes, "Bytes of the packed weights, of this rank.");
  c.def_property_readonly(
      "tensor_parallel_rank", &Model::tensor_parallel_rank,
      "Which of tensor_parallel_size processes this is; 0 where all of the model is here.");
  c.def_property_readonly(
      "quantize", &Model::quantize,
      "How matrices are held: \"none\", \"int8\", \"int4\", \"fp8\" (but for table and head) or "
      "\"mixed\".");
  c.def_property_readonly("device", &Model::device, "For people: \"cpu (avx512)\".");
  c.def_property_readonly("linear_names", &Model::linear_names,
                          "What target_modules can name, e.g. \"model.layers.0.mlp.up_proj\".");
  c.def_property_readonly("has_tokenizer", &Model::has_tokenizer);
  c.def_property_readonly("has_chat_template", &Model::has_chat_template);
  c.def("__repr__", [](const Model& self) {
    return "Model(" + self.config().model_type + ", " + std::to_string(self.parameter_count()) +
           " parameters, " + self.device() + ")";
  });
}

}  // namespace

void bind_model(py::module_& m) {
  bind_options<ModelConfig>(m, "ModelConfig", "What config.json says, under Hugging Face's own names.");
  bind_options<ModelOptions>(m, "ModelOptions", "Where and how a model computes.");
  bind_options<RenderOptions>(m, "RenderOptions", "How a conversation is rendered.");
  py::class_<Model> c(
      m, "Model",
      "A frozen decoder-only transformer with its tokenizer and chat template. Weights are held once and\n"
      "shared by every trainer and engine that is given this object. Safe from several threads.");
  bind_making(c);
  bind_facts(c);
  c.def(
      "save",
      [](const Model& self, const std::filesystem::path& folder, const std::string& dtype) {
        compute([&] { self.save(folder, dtype); });
      },
      py::arg("folder"), py::kw_only(), py::arg("dtype") = "auto",
      "Writes the same layout, durably and atomically. dtype: \"auto\" keeps the stored precision, or "
      "\"float32\",\n"
      "\"bfloat16\".\n\n>>> model.save(\"models/copy\")");
  c.def(
      "save_merged",
      [](const Model& self, const std::filesystem::path& folder, const Adapter& adapter,
         const std::string& dtype) { compute([&] { self.save_merged(folder, adapter, dtype); }); },
      py::arg("folder"), py::arg("adapter"), py::kw_only(), py::arg("dtype") = "auto",
      "Writes the model with W + scale * B A in place of every adapted W.\n\n"
      ">>> model.save_merged(\"models/merged\", adapter)");
  c.def(
      "follow", &follow,
      "On every rank but 0 of tensor_parallel_size: computes this rank's share until the engine of rank 0 is "
      "closed.\n"
      "RuntimeError names a rank that is lost.\n\n"
      ">>> model = whorl.Model.load(\"models/base\", tensor_parallel_size=2)  # in two processes\n"
      ">>> if model.tensor_parallel_rank > 0:\n"
      "...     model.follow()\n"
      "... else:\n"
      "...     with whorl.InferenceEngine(model) as engine:\n"
      "...         answer = engine.generate(\"Hello\")");
  c.def(
      "encode",
      [](const Model& self, const std::string& text, bool special) {
        return compute([&] { return self.encode(text, special); });
      },
      py::arg("text"), py::kw_only(), py::arg("add_special_tokens") = true,
      "Token ids of a text. add_special_tokens: with what the tokenizer puts around a text (usually BOS).\n\n"
      ">>> ids = model.encode(\"Hello\")");
  c.def(
      "decode",
      [](const Model& self, const std::vector<int32_t>& ids, bool skip) {
        return compute([&] { return self.decode(ids, skip); });
      },
      py::arg("ids"), py::kw_only(), py::arg("skip_special_tokens") = true,
      "The text of token ids.\n\n>>> model.decode(model.encode(\"Hello\"))\n'Hello'");
  {
    OwnSignatures own;
    c.def("logits", &logits, py::arg("ids"), py::arg("adapter").none(true) = nullptr,
          "logits(self, ids: list[int], adapter: Adapter | None = None) -> numpy.ndarray\n\n"
          "Logits [tokens, vocab_size] after each token, float32. Holds them all: for tests and analysis.\n\n"
          ">>> model.logits([1, 2, 3]).shape\n(3, 64)");
  }
}

}  // namespace whorl::python

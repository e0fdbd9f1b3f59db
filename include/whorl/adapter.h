#pragma once
// A LoRA adapter as data: for every adapted linear W of a base model two small matrices, so that the layer
// computes W x + scale * B (A x). It knows no model; trainers make adapters, engines and models bind them.
#include <whorl/types.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace whorl {

// One tensor under its name in adapter_model.safetensors, values in row-major order.
struct AdapterTensor {
  std::string name;            // "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight"
  std::vector<int64_t> shape;  // lora_A: [rank, inputs]; lora_B: [outputs, rank]
  std::vector<float> values = {};
};

// One adapted linear.
struct AdapterModule {
  std::string name;  // as the base model calls it: "model.layers.0.self_attn.q_proj"
  int64_t rank = 0;
  int64_t inputs = 0;   // columns of A
  int64_t outputs = 0;  // rows of B
  double alpha = 0;     // after alpha_pattern
  double scale = 0;     // alpha / rank, or alpha / sqrt(rank) with rank-stabilised LoRA
};

struct AdapterSaveOptions {
  // "float32" keeps every bit; "bfloat16" halves the file, and rounds (so the digest changes).
  std::string dtype = "float32";
};

// Cheap to copy: a handle on shared, immutable data. All const members are safe from several threads.
// A default-constructed Adapter is empty; every member but empty() then throws std::invalid_argument.
class WHORL_API Adapter {
 public:
  Adapter() = default;

  // Reads a PEFT folder: adapter_config.json and adapter_model.safetensors (float32, bfloat16 or float16).
  // The file is checked before anything is used: every tensor must be half of a complete pair of the rank
  // that the configuration gives it, every number finite. What would compute something else than plain LoRA
  // (DoRA, aLoRA, trained biases, modules_to_save, inits that change the base, …) and pickles (.bin) are
  // refused by name. std::invalid_argument for contents, std::runtime_error for what the disk refuses.
  static Adapter load(const std::filesystem::path& folder);

  // Writes a PEFT folder, creating it if need be. Durable when it returns; each file is replaced whole.
  // The same adapter gives the same bytes.
  void save(const std::filesystem::path& folder, const AdapterSaveOptions& options = {}) const;

  bool empty() const { return impl_ == nullptr; }

  int64_t rank() const;  // the configuration's r; single modules may differ, see modules()
  double alpha() const;  // the configuration's lora_alpha
  bool use_rslora() const;
  // Names or endings, sorted; {"all-linear"}; or the one regular expression.
  std::vector<std::string> target_modules() const;
  std::string base_model() const;  // base_model_name_or_path, "" if unknown

  // Sorted by name.
  std::vector<AdapterModule> modules() const;
  // Names and shapes, sorted by name; values stay empty.
  std::vector<AdapterTensor> tensors() const;
  // One tensor with its values in float32. Throws std::invalid_argument naming the nearest name.
  AdapterTensor tensor(const std::string& name) const;
  int64_t parameter_count() const;
  size_t memory_bytes() const;

  // Frobenius norm of scale * B A: how far the adapter moves each linear. Zero means it does nothing there.
  std::map<std::string, double> delta_norms() const;

  // SHA-256 in hex over what the adapter computes: module names, shapes, scales and float32 values. Equal
  // digests mean equal adapters, whatever folder or precision they were stored in.
  const std::string& digest() const;

  // Free text that travels inside adapter_model.safetensors.
  const std::map<std::string, std::string>& metadata() const;
  Adapter with_metadata(std::map<std::string, std::string> metadata) const;

  // What was read but has no effect here, such as configuration keys of a newer PEFT.
  const std::vector<std::string>& warnings() const;

  // adapter_config.json as save() writes it.
  std::string config_json() const;

  struct Impl;
  explicit Adapter(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}
  const std::shared_ptr<const Impl>& impl() const { return impl_; }

 private:
  std::shared_ptr<const Impl> impl_;
};

}  // namespace whorl

#pragma once
// LoRA as data. Matrices are float32 in memory whatever the file held: A [R, K], B [O, R], and the layer
// adds scale * B (A x). Names of modules are the base model's own ("model.layers.0.self_attn.q_proj").
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "tensor/tensor.h"

namespace whorl::adapter {

inline constexpr int64_t max_rank = 8192;

// Which modules a configuration means: a list of names or endings, one regular expression over the whole
// name, every linear but the output head, or (nothing given) the family's default, q_proj and v_proj.
struct Targets {
  enum class Kind : uint8_t { family_default, list, regex, all_linear };
  Kind kind = Kind::family_default;
  std::vector<std::string> names;  // list
  std::string regex;

  static Targets of_list(std::vector<std::string> names);  // {"all-linear"} alone means all_linear
};

// adapter_config.json, as far as it matters to plain LoRA. Field names are PEFT's, spelled out.
struct LoraConfig {
  int64_t rank = 8;
  double alpha = 8;
  bool use_rslora = false;
  // Regular expressions over module names, first match wins. α does not follow a changed rank.
  std::vector<std::pair<std::string, int64_t>> rank_pattern;
  std::vector<std::pair<std::string, double>> alpha_pattern;
  Targets targets;
  Targets exclude;                           // kind list or regex; family_default here means none
  std::vector<int64_t> layers_to_transform;  // empty: all
  std::vector<std::string> layers_pattern;
  double dropout = 0;         // training only
  std::string init = "true";  // init_lora_weights: "true", "false", "gaussian", or a name kept as read
  std::string task_type = "CAUSAL_LM";
  std::string base_model_name_or_path;
  std::string revision;
};

struct LoraModule {
  std::string name;
  Tensor a, b;
  int64_t rank = 0;
  double alpha = 0;
  double scale = 0;

  int64_t inputs() const { return a.dim(1); }
  int64_t outputs() const { return b.dim(0); }
};

struct LoraAdapter {
  LoraConfig config;
  std::vector<LoraModule> modules;              // sorted by name
  std::map<std::string, std::string> metadata;  // free text; "base_model_digest" is compared when binding
  std::vector<std::string> warnings;
  std::string stored_dtype = "float32";
};

// One linear of a base model: weight [outputs, inputs].
struct BaseModule {
  int64_t outputs = 0, inputs = 0;
};
struct BaseDescription {
  std::map<std::string, BaseModule> modules;
  std::string digest;  // compared with the adapter's when both are known
};

double scale_of(double alpha, int64_t rank, bool use_rslora);

// Throws std::invalid_argument, opening with `context`, unless rank, alpha, dropout and patterns make sense.
void check_config(const LoraConfig& config, const std::string& context);

// A new adapter for the modules of `base` that the configuration targets; A drawn by (seed, module name), so
// a module's start does not depend on which others are adapted. `init` "true": A uniform in ±1/√K, B zero;
// "gaussian": A normal with standard deviation 1/R, B zero; "false": both random, so that BA is not zero.
// The configuration of the result lists its targets by name.
LoraAdapter create_lora(const LoraConfig& config, const BaseDescription& base, uint64_t seed);

// Throws std::invalid_argument naming the tensor unless shapes agree, ranks are positive and all numbers
// finite.
void check_lora(const LoraAdapter& adapter, const std::string& context);

// ‖scale · B A‖_F.
double delta_norm(const LoraModule& module);

// SHA-256 over names, shapes, scales and values, in name order.
std::string digest_of(const LoraAdapter& adapter);

}  // namespace whorl::adapter

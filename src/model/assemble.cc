#include "model/assemble.h"

#include "base/check.h"
#include "base/log.h"
#include "model/decoder.h"
#include "model/kept_weights.h"
#include "ops/device.h"

namespace whorl::model {

namespace {
DecoderWeights pack(Model::Impl& impl, const Numbers& numbers, const ModelOptions& options,
                    Rounding rounding) {
  std::optional<KeptWeights> kept;
  if (!options.weights_cache.empty() && impl.backend->weight_layout().empty())
    base::log(base::LogLevel::warn, "[Model.load] weights_cache is not used: weights of ",
              impl.backend->name(), " are not kept");
  else if (!options.weights_cache.empty())
    kept.emplace(options, impl.path, numbers.files, impl.backend);
  if (kept) rounding.kept = kept->open(impl.config);
  std::vector<std::string> known;
  DecoderWeights weights = pack_weights(impl.config, numbers.source, *impl.backend, false, rounding, &known);
  if (kept && !rounding.kept) kept->keep(impl.config, weights, known);
  impl.read_digest = read_digest(impl.config, impl.backend, weights, std::move(known));
  return weights;
}

DecoderWeights pack_on_device(Model::Impl& impl, const Numbers& numbers, const ModelOptions& options,
                              const Rounding& rounding) {
  const bool chosen = !impl.backend && options.device == "auto";
  if (!impl.backend) impl.backend = ops::make_backend(options.device, options.threads);
  if (!chosen) return pack(impl, numbers, options, rounding);
  try {
    return pack(impl, numbers, options, rounding);
  } catch (const ops::DeviceMemoryError& error) {
    base::log(base::LogLevel::warn, "device 'auto' is the CPU: ", error.what());
  }
  impl.backend = ops::make_backend("cpu", options.threads);
  return pack(impl, numbers, options, rounding);
}
}  // namespace

void assemble(Model::Impl& impl, const Numbers& numbers, const ModelOptions& options,
              const std::string& context) {
  base::check_argument(options.weights_cache.empty() || !numbers.files.empty(), context,
                       " weights_cache is for models that are loaded, not made");
  const bool keep = options.quantize == "auto";
  const Rounding rounding{keep ? ops::Quantize::none : quantize_named(options.quantize, context),
                          numbers.stored};
  const TextParts parts = parse_text_files(impl.text_files, context);
  impl.tokenizer = parts.tokenizer;
  impl.chat_template = parts.chat_template;
  if (impl.config.vocab_size == 0 && parts.tokenizer)
    impl.config.vocab_size = static_cast<int64_t>(parts.tokenizer->vocab_size());
  apply_generation_config(impl.text_files, parts, context, impl.config);
  impl.config = complete_config(std::move(impl.config), context);
  DecoderWeights weights = pack_on_device(impl, numbers, options, rounding);
  impl.quantize = held_as(impl.config, weights);
  impl.transformer =
      std::make_shared<const Decoder>(impl.config, impl.backend, std::move(weights), impl.read_digest);
  impl.rounding = impl.quantize == "none" ? "" : keep ? "stored" : options.quantize;
}

std::map<std::string, Tensor> host_tensors(const Model::Impl& impl, const std::string& dtype,
                                           const std::string& context) {
  base::check_argument(impl.quantize == "none", context, " this model's weights were rounded to ",
                       impl.quantize == "mixed" ? "whole numbers" : impl.quantize,
                       " on loading; load it with quantize='none' to save it");
  const bool keep = dtype == "auto";
  const DType wanted = keep ? DType::float32 : dtype_named(dtype, context);
  DecoderWeights weights = impl.transformer->weights();
  std::map<std::string, Tensor> out;
  for (const TensorSlot& slot : tensor_slots(impl.config, weights)) {
    Tensor x = unpack(slot, impl.transformer->backend());
    if (!keep) x = convert(x, wanted);
    // Norms and biases are held in float32 whatever the file had; nothing is lost by giving them back.
    if (keep && slot.vector && impl.config.torch_dtype == "bfloat16" && exact_in_bfloat16(x))
      x = convert(x, DType::bfloat16);
    out.emplace(slot.spec.name, std::move(x));
  }
  return out;
}

}  // namespace whorl::model

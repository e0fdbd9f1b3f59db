#include "model/assemble.h"

#include "base/check.h"
#include "base/log.h"
#include "model/decoder.h"
#include "model/join_ranks.h"
#include "model/kept_weights.h"
#include "model/rank_sums.h"
#include "ops/device.h"

namespace whorl::model {

namespace {
// What this process packs: the whole model, or its share.
struct Work {
  const Numbers& numbers;
  const ModelOptions& options;
  const std::string& context;
  Share share;
  Rounding rounding;  // of the whole
};

std::optional<KeptWeights> kept_weights(const Model::Impl& impl, const Work& work) {
  if (work.options.weights_cache.empty()) return {};
  if (impl.backend->weight_layout().empty()) {
    base::log(base::LogLevel::warn, "[Model.load] weights_cache is not used: weights of ",
              impl.backend->name(), " are not kept");
    return {};
  }
  const std::string part =
      work.share.whole() ? "" : base::concat("rank ", work.share.rank, " of ", work.share.size);
  return KeptWeights(work.options, impl.path, work.numbers.files, impl.backend, part);
}

// Before anything is read.
void expect_fp8(const Model::Impl& impl, const Work& work) {
  const bool asked = work.rounding.quantize == ops::Quantize::fp8;
  base::check_argument(!asked || impl.backend->takes_fp8(), work.context,
                       ": quantize 'fp8' needs a GPU (device 'cuda'), and the device is ",
                       impl.backend->name(), "; use 'int8' or 'int4' here");
  base::check_argument(!asked || work.share.whole(), work.context,
                       ": quantize 'fp8' is not shared over ranks; expected tensor_parallel_size 1, got ",
                       work.share.size);
}

DecoderWeights pack(Model::Impl& impl, const Work& work) {
  expect_fp8(impl, work);
  const Share& share = work.share;
  const ModelConfig config = config_of(share, impl.config);
  const std::optional<KeptWeights> kept = kept_weights(impl, work);
  Rounding rounding = work.rounding;
  rounding.stored = part_of(share, impl.config, rounding.stored, work.context);
  if (kept) rounding.kept = kept->open(config);
  if (share.whole()) rounding.stays = work.numbers.stays;
  std::vector<std::string> known;
  DecoderWeights weights = pack_weights(config, part_of(share, impl.config, work.numbers.source),
                                        *impl.backend, false, rounding, share.whole() ? &known : nullptr);
  known.resize(tensor_specs(config).size());
  if (kept && !rounding.kept) kept->keep(config, weights, known);
  impl.read_digest = share.whole() ? read_digest(impl.config, impl.backend, weights, std::move(known))
                                   : read_digest(impl.config, work.numbers.source, work.rounding);
  return weights;
}

DecoderWeights pack_on_device(Model::Impl& impl, const Work& work) {
  const ModelOptions& options = work.options;
  const bool chosen = !impl.backend && options.device == "auto";
  if (!impl.backend) impl.backend = ops::make_backend(options.device, options.threads);
  if (!chosen) return pack(impl, work);
  try {
    return pack(impl, work);
  } catch (const ops::DeviceMemoryError& error) {
    base::log(base::LogLevel::warn, "device 'auto' is the CPU: ", error.what());
  }
  impl.backend = ops::make_backend("cpu", options.threads);
  return pack(impl, work);
}
void make_transformer(Model::Impl& impl, DecoderWeights weights, const std::string& context) {
  if (!impl.ranks) {
    impl.transformer =
        std::make_shared<const Decoder>(impl.config, impl.backend, std::move(weights), impl.read_digest);
    return;
  }
  const auto sums = std::make_shared<RankSums>(impl.ranks, *impl.backend, context);
  auto mine = std::make_shared<const Decoder>(impl.config, impl.backend, std::move(weights), impl.read_digest,
                                              share_of(impl.ranks), [sums](const Tensor& x) { (*sums)(x); });
  impl.parallel = std::make_shared<const ParallelTransformer>(std::move(mine), impl.ranks);
  impl.transformer = impl.parallel;
}

// What is done once the configuration is whole.
void assemble_weights(Model::Impl& impl, const Numbers& numbers, const ModelOptions& options,
                      const std::string& context) {
  const bool keep = options.quantize == "auto";
  const Work work{
      numbers, options, context, share_of(impl.ranks),
      Rounding{keep ? ops::Quantize::none : quantize_named(options.quantize, context), numbers.stored}};
  if (impl.ranks)
    expect_same_model(*impl.ranks, options, impl.config,
                      numbers.files.empty() ? numbers.made_of : samples_of(numbers.files), context);
  DecoderWeights weights = pack_on_device(impl, work);
  impl.quantize = held_as(impl.config, weights);
  impl.rounding = impl.quantize == "none" ? "" : keep ? "stored" : options.quantize;
  make_transformer(impl, std::move(weights), context);
}
}  // namespace

void assemble(Model::Impl& impl, const Numbers& numbers, const ModelOptions& options,
              const std::string& context) {
  base::check_argument(options.weights_cache.empty() || !numbers.files.empty(), context,
                       " weights_cache is for models that are loaded, not made");
  const bool rounded = options.quantize == "auto"
                           ? numbers.rounded
                           : quantize_named(options.quantize, context) != ops::Quantize::none;
  const TextParts parts = parse_text_files(impl.text_files, context);
  impl.tokenizer = parts.tokenizer;
  impl.chat_template = parts.chat_template;
  if (impl.config.vocab_size == 0 && parts.tokenizer)
    impl.config.vocab_size = static_cast<int64_t>(parts.tokenizer->vocab_size());
  apply_generation_config(impl.text_files, parts, context, impl.config);
  impl.config = complete_config(std::move(impl.config), context);
  if (!impl.ranks) impl.ranks = join_ranks(options, impl.config, rounded, context);
  try {
    if (impl.ranks) check_share(impl.config, impl.ranks->size(), rounded, context);
    assemble_weights(impl, numbers, options, context);
  } catch (const std::exception& error) {
    if (impl.ranks) impl.ranks->fail(error.what());
    throw;
  }
}

std::map<std::string, Tensor> host_tensors(const Model::Impl& impl, const std::string& dtype,
                                           const std::string& context) {
  impl.expect_whole(context);
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

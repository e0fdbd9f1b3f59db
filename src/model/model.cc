// The public Model: questions and text.
#include "whorl/model.h"

#include <numeric>

#include "adapter/adapter_impl.h"
#include "base/check.h"
#include "base/hash.h"
#include "model/layout.h"
#include "model/model_impl.h"
#include "model/weights.h"
#include "text/messages_json.h"
#include "text/model_text.h"

namespace whorl {

Model::Model(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}

std::string Model::Impl::digest() const {
  const std::string& read = read_digest->get();
  return rounding.empty() ? read : base::sha256_hex(read + "/" + rounding);
}

void Model::Impl::expect_whole(const std::string& context) const {
  base::check_argument(!ranks, context, " a share of the model is here (rank ", ranks ? ranks->rank() : 0,
                       " of ", ranks ? ranks->size() : 1,
                       "), and this needs all of it: load it with tensor_parallel_size 1");
}

int Model::tensor_parallel_rank() const { return impl_->ranks ? impl_->ranks->rank() : 0; }

void Model::follow(const std::function<bool()>& stop) const {
  base::check_argument(impl_->parallel != nullptr,
                       "[Model.follow] all of the model is here (tensor_parallel_size 1): nobody leads");
  impl_->parallel->follow(stop);
}

const ModelConfig& Model::config() const { return impl_->config; }
const std::filesystem::path& Model::path() const { return impl_->path; }
std::string Model::digest() const { return impl_->digest(); }
int64_t Model::parameter_count() const { return model::parameter_count(impl_->config); }
std::string Model::quantize() const { return impl_->quantize; }
size_t Model::memory_bytes() const { return impl_->transformer->weights().nbytes(); }
std::string Model::device() const { return impl_->transformer->backend().name(); }
std::vector<std::string> Model::linear_names() const { return impl_->transformer->linear_names(); }
bool Model::has_tokenizer() const { return impl_->tokenizer != nullptr; }
bool Model::has_chat_template() const { return impl_->chat_template != nullptr; }

namespace {
const text::Tokenizer& tokenizer_of(const Model::Impl& impl, const char* operation) {
  base::check_argument(impl.tokenizer != nullptr, "[", operation, "] this model has no tokenizer (",
                       impl.no_tokenizer, ")");
  return *impl.tokenizer;
}
}  // namespace

std::vector<int32_t> Model::encode(const std::string& text, bool add_special_tokens) const {
  return tokenizer_of(*impl_, "Model.encode").encode(text, add_special_tokens);
}

std::string Model::decode(const std::vector<int32_t>& ids, bool skip_special_tokens) const {
  return tokenizer_of(*impl_, "Model.decode").decode(ids, skip_special_tokens);
}

std::string Model::apply_chat_template(const std::vector<Message>& messages, const std::vector<Tool>& tools,
                                       const RenderOptions& options) const {
  base::check_argument(impl_->chat_template != nullptr,
                       "[Model.apply_chat_template] this model has no chat template "
                       "(no chat_template.jinja, and none in tokenizer_config.json)");
  const std::string tools_text = text::tools_json(tools);
  text::RenderOptions render;
  render.tools_json = tools_text;
  render.add_generation_prompt = options.add_generation_prompt;
  render.extra_json = options.variables;
  return impl_->chat_template->render_text(text::messages_json(messages), render);
}

std::vector<float> Model::logits(const std::vector<int32_t>& ids, const Adapter* adapter) const {
  base::check_argument(!ids.empty(), "[Model.logits] expected at least one token");
  const model::Transformer& transformer = *impl_->transformer;
  const auto n = static_cast<int64_t>(ids.size());
  base::check_argument(n <= impl_->config.max_position_embeddings, "[Model.logits] ", n,
                       " tokens are more than the model's ", impl_->config.max_position_embeddings);
  const auto lead = transformer.lead();
  constexpr int64_t kPage = 16;
  const int64_t pages = (n + kPage - 1) / kPage;
  model::KvCache cache = transformer.make_kv_cache(pages, kPage);
  std::vector<int32_t> positions(ids.size()), page_list(static_cast<size_t>(pages));
  std::iota(positions.begin(), positions.end(), 0);
  std::iota(page_list.begin(), page_list.end(), 0);
  std::shared_ptr<model::DeviceAdapter> prepared;
  if (adapter) prepared = transformer.prepare(adapter::adapter_impl(*adapter));
  const model::AdapterRows rows{0, n, prepared.get()};
  const ops::PagedSequence sequence{0, n, 0, page_list};
  const Tensor out = transformer.step({ids, positions, {&rows, 1}}, {&sequence, 1}, cache, positions);
  return {out.data<float>(), out.data<float>() + out.numel()};
}

namespace text {
ModelText model_text(const Model& model) {
  const Model::Impl& impl = *model.impl();
  ModelText out{
      impl.tokenizer, impl.chat_template, impl.config.max_position_embeddings, {}, impl.no_tokenizer};
  for (const int64_t id : impl.config.eos_token_ids) out.eos.push_back(static_cast<TokenId>(id));
  return out;
}
}  // namespace text

}  // namespace whorl

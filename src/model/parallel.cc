// Rank 0's half.
#include "model/parallel.h"

#include "base/check.h"

namespace whorl::model {

ParallelTransformer::ParallelTransformer(std::shared_ptr<const Decoder> mine,
                                         std::shared_ptr<ranks::Communicator> all)
    : mine_(std::move(mine)), all_(std::move(all)) {
  if (all_->rank() == 0) leader_ = std::make_shared<Leader>(all_);
}

void ParallelTransformer::expect_leader() const {
  base::check_argument(leader_ != nullptr, "[Model] rank ", all_->rank(), " of ", all_->size(),
                       " has a share of the model and answers nothing itself: call follow() on it, and make "
                       "the engine on rank 0");
}

std::shared_ptr<const void> ParallelTransformer::lead() const {
  expect_leader();
  return leader_->session();
}

std::shared_ptr<DeviceAdapter> ParallelTransformer::prepare(const adapter::LoraAdapter& lora) const {
  expect_leader();
  const std::vector<LinearLora> pairs = mine_->bound(lora);
  const auto number = leader_->new_number();
  RankMessage message;
  message.kind = RankMessage::Kind::pack_adapter;
  message.number = *number;
  for (const LinearLora& one : pairs)
    message.pairs.push_back({static_cast<int64_t>(one.linear), one.rank, one.scale});
  std::shared_ptr<DeviceAdapter> out;
  std::exception_ptr error;
  leader_->together(std::move(message), [&](ranks::Communicator& all) {
    for (const LinearLora& one : pairs)
      for (const Tensor* x : {&one.pair.a, &one.pair.b}) all.broadcast(x->raw(), x->nbytes());
    error = everyone(all, [&] { out = mine_->pack(pairs); });
  });
  if (error) std::rethrow_exception(error);
  out->digest = adapter::digest_of(lora);
  out->on_ranks = number;
  return out;
}

KvCache ParallelTransformer::make_kv_cache(int64_t pages, int64_t page_size) const {
  expect_leader();
  const auto number = leader_->new_number();
  RankMessage message;
  message.kind = RankMessage::Kind::make_cache;
  message.number = *number;
  message.pages = pages, message.page_size = page_size;
  KvCache out;
  std::exception_ptr error;
  leader_->together(std::move(message), [&](ranks::Communicator& all) {
    error = everyone(all, [&] { out = mine_->make_kv_cache(pages, page_size); });
  });
  if (error) std::rethrow_exception(error);
  out.on_ranks = number;
  return out;
}

namespace {
RankMessage step_message(const Batch& batch, std::span<const ops::PagedSequence> sequences,
                         const KvCache& cache) {
  RankMessage m;
  m.kind = RankMessage::Kind::step;
  m.number = *cache.on_ranks;
  m.ids.assign(batch.ids.begin(), batch.ids.end());
  m.positions.assign(batch.positions.begin(), batch.positions.end());
  for (const ops::PagedSequence& s : sequences) {
    m.sequences.push_back({s.begin, s.end, s.past, std::ssize(s.pages)});
    m.sequence_pages.insert(m.sequence_pages.end(), s.pages.begin(), s.pages.end());
  }
  for (const AdapterRows& rows : batch.adapters)
    if (rows.adapter) m.adapters.push_back({rows.begin, rows.end, *rows.adapter->on_ranks});
  return m;
}
}  // namespace

Tensor ParallelTransformer::step(const Batch& batch, std::span<const ops::PagedSequence> sequences,
                                 KvCache& cache, std::span<const int32_t> logit_rows) const {
  return step_for(batch, sequences, cache, logit_rows, {}).all;
}

StepLogits ParallelTransformer::step_for(const Batch& batch, std::span<const ops::PagedSequence> sequences,
                                         KvCache& cache, std::span<const int32_t> logit_rows,
                                         const LogitsWanted& wanted) const {
  return lead_step(batch, sequences, cache, logit_rows,
                   [&] { return mine_->step_for(batch, sequences, cache, logit_rows, wanted); });
}

StepLogits ParallelTransformer::lead_step(const Batch& batch, std::span<const ops::PagedSequence> sequences,
                                          KvCache& cache, std::span<const int32_t> logit_rows,
                                          const std::function<StepLogits()>& mine) const {
  expect_leader();
  mine_->check_batch(batch, sequences, cache, logit_rows);
  base::check_argument(cache.on_ranks != nullptr, "[Transformer.step] the cache belongs to another model");
  for (const AdapterRows& rows : batch.adapters)
    base::check_argument(!rows.adapter || rows.adapter->on_ranks,
                         "[Transformer.step] the adapter was prepared for another model");
  StepLogits logits;
  leader_->together(step_message(batch, sequences, cache), [&](ranks::Communicator&) { logits = mine(); });
  return logits;
}

Tensor ParallelTransformer::rope(int64_t) const {
  throw std::logic_error("[Model] a share of a model has no training pass");
}
void ParallelTransformer::prepare_backward(bool) const {
  throw std::logic_error("[Model] a share of a model has no training pass");
}

}  // namespace whorl::model

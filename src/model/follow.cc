// The other ranks' half of a model that several compute.
#include "base/check.h"
#include "model/parallel.h"

namespace whorl::model {

namespace {
template <class Map>
auto& found_in(Map& all, uint64_t number, const char* what) {
  const auto found = all.find(number);
  if (found == all.end())
    base::failed("[Model.follow] rank 0 computes with ", what, " ", number,
                 ", which this rank does not hold");
  return found->second;
}
}  // namespace

void ParallelTransformer::follow_cache(const RankMessage& message) const {
  everyone(*all_, [&] { caches_[message.number] = mine_->make_kv_cache(message.pages, message.page_size); });
}

// Rank 0 says what failed.
void ParallelTransformer::follow_measure(const RankMessage& message) const {
  StepMemory least;
  measure(message.limits, least);
}

void ParallelTransformer::follow_adapter(const RankMessage& message) const {
  std::vector<LinearLora> pairs;
  for (const RankMessage::Pair& pair : message.pairs) {
    const auto linear = static_cast<size_t>(pair.linear);
    if (linear >= linear_names().size() || pair.rank < 1 || pair.rank > adapter::max_rank)
      base::failed("[Model.follow] rank 0 sent an adapter of another model");
    const Shape shape = linear_shape(linear);
    const Tensor a = Tensor::zeros(DType::float32, {pair.rank, shape[1]}),
                 b = Tensor::zeros(DType::float32, {shape[0], pair.rank});
    for (const Tensor* x : {&a, &b}) all_->broadcast(x->raw(), x->nbytes());
    pairs.push_back({linear, pair.rank, pair.scale, {a, b}});
  }
  everyone(*all_, [&] { adapters_[message.number] = mine_->pack(pairs); });
}

// No logits: rank 0 has all of the head.
void ParallelTransformer::follow_step(const RankMessage& m) const {
  std::vector<ops::PagedSequence> sequences;
  std::span<const int32_t> pages = m.sequence_pages;
  for (const RankMessage::Rows& rows : m.sequences) {
    if (rows.pages < 0 || rows.pages > std::ssize(pages))
      base::failed("[Model.follow] rank 0 sent too few pages");
    sequences.push_back({rows.begin, rows.end, rows.past, pages.first(static_cast<size_t>(rows.pages))});
    pages = pages.subspan(static_cast<size_t>(rows.pages));
  }
  std::vector<AdapterRows> adapters;
  for (const RankMessage::Adapted& rows : m.adapters)
    adapters.push_back({.begin = rows.begin,
                        .end = rows.end,
                        .adapter = found_in(adapters_, rows.adapter, "adapter").get()});
  mine_->step({m.ids, m.positions, adapters}, sequences, found_in(caches_, m.number, "cache"), {});
}

bool ParallelTransformer::obey(const RankMessage& message) const {
  for (const uint64_t number : message.gone) caches_.erase(number), adapters_.erase(number);
  switch (message.kind) {
    case RankMessage::Kind::make_cache:
      follow_cache(message);
      return true;
    case RankMessage::Kind::pack_adapter:
      follow_adapter(message);
      return true;
    case RankMessage::Kind::step:
      follow_step(message);
      return true;
    case RankMessage::Kind::measure:
      follow_measure(message);
      return true;
    case RankMessage::Kind::idle:
      all_->barrier();
      return true;
    case RankMessage::Kind::end:
      all_->barrier();
      return false;
  }
  base::failed("[Model.follow] rank 0 sent what this version does not know");
}

int64_t ParallelTransformer::held() const {
  const std::lock_guard lock(following_);
  return std::ssize(caches_) + std::ssize(adapters_);
}

void ParallelTransformer::follow(const std::function<bool()>& stop) const {
  base::check_argument(!leader_,
                       "[Model.follow] rank 0 leads: make the engine here, and follow on the others");
  const std::lock_guard lock(following_);
  try {
    while (obey(receive(*all_)))
      if (stop && stop()) base::failed("[Model.follow] rank ", all_->rank(), " was asked to stop");
  } catch (const std::exception& e) {
    all_->fail(e.what());
    throw;
  }
}

}  // namespace whorl::model

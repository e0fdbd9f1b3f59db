// A sequence's logits are the same bits however it was cut into steps and whatever shares them.
#include <gtest/gtest.h>

#include <numeric>

#include "adapter/adapter_impl.h"
#include "base/random.h"
#include "model/golden.h"
#include "model/model_impl.h"

namespace whorl {
namespace {

using namespace testing;  // whorl::testing

constexpr int64_t kPage = 4;

// One sequence being fed into a shared cache.
struct Fed {
  std::vector<int32_t> ids, pages;
  int64_t done = 0;
  const model::DeviceAdapter* adapter = nullptr;
  std::vector<float> logits = {};
};

// Feeds `counts[i]` tokens of sequence i in one step.
void feed(const model::Transformer& t, model::KvCache& cache, std::vector<Fed*> sequences,
          const std::vector<int64_t>& counts) {
  std::vector<int32_t> ids, positions, rows;
  std::vector<ops::PagedSequence> paged;
  std::vector<model::AdapterRows> adapters;
  for (size_t i = 0; i < sequences.size(); ++i) {
    Fed& s = *sequences[i];
    const auto begin = static_cast<int64_t>(ids.size());
    for (int64_t k = 0; k < counts[i]; ++k) {
      ids.push_back(s.ids[static_cast<size_t>(s.done + k)]);
      positions.push_back(static_cast<int32_t>(s.done + k));
    }
    const auto end = static_cast<int64_t>(ids.size());
    paged.push_back({begin, end, s.done, s.pages});
    if (s.adapter) adapters.push_back({begin, end, s.adapter});
    s.done += counts[i];
  }
  rows.resize(ids.size());
  std::iota(rows.begin(), rows.end(), 0);
  const Tensor out = t.step({ids, positions, adapters}, paged, cache, rows);
  const int64_t vocabulary = out.dim(1);
  for (size_t i = 0; i < sequences.size(); ++i)
    sequences[i]->logits.insert(sequences[i]->logits.end(), out.data<float>() + paged[i].begin * vocabulary,
                                out.data<float>() + paged[i].end * vocabulary);
}

class Step : public ::testing::TestWithParam<std::string> {};

TEST_P(Step, SameBitsAloneOrTogetherWholeOrInPieces) {
  TemporaryFolder folder;
  const Model model = Model::load(model_folder(GetParam(), folder.path()));
  const model::Transformer& t = *model.impl()->transformer;
  const Adapter adapter = Adapter::load(golden_root() / GetParam() / "adapter");
  const auto prepared = t.prepare(adapter::adapter_impl(adapter));
  std::vector<Fed> fed;
  for (uint64_t i = 0; i < 3; ++i) {
    Fed s;
    for (uint64_t k = 0; k < 12 + 5 * i; ++k)
      s.ids.push_back(static_cast<int32_t>(base::below(i + 1, k, 128)));
    if (i != 1) s.adapter = prepared.get();
    fed.push_back(std::move(s));
  }
  int32_t page = 40;  // pages in any order
  for (Fed& s : fed)
    for (size_t k = 0; k < 8; ++k) s.pages.push_back(--page);
  model::KvCache cache = t.make_kv_cache(40, kPage);
  feed(t, cache, {&fed[0], &fed[1]}, {5, 1});
  feed(t, cache, {&fed[2]}, {7});
  feed(t, cache, {&fed[0], &fed[1], &fed[2]}, {1, 9, 3});
  feed(t, cache, {&fed[0], &fed[1], &fed[2]}, {6, 7, 12});
  for (const Fed& s : fed) EXPECT_EQ(s.logits, model.logits(s.ids, s.adapter ? &adapter : nullptr));
  EXPECT_NE(model.logits(fed[0].ids, &adapter), model.logits(fed[0].ids));
}

INSTANTIATE_TEST_SUITE_P(Families, Step, ::testing::Values("llama", "mistral", "qwen2", "qwen3"),
                         [](const auto& c) { return c.param; });

TEST(StepArguments, AreChecked) {
  TemporaryFolder folder;
  const Model model = Model::load(model_folder("llama", folder.path()));
  const model::Transformer& t = *model.impl()->transformer;
  model::KvCache cache = t.make_kv_cache(2, kPage);
  const std::vector<int32_t> pages = {0, 1}, bad_pages = {0, 2}, zero = {0}, bad_id = {128},
                             bad_position = {256};
  const ops::PagedSequence good{0, 1, 0, pages}, bad{0, 1, 0, bad_pages};
  EXPECT_NO_THROW(t.step({zero, zero}, {&good, 1}, cache, zero));
  EXPECT_THROW(t.step({bad_id, zero}, {&good, 1}, cache, zero), std::invalid_argument);
  EXPECT_THROW(t.step({zero, bad_position}, {&good, 1}, cache, zero), std::invalid_argument);
  EXPECT_THROW(t.step({zero, zero}, {&bad, 1}, cache, zero), std::invalid_argument);
  EXPECT_THROW(t.step({zero, zero}, {&good, 1}, cache, bad_id), std::invalid_argument);
  EXPECT_EQ(t.step({zero, zero}, {&good, 1}, cache, {}).dim(0), 0);
  EXPECT_THROW(model.logits({}), std::invalid_argument);
  EXPECT_THROW(model.logits(std::vector<int32_t>(257, 1)), std::invalid_argument);
}

}  // namespace
}  // namespace whorl

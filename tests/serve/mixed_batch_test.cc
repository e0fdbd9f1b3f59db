// Promise 1: a mixed batch is each of its rows alone, bit for bit. Random requests with several adapters and
// ranks run together under many chunk sizes, page sizes and orders of arrival, and each must give the ids and
// log-probabilities that it gives alone. The same checker then has to find the faults planted in a model
// around the model.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <numeric>
#include <optional>
#include <thread>

#include "base/random.h"
#include "serve/engine_fixture.h"

namespace whorl {
namespace {

using Results = std::vector<std::vector<GenerateResult>>;  // by request, by sample

struct Roll {
  uint64_t seed, next = 0;
  int64_t operator()(int64_t n) {
    return static_cast<int64_t>(base::below(seed, next++, static_cast<uint64_t>(n)));
  }
};

std::vector<GenerateRequest> random_requests(uint64_t seed, int count, int64_t vocab,
                                             const std::vector<std::string>& adapters) {
  Roll roll{seed};
  std::vector<GenerateRequest> out;
  for (int i = 0; i < count; ++i) {
    GenerateRequest request;
    request.adapter = adapters[static_cast<size_t>(roll(std::ssize(adapters)))];
    request.prompt_ids = testing::random_ids(seed * 100 + static_cast<uint64_t>(i), 1 + roll(40), vocab);
    auto& s = request.sampling;
    s.max_new_tokens = 1 + roll(20);
    s.logprobs = roll(4);
    s.seed = static_cast<uint64_t>(roll(1000));
    if (roll(2)) s.temperature = .9;
    if (roll(4) == 0) s.top_p = .8;
    if (roll(4) == 0) s.top_k = 5;
    if (roll(4) == 0) s.repetition_penalty = 1.3;
    if (roll(4) == 0) s.n = 1 + roll(4);
    out.push_back(std::move(request));
  }
  return out;
}

struct Setting {
  int64_t max_batch_size, max_step_tokens, page_size;
  uint64_t order;
};

// Says where two runs differ in any bit.
std::optional<std::string> difference(const Results& a, const Results& b) {
  for (size_t r = 0; r < a.size(); ++r) {
    for (size_t s = 0; s < a[r].size(); ++s) {
      const auto &x = a[r][s], &y = b[r][s];
      const std::string where = "request " + std::to_string(r) + ", sample " + std::to_string(s);
      if (x.ids != y.ids || x.finish_reason != y.finish_reason) return where + ": other ids";
      if (x.logprobs.size() != y.logprobs.size()) return where + ": another number of logprobs";
      for (size_t t = 0; t < x.logprobs.size(); ++t)
        if (std::memcmp(&x.logprobs[t].logprob, &y.logprobs[t].logprob, sizeof(double)) != 0 ||
            x.logprobs[t].top != y.logprobs[t].top)
          return where + ", token " + std::to_string(t) + ": other log-probabilities";
    }
  }
  return {};
}

void add_adapters(InferenceEngine& engine, const Model& model) {
  engine.add_adapter("r2", testing::random_adapter(model, 2, 11));
  engine.add_adapter("r8", testing::random_adapter(model, 8, 12));
  engine.add_adapter("r17", testing::random_adapter(model, 17, 13));
}
const std::vector<std::string> kAdapters = {"", "r2", "r8", "r17"};

Results run_alone(const Model& model, const std::vector<GenerateRequest>& requests) {
  InferenceEngine engine(model);
  add_adapters(engine, model);
  Results out;
  for (const auto& request : requests) {
    out.emplace_back();
    for (int64_t sample = 0; sample < request.sampling.n; ++sample) {  // each sample as a request of its own
      GenerateRequest one = request;
      one.sampling.n = 1;
      one.sampling.seed = request.sampling.seed + static_cast<uint64_t>(sample);
      out.back().push_back(engine.generate(one));
    }
  }
  EXPECT_EQ(engine.stats().pages_used, 0);
  return out;
}

Results run_mixed(const Model& model, const std::vector<GenerateRequest>& requests, const Setting& setting) {
  EngineOptions options;
  options.max_batch_size = setting.max_batch_size;
  options.max_step_tokens = setting.max_step_tokens;
  options.page_size = setting.page_size;
  InferenceEngine engine(model, options);
  add_adapters(engine, model);
  std::vector<size_t> order(requests.size());
  std::iota(order.begin(), order.end(), 0);
  for (size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[base::below(setting.order, i, i)]);
  std::vector<std::optional<Generation>> running(requests.size());
  for (size_t i = 0; i < order.size(); ++i) {
    running[order[i]] = engine.submit(requests[order[i]]);
    if (i % 5 == 4)
      std::this_thread::sleep_for(std::chrono::microseconds(base::below(setting.order, 100 + i, 800)));
  }
  Results out;
  for (const auto& generation : running) out.push_back(generation->wait());
  EXPECT_EQ(engine.stats().pages_used, 0);
  EXPECT_EQ(engine.stats().running, 0);
  return out;
}

const std::vector<Setting> kSettings = {{64, 1, 16, 1}, {64, 3, 4, 2},  {64, 16, 1, 3}, {64, 512, 16, 4},
                                        {5, 512, 7, 5}, {2, 16, 32, 6}, {64, 512, 5, 7}};

void expect_mixed_equals_alone(const Model& model, uint64_t seeds, int count) {
  for (uint64_t seed = 1; seed <= seeds; ++seed) {
    const auto requests = random_requests(seed, count, model.config().vocab_size, kAdapters);
    const auto alone = run_alone(model, requests);
    for (const auto& setting : kSettings) {
      const auto found = difference(alone, run_mixed(model, requests, setting));
      EXPECT_FALSE(found) << *found << " (seed " << seed << ", max_step_tokens " << setting.max_step_tokens
                          << ", page_size " << setting.page_size << ")";
    }
  }
}

TEST(MixedBatch, EngineGivesEachRowItsOwnPagesPositionsAndAdapter) {
  expect_mixed_equals_alone(testing::fake_model(), 10, 30);
}
// Large enough that sequences choose their tokens on several threads.
TEST(MixedBatch, ThreadsThatSampleDoNotMatter) {
  expect_mixed_equals_alone(testing::fake_model(9000), 1, 24);
}
TEST(MixedBatch, Float32ModelIsBitIdentical) { expect_mixed_equals_alone(testing::tiny_model(), 3, 16); }
TEST(MixedBatch, Bfloat16ModelIsBitIdentical) {
  expect_mixed_equals_alone(testing::tiny_model(2, "bfloat16"), 2, 16);
}

// ---- planted faults ------------------------------------------------------------------------------------

enum class Fault {
  none,
  swapped_adapters,
  lost_adapter,
  past_off_by_one,
  foreign_page,
  last_bit_of_a_neighbour
};

// Does what the inner model does, except that batches of several sequences suffer from one fault.
class Faulty : public model::Transformer {
 public:
  Faulty(std::shared_ptr<const model::Transformer> inner, Fault fault)
      : inner_(std::move(inner)), fault_(fault) {}

  const ModelConfig& config() const override { return inner_->config(); }
  ops::Backend& backend() const override { return inner_->backend(); }
  const std::vector<std::string>& linear_names() const override { return inner_->linear_names(); }
  Shape linear_shape(size_t index) const override { return inner_->linear_shape(index); }
  std::shared_ptr<model::DeviceAdapter> prepare(const adapter::LoraAdapter& lora) const override {
    return inner_->prepare(lora);
  }
  size_t kv_bytes_per_page(int64_t page_size) const override { return inner_->kv_bytes_per_page(page_size); }
  model::KvCache make_kv_cache(int64_t pages, int64_t size) const override {
    return inner_->make_kv_cache(pages, size);
  }
  const model::DecoderWeights& weights() const override { return inner_->weights(); }
  Tensor rope(int64_t positions) const override { return inner_->rope(positions); }
  void prepare_backward(bool layers) const override { inner_->prepare_backward(layers); }

  Tensor step(const model::Batch& batch, std::span<const ops::PagedSequence> sequences, model::KvCache& cache,
              std::span<const int32_t> logit_rows) const override {
    std::vector<model::AdapterRows> adapters(batch.adapters.begin(), batch.adapters.end());
    std::vector<ops::PagedSequence> paged(sequences.begin(), sequences.end());
    std::vector<int32_t> positions(batch.positions.begin(), batch.positions.end());
    std::vector<int32_t> pages;
    if (adapters.size() > 1 && fault_ == Fault::swapped_adapters)
      std::swap(adapters[0].adapter, adapters[1].adapter);
    if (adapters.size() > 1 && fault_ == Fault::lost_adapter) adapters.pop_back();
    if (paged.size() > 1) {
      auto& victim = paged.back();
      if (fault_ == Fault::past_off_by_one && victim.past > 0) {
        --victim.past;
        for (int64_t row = victim.begin; row < victim.end; ++row) --positions[static_cast<size_t>(row)];
      }
      if (fault_ == Fault::foreign_page) {
        pages.assign(victim.pages.begin(), victim.pages.end());
        pages[0] = paged[0].pages[0];
        victim.pages = pages;
      }
    }
    Tensor logits = inner_->step({batch.ids, positions, adapters}, paged, cache, logit_rows);
    if (fault_ == Fault::last_bit_of_a_neighbour && paged.size() > 1)
      for (int64_t i = 0; i < logits.numel(); ++i)
        logits.data<float>()[i] = std::nextafter(logits.data<float>()[i], 1e9f);
    return logits;
  }

 private:
  std::shared_ptr<const model::Transformer> inner_;
  Fault fault_;
};

std::optional<std::string> checked_with(const Model& model, Fault fault) {
  const Model faulty = testing::model_over(std::make_shared<Faulty>(model.impl()->transformer, fault));
  const auto requests = random_requests(9, 16, model.config().vocab_size, kAdapters);
  const auto alone = run_alone(faulty, requests);
  for (const auto& setting : {Setting{64, 16, 4, 1}, Setting{64, 512, 16, 2}})
    if (auto found = difference(alone, run_mixed(faulty, requests, setting))) return found;
  return {};
}

TEST(MixedBatch, TheCheckerFindsPlantedFaults) {
  for (const auto& model : {testing::fake_model(), testing::tiny_model()}) {
    EXPECT_FALSE(checked_with(model, Fault::none));
    for (const Fault fault : {Fault::swapped_adapters, Fault::lost_adapter, Fault::past_off_by_one,
                              Fault::foreign_page, Fault::last_bit_of_a_neighbour})
      EXPECT_TRUE(checked_with(model, fault)) << "fault " << static_cast<int>(fault) << " went unseen";
  }
}

}  // namespace
}  // namespace whorl

// A model shared out over emulated devices: the answers of one device; sums stay on the devices where NCCL is
// there, and pass through the host where it is not.
#include <gtest/gtest.h>

#include "cuda/ranks_harness.h"
#include "ranks/hooked_communicator.h"
#include "serve/parallel_harness.h"

namespace whorl {
namespace {

using namespace testing;  // whorl::testing

class ParallelOnDevices : public ::testing::Test {
 protected:
  void SetUp() override {
    ModelConfig config = shared_config();  // small: emulated threads are slow
    config.vocab_size = 40, config.hidden_size = 32, config.intermediate_size = 64;
    config.num_attention_heads = 4, config.num_key_value_heads = 2;
    write_checkpoint(folder.path / "model", config);
  }

  struct Told {
    std::vector<float> logits;
    std::vector<int32_t> ids;
  };
  static Told told(const Model& model) {
    InferenceEngine engine(model);
    engine.add_adapter("r4", random_adapter(model, 4, 11));
    GenerateRequest request;
    request.adapter = "r4";
    request.prompt_ids = random_ids(5, 9, 40);
    request.sampling.max_new_tokens = 5;
    Told out;
    out.ids = engine.generate(request).ids;
    out.logits = model.logits(random_ids(7, 12, 40));
    return out;
  }
  Told alone(const std::string& dtype) const {
    return told(Model::load(folder.path / "model", {.device = "cuda_emulated", .dtype = dtype}));
  }
  Told together(const std::string& dtype) {
    Ranks ranks{folder.path / "model", {.device = "cuda_emulated", .dtype = dtype}};
    ranks.wrapped = [&](ranks::Communicator& all) {
      return std::make_shared<HookedCommunicator>(all, [&](const Tensor&) { ++host_sums; });
    };
    Told out;
    const Listened listened;
    expect_none(ranks.run(2, [&](const Model& model) { out = told(model); }));
    log = listened.text();
    return out;
  }

  TemporaryFolder folder;
  std::atomic<int> host_sums = 0;
  std::string log;
};

TEST_F(ParallelOnDevices, SumsStayOnDevices) {
  const NcclIn here(NCCL_whole);
  const Told one = alone("float32"), two = together("float32");
  EXPECT_LE(difference(two.logits, one.logits), 2e-5);
  EXPECT_EQ(two.ids, one.ids);
  EXPECT_LE(difference(together("bfloat16").logits, alone("bfloat16").logits), 2e-2);
  EXPECT_EQ(host_sums, 0);
  EXPECT_CONTAINS(log, "activations are summed by NCCL");
}

TEST_F(ParallelOnDevices, OrPassThroughTheHost) {
  const Variable off("WHORL_NCCL", "off");
  const Told one = alone("float32"), two = together("float32");
  EXPECT_LE(difference(two.logits, one.logits), 2e-5);
  EXPECT_EQ(two.ids, one.ids);
  EXPECT_GT(host_sums, 0);
  EXPECT_CONTAINS(log, "activations are summed through the host");
}

}  // namespace
}  // namespace whorl

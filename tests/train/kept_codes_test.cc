// Adapters over matrices whose codes and minima a GGUF file made.
#include <gtest/gtest.h>

#include "base/temporary_folder.h"
#include "model/gguf_file.h"
#include "train/harness.h"

namespace whorl {
namespace {

using namespace testing;  // whorl::testing
using tensor::GgufType;

// A whole run goes as over the widened model, and leaves the base alone. How exact each product is, forward
// and back, is backend_test's business: minima that a gradient forgets move its norm too little to be seen
// here.
TEST(KeptCodes, AdaptersLearnOverThemAsOverTheWidenedModel) {
  for (const GgufType type : {GgufType::q4_k, GgufType::q4_0, GgufType::q8_0}) {
    const base::TemporaryFolder folder;
    const auto path = std::filesystem::path(folder.path()) / "model.gguf";
    GgufFile().write(path, std::vector<GgufType>(8, type));
    const Model kept = Model::load(path, {.quantize = "auto"}),
                wide = Model::load(path, {.quantize = "none"});
    EXPECT_NE(kept.quantize(), "none");
    const std::string before = kept.digest();
    TrainedOptions o;
    o.train.max_steps = 4, o.train.max_length = 32, o.train.batch_size = 2;
    o.adapters = {{.rank = 8, .learning_rate = 1e-2}};
    o.rows = random_rows(8, 5, 24, GgufFile::kVocabulary);
    const Trained ours = fit(kept, o), theirs = fit(wide, o);
    const auto &found = ours.learners[0]->state.history, &wanted = theirs.learners[0]->state.history;
    ASSERT_EQ(found.size(), wanted.size());
    ASSERT_GE(found.size(), 4U);
    for (size_t i = 0; i < found.size(); ++i) {
      if (found[i].event != "step") continue;
      EXPECT_LE(relative(found[i].loss, wanted[i].loss), 2e-2) << tensor::name_of(type) << " step " << i;
      EXPECT_LE(relative(found[i].grad_norm, wanted[i].grad_norm), 5e-2)
          << tensor::name_of(type) << " step " << i << ": " << found[i].grad_norm << " "
          << wanted[i].grad_norm;
    }
    EXPECT_EQ(kept.digest(), before) << "the base moved";
    // What was learnt over the codes belongs to the model that they stand for.
    EXPECT_EQ(ours.base.impl()->read_digest->get(), theirs.base.impl()->read_digest->get());
  }
}

}  // namespace
}  // namespace whorl

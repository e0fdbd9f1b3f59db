// The engine over a model that several ranks compute: answers, adapters that come and go, pages found again,
// and ranks that fail.
#include <gtest/gtest.h>

#include <future>

#include "base/check.h"
#include "ranks/hooked_communicator.h"
#include "serve/parallel_harness.h"

namespace whorl {
namespace {

using namespace testing;  // whorl::testing

class ParallelEngine : public ::testing::Test {
 protected:
  void SetUp() override { write_checkpoint(folder.path / "model", shared_config()); }
  TemporaryFolder folder;
  Ranks ranks() const { return {folder.path / "model"}; }
  Model whole() const { return Model::load(folder.path / "model", {.threads = 1}); }
};

GenerateRequest request(uint64_t seed, const std::string& adapter = "", int64_t length = 12) {
  GenerateRequest out;
  out.adapter = adapter;
  out.prompt_ids = random_ids(seed, length, 97);
  out.sampling.max_new_tokens = 16;
  out.sampling.logprobs = 0;
  return out;
}

void add_adapters(InferenceEngine& engine) {
  engine.add_adapter("r2", random_adapter(engine.model(), 2, 11));
  engine.add_adapter("r8", random_adapter(engine.model(), 8, 12));
  engine.add_adapter("r17", random_adapter(engine.model(), 17, 13));
}

using Answers = std::vector<GenerateResult>;

Answers answers_of(InferenceEngine& engine, const std::vector<GenerateRequest>& requests) {
  Answers out;
  for (auto& samples : engine.generate(requests)) out.push_back(std::move(samples.at(0)));
  return out;
}

void expect_same(const Answers& got, const Answers& wanted) {
  ASSERT_EQ(got.size(), wanted.size());
  for (size_t i = 0; i < got.size(); ++i) {
    EXPECT_EQ(got[i].ids, wanted[i].ids) << i;
    ASSERT_EQ(got[i].logprobs.size(), wanted[i].logprobs.size());
    for (size_t t = 0; t < got[i].logprobs.size(); ++t)
      EXPECT_NEAR(got[i].logprobs[t].logprob, wanted[i].logprobs[t].logprob, 1e-3);
  }
}

// Every row of a batch with another adapter, or none; a prompt in several pieces; samples of one prompt.
std::vector<GenerateRequest> mixed_batch() {
  std::vector<GenerateRequest> out;
  for (const char* adapter : {"r2", "", "r17", "r8", "r2", ""}) {
    const int64_t i = std::ssize(out);
    out.push_back(request(static_cast<uint64_t>(i), adapter, 16 + 7 * i));
  }
  return out;
}

EngineOptions in_pieces() {
  EngineOptions options;
  options.max_step_tokens = 24;
  options.page_size = 8;
  return options;
}

TEST_F(ParallelEngine, AMixedBatchGivesTheAnswersOfOneProcess) {
  const Model alone = whole();
  InferenceEngine one(alone, in_pieces());
  add_adapters(one);
  const Answers wanted = answers_of(one, mixed_batch());
  EXPECT_NE(wanted[0].ids, wanted[1].ids);
  for (const int size : {2, 3}) {
    Answers first, second;
    expect_none(ranks().run(size, [&](const Model& model) {
      for (Answers* answers : {&first, &second}) {
        InferenceEngine engine(model, in_pieces());
        add_adapters(engine);
        *answers = answers_of(engine, mixed_batch());
      }
    }));
    expect_same(first, wanted);
    for (size_t i = 0; i < first.size(); ++i)
      for (size_t t = 0; t < first[i].logprobs.size(); ++t)
        EXPECT_EQ(first[i].logprobs[t].logprob, second[i].logprobs[t].logprob) << "not the same bits";
  }
}

TEST_F(ParallelEngine, SamplesAndLikelihoodsToo) {
  const auto both = [&](const Model& model) {
    InferenceEngine engine(model);
    GenerateRequest several = request(4);
    several.sampling.n = 3, several.sampling.temperature = 0.8, several.sampling.seed = 5;
    const auto samples = engine.submit(several).wait();
    InferenceEngine::LikelihoodRequest likelihood;
    likelihood.context = random_ids(1, 20, 97), likelihood.continuation = random_ids(2, 9, 97);
    return std::pair(samples, engine.log_likelihood({likelihood}).at(0));
  };
  const auto wanted = both(whole());
  expect_none(ranks().run(2, [&](const Model& model) {
    const auto got = both(model);
    for (size_t i = 0; i < 3; ++i) EXPECT_EQ(got.first[i].ids, wanted.first[i].ids);
    EXPECT_NEAR(got.second.logprob, wanted.second.logprob, 1e-3);
  }));
}

TEST_F(ParallelEngine, PagesAreFoundAgainWithTheSameBits) {
  expect_none(ranks().run(2, [&](const Model& model) {
    InferenceEngine engine(model, in_pieces());
    const GenerateResult computed = engine.generate(request(1, "", 40)),
                         found = engine.generate(request(1, "", 40));
    EXPECT_EQ(computed.cached_tokens, 0);
    EXPECT_EQ(found.cached_tokens, 32);
    EXPECT_EQ(found.ids, computed.ids);
    for (size_t t = 0; t < found.logprobs.size(); ++t)
      EXPECT_EQ(found.logprobs[t].logprob, computed.logprobs[t].logprob);
  }));
}

// A name that means another adapter does so on every rank, and what left rank 0 has left the others.
TEST_F(ParallelEngine, AdaptersComeAndGoOnAllRanks) {
  const Model alone = whole();
  const auto answers = [&](const Model& model) {
    InferenceEngine engine(model);
    Answers out;
    for (const uint64_t seed : {21, 22, 21}) {
      engine.add_adapter("a", random_adapter(alone, 4, seed));
      out.push_back(engine.generate(request(1, "a")));
    }
    engine.remove_adapter("a");
    EXPECT_THROW(engine.generate(request(1, "a")), std::invalid_argument);
    out.push_back(engine.generate(request(1)));
    return out;
  };
  const Answers wanted = answers(alone);
  EXPECT_NE(wanted[0].ids, wanted[1].ids);
  EXPECT_EQ(wanted[0].ids, wanted[2].ids);
  Ranks checked = ranks();
  checked.follower = [](const Model& model) {
    model.follow();
    EXPECT_EQ(model.impl()->parallel->held(), 0) << "caches and adapters that rank 0 has let go";
  };
  expect_none(checked.run(2, [&](const Model& model) { expect_same(answers(model), wanted); }));
}

TEST_F(ParallelEngine, AnAdapterThatDoesNotFitChangesNothing) {
  ModelConfig narrow = shared_config();
  narrow.intermediate_size = 96;
  const Model other = Model::create(narrow, 1, {}, {.threads = 1});
  expect_none(ranks().run(2, [&](const Model& model) {
    InferenceEngine engine(model);
    const auto before = engine.generate(request(3)).ids;
    EXPECT_CONTAINS(
        message_of<std::invalid_argument>([&] { engine.add_adapter("x", random_adapter(other, 2, 1)); }),
        "does not fit the base model");
    EXPECT_EQ(engine.generate(request(3)).ids, before);
  }));
}

TEST_F(ParallelEngine, AnErrorOfOneRankIsThatOfAllAndEndsNobody) {
  const auto errors = run_ranks(places(3), [](ranks::Communicator& all) {
    const auto error = model::everyone(all, [&] {
      if (all.rank() == 1) throw std::runtime_error("no room");
    });
    ASSERT_TRUE(error != nullptr);
    const std::string said = message_of<std::runtime_error>([&] { std::rethrow_exception(error); });
    EXPECT_CONTAINS(said, all.rank() == 1 ? "no room" : "rank 1 of 3 failed: no room");
    EXPECT_EQ(model::everyone(all, [] {}), nullptr);
  });
  expect_none(errors);
}

// follow() returns with each engine, and the next one has followers again.
TEST_F(ParallelEngine, EnginesInTurnLetFollowersReturn) {
  std::vector<std::vector<int32_t>> ids;
  const auto errors = run_ranks(places(2), [&](ranks::Communicator& all) {
    const std::shared_ptr<ranks::Communicator> borrowed(std::shared_ptr<void>(), &all);
    const Model model =
        model::load(folder.path / "model", {.threads = 1, .tensor_parallel_size = 2}, borrowed);
    for (int i = 0; i < 3; ++i) {
      if (all.rank() != 0) {
        EXPECT_CONTAINS(message_of<std::invalid_argument>([&] { InferenceEngine engine(model); }),
                        "call follow() on it");
        model.follow();
      } else {
        InferenceEngine engine(model);
        ids.push_back(engine.generate(request(1)).ids);
      }
    }
  });
  expect_none(errors);
  EXPECT_EQ(ids, std::vector(3, ids.at(0)));
}

// Logits without an engine lead for themselves.
TEST_F(ParallelEngine, LogitsLetFollowersReturnToo) {
  const auto errors = run_ranks(places(2), [&](ranks::Communicator& all) {
    const std::shared_ptr<ranks::Communicator> borrowed(std::shared_ptr<void>(), &all);
    const Model model =
        model::load(folder.path / "model", {.threads = 1, .tensor_parallel_size = 2}, borrowed);
    for (int i = 0; i < 2; ++i) {
      if (all.rank() == 0)
        model.logits({1, 2, 3});
      else
        model.follow();
    }
  });
  expect_none(errors);
}

TEST_F(ParallelEngine, AnIdleEngineKeepsItsFollowers) {
  expect_none(ranks().run(
      2,
      [&](const Model& model) {
        InferenceEngine engine(model);
        const auto before = engine.generate(request(1)).ids;
        std::this_thread::sleep_for(std::chrono::seconds(8));  // a rank would wait 2 * 1 + 5
        EXPECT_EQ(engine.generate(request(1)).ids, before);
      },
      1));
}

TEST_F(ParallelEngine, ARankThatGivesUpIsNamedByTheNextRequestAndAllAfterIt) {
  Ranks leaving = ranks();
  leaving.follower = [](const Model& model) {
    int asked = 0;
    model.follow([&] { return ++asked > 3; });
  };
  std::vector<std::string> said;
  const auto errors = leaving.run(2, [&](const Model& model) {
    InferenceEngine engine(model);
    std::this_thread::sleep_for(std::chrono::seconds(5));  // it is asked once a second
    for (int i = 0; i < 2; ++i)
      said.push_back(message_of<std::runtime_error>([&] { engine.generate(request(1)); }));
    said.push_back(
        message_of<std::runtime_error>([&] { engine.add_adapter("a", random_adapter(model, 2, 1)); }));
  });
  for (const std::string& one : said)
    EXPECT_CONTAINS(one, "rank 1 of 2 failed: [Model.follow] rank 1 was asked");
  EXPECT_CONTAINS(errors[1], "was asked to stop");
}

// Left out, or counted twice.
TEST_F(ParallelEngine, PlantedFaultsInTheSumChangeTheLogits) {
  const auto ids = random_ids(7, 40, 97);
  const auto alone = whole().logits(ids);
  for (const float factor : {0.0f, 2.0f}) {
    Ranks faulty = ranks();
    faulty.wrapped = [&](ranks::Communicator& all) {
      return std::make_shared<HookedCommunicator>(all, times(all, factor));
    };
    EXPECT_GT(difference(shared_logits(faulty, 2, ids), alone), 0.05);
  }
}

// A rank that has no room in the middle of a step says so, and the other need not wait for it.
TEST_F(ParallelEngine, AnErrorInAStepEndsTheOtherRankAtOnce) {
  for (const int at_fault : {0, 1}) {
    std::promise<void> heard;
    const auto other_has_heard = [&] { heard.get_future().wait_for(std::chrono::seconds(10)); };
    std::string first, second;
    Ranks failing = ranks();
    failing.wrapped = [&](ranks::Communicator& all) {
      return std::make_shared<HookedCommunicator>(all, [&all, at_fault](const Tensor&) {
        if (all.rank() == at_fault) throw std::runtime_error("no room");
      });
    };
    failing.follower = [&](const Model& model) {
      second = message_of<std::runtime_error>([&] { model.follow(); });
      if (at_fault == 1) other_has_heard();
      if (at_fault == 0) heard.set_value();
    };
    failing.run(2, [&](const Model& model) {
      InferenceEngine engine(model);
      first = message_of<std::runtime_error>([&] { engine.generate(request(1)); });
      if (at_fault == 0) other_has_heard();
      if (at_fault == 1) heard.set_value();
    });
    EXPECT_EQ(at_fault == 0 ? first : second, "no room");
    EXPECT_CONTAINS(at_fault == 0 ? second : first, base::concat("rank ", at_fault, " of 2 failed: no room"));
  }
}

}  // namespace
}  // namespace whorl

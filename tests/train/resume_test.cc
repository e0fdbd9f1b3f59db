// A run that is killed and resumed gives the byte-identical adapter.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <thread>

#include "train/harness.h"

namespace whorl {
namespace {

using namespace testing;  // whorl::testing

class Resume : public ::testing::Test {
 protected:
  base::TemporaryFolder folder;
  std::string checkpoints = folder.path() + "/checkpoints";

  TrainedOptions options(int64_t steps = 20) {
    TrainedOptions o{.rows = random_rows(60, 5), .valid = random_rows(6, 6)};
    o.train.max_steps = steps;
    o.train.batch_size = 2;
    o.train.gradient_accumulation_steps = 2;
    o.train.max_length = 64;
    o.train.warmup_steps = 3;
    o.train.eval_steps = 4;
    o.train.keep_best = true;
    o.adapters.resize(2);
    o.adapters[0].name = "a";
    o.adapters[0].dropout = 0.1;
    o.adapters[1].name = "b";
    o.adapters[1].rank = 3;
    return o;
  }
  TrainedOptions with_checkpoints(TrainedOptions o, int64_t every) {
    o.train.checkpoint_dir = checkpoints;
    o.train.save_steps = every;
    o.train.resume = true;
    return o;
  }
};

std::vector<std::string> digests(const Trained& run) {
  return {run.digest(0), run.digest(1), run.digest(0, true), run.digest(1, true)};
}

TEST_F(Resume, AStoppedRunGoesOnAsIfNothingHadHappened) {
  const Model base = toy_model();
  const auto whole = fit(base, options());
  for (const int64_t stop : {1, 7, 12, 19}) {
    base::TemporaryFolder other;
    auto o = with_checkpoints(options(), 0);
    o.train.checkpoint_dir = other.path();
    o.callback = [stop](const Progress& p) { return p.step < stop; };
    fit(base, o);
    o.callback = {};
    const auto resumed = fit(base, o);
    EXPECT_EQ(digests(resumed), digests(whole)) << stop;
    EXPECT_EQ(resumed.losses(0), whole.losses(0)) << stop;
    EXPECT_EQ(resumed.losses(1, "validation"), whole.losses(1, "validation")) << stop;
  }
}

TEST_F(Resume, AFinishedRunReturnsAtOnce) {
  const Model base = toy_model();
  const auto o = with_checkpoints(options(), 0);
  const auto first = fit(base, o);
  int steps = 0;
  auto again = o;
  again.callback = [&steps](const Progress& p) { return steps += p.event == "step", true; };
  EXPECT_EQ(digests(fit(base, again)), digests(first));
  EXPECT_EQ(steps, 0);
}

TEST_F(Resume, AllWeightsToo) {
  const Model base = toy_model("qwen2", "bfloat16");
  auto o = options(8);
  o.adapters = {};
  o.train.keep_best = false;
  const auto whole = fit_all(base, o, 1e-3, 0.1);
  o = with_checkpoints(o, 0);
  o.callback = [](const Progress& p) { return p.step < 5; };
  fit_all(base, o, 1e-3, 0.1);
  o.callback = {};
  const auto resumed = fit_all(base, o, 1e-3, 0.1);
  const auto digest = [](const Trained& run) {
    return static_cast<const train::WeightLearner&>(*run.learners[0]).result(false).digest();
  };
  EXPECT_EQ(digest(resumed), digest(whole));
  EXPECT_NE(digest(whole), base.digest());
}

TEST_F(Resume, TheMetricsFileHasEveryStepOnce) {
  const Model base = toy_model();
  auto o = with_checkpoints(options(), 3);
  o.train.metrics_file = folder.path() + "/metrics.jsonl";
  o.callback = [](const Progress& p) -> bool {
    if (p.step == 8) throw std::runtime_error("the host program failed");
    return true;
  };
  EXPECT_THROW(fit(base, o), std::runtime_error);
  o.callback = {};
  fit(base, o);
  std::ifstream in(o.train.metrics_file);
  std::vector<int64_t> steps;
  for (std::string line; std::getline(in, line);) {
    const auto json = nlohmann::json::parse(line);
    if (json["event"] == "step" && json["name"] == "a") steps.push_back(json["step"]);
  }
  ASSERT_EQ(steps.size(), 20u);
  for (size_t i = 0; i < steps.size(); ++i) EXPECT_EQ(steps[i], static_cast<int64_t>(i + 1));
}

// ---- kills ------------------------------------------------------------------------------------------

int kills() {
  const char* text = std::getenv("WHORL_RESUME_KILLS");
  return text ? std::atoi(text) : 6;
}

// In the child: no threads of the parent exist, so it makes its own model. A checkpoint every step keeps the
// child inside save() for a good part of its life.
[[noreturn]] void child(const TrainedOptions& o, const std::string& done) {
  const Model base = Model::create(toy_model().config(), 3, {}, {.threads = 1});
  const auto run = fit(base, o);
  std::ofstream(done + ".part") << run.digest(0) << run.digest(1) << run.digest(0, true)
                                << run.digest(1, true);
  std::filesystem::rename(done + ".part", done);  // a kill may come while it is written
  _exit(0);
}

TEST_F(Resume, KilledAtRandomMomentsItGivesTheSameBytes) {
  const std::string done = folder.path() + "/done";
  TrainedOptions o = with_checkpoints(options(60), 1);
  const ModelConfig config = toy_model().config();
  std::string expected;
  {
    TrainedOptions plain = options(60);
    for (const std::string& d : digests(fit(Model::create(config, 3, {}, {.threads = 1}), plain)))
      expected += d;
  }
  int killed = 0;
  for (int round = 0; round < kills() || !std::ifstream(done); ++round) {
    ASSERT_LT(round, kills() + 40) << "the run makes no progress";
    const pid_t pid = fork();
    if (pid == 0) child(o, done);
    const uint64_t wait = 20 + base::below(77, static_cast<uint64_t>(round), 180);
    int status = 0;
    if (round < kills()) {
      std::this_thread::sleep_for(std::chrono::milliseconds(wait));
      ::kill(pid, SIGKILL);
    }
    ASSERT_EQ(::waitpid(pid, &status, 0), pid);
    killed += WIFSIGNALED(status);
    ASSERT_TRUE(WIFSIGNALED(status) || WEXITSTATUS(status) == 0) << "the child failed";
    if (std::ifstream(done).good() && round >= kills()) break;
  }
  EXPECT_GT(killed, 0);
  std::string result;
  std::ifstream(done) >> result;
  EXPECT_EQ(result, expected);
  for (const auto& entry : std::filesystem::directory_iterator(checkpoints))
    EXPECT_EQ(entry.path().filename().string(), "checkpoint.safetensors") << "leftover";
}

// ---- mismatches and planted faults --------------------------------------------------------------------

std::string refusal(const Model& base, const TrainedOptions& o) {
  try {
    fit(base, o);
  } catch (const std::invalid_argument& e) {
    return e.what();
  }
  return "nothing was thrown";
}

TEST_F(Resume, ACheckpointOfAnotherRunIsRefusedByName) {
  const Model base = toy_model();
  const auto o = with_checkpoints(options(4), 0);
  fit(base, o);
  const std::vector<std::pair<std::function<void(TrainedOptions&)>, std::string>> table = {
      {[](TrainedOptions& t) { t.train.batch_size = 3; }, "options.batch_size was 2 and is 3"},
      {[](TrainedOptions& t) { t.train.seed = 8; }, "options.seed was 0 and is 8"},
      {[](TrainedOptions& t) { t.train.lr_scheduler = "linear"; }, "options.lr_scheduler"},
      {[](TrainedOptions& t) { t.adapters[1].rank = 4; }, "learners[1].rank was 3 and is 4"},
      {[](TrainedOptions& t) { t.adapters[0].learning_rate = 1; }, "learners[0].learning_rate"},
      {[](TrainedOptions& t) { t.rows[3].ids[1] ^= 1; }, "train_data"},
      {[](TrainedOptions& t) { t.valid.pop_back(); }, "validation_data"}};
  for (const auto& [spoil, expected] : table) {
    TrainedOptions other = o;
    spoil(other);
    EXPECT_NE(refusal(base, other).find(expected), std::string::npos) << refusal(base, other);
  }
  EXPECT_NE(refusal(toy_model("llama", "float32", 4), o).find("model was"), std::string::npos);
}

TEST_F(Resume, ADamagedCheckpointIsRefused) {
  const Model base = toy_model();
  const auto o = with_checkpoints(options(4), 0);
  fit(base, o);
  const std::string path = checkpoints + "/checkpoint.safetensors";
  const auto size = static_cast<int64_t>(std::filesystem::file_size(path));
  for (const int64_t at : {size - 1, size / 2, size - 1000}) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(at);
    const char byte = static_cast<char>(file.get() ^ 0x10);
    file.seekp(at);
    file.put(byte);
    file.close();
    EXPECT_NE(refusal(base, o).find("damaged"), std::string::npos);
    std::fstream back(path, std::ios::in | std::ios::out | std::ios::binary);
    back.seekp(at);
    back.put(static_cast<char>(byte ^ 0x10));
  }
  EXPECT_EQ(refusal(base, o), "nothing was thrown");
  std::filesystem::resize_file(path, static_cast<uintmax_t>(size / 2));
  EXPECT_THROW(fit(base, o), std::invalid_argument);
}

// What the resume test must see: a checkpoint that forgets the moments, the position in the data, or the
// step.
TEST_F(Resume, PlantedFaultsChangeTheBytes) {
  const Model base = toy_model();
  const auto whole = fit(base, options());
  const auto half = [&](const std::function<void(train::RunPosition&, train::Learner&)>& spoil) {
    base::TemporaryFolder other;
    auto o = options();
    Trained run = prepare(base, o);
    auto first = with_checkpoints(o, 0);
    first.train.checkpoint_dir = other.path();
    first.callback = [](const Progress& p) { return p.step < 9; };
    go(base, first, *base.impl()->transformer, run.learners);
    const train::TrainRows rows = rows_of(o.rows), valid = rows_of(o.valid);
    base::Json adapters = base::Json::array();
    for (const LoraOptions& a : o.adapters) adapters.push_back(train::to_json(a));
    const train::Checkpoint checkpoint(other.path(),
                                       train::run_identity(base, o.train, adapters, rows, &valid),
                                       base.impl()->transformer->backend());
    train::RunPosition position;
    EXPECT_TRUE(checkpoint.load(position, run.learners));
    EXPECT_EQ(position.step, 9);
    spoil(position, *run.learners[0]);
    checkpoint.save(position, run.learners);
    first.callback = {};
    return fit(base, first).digest(0);
  };
  EXPECT_EQ(half([](auto&, auto&) {}), whole.digest(0));
  EXPECT_NE(half([](train::RunPosition& p, auto&) { p.step = 8; }), whole.digest(0));
  EXPECT_NE(
      half([&](auto&, train::Learner& l) { base.impl()->transformer->backend().fill_zero(l.parameters.m); }),
      whole.digest(0));
  EXPECT_NE(
      half([&](auto&, train::Learner& l) { base.impl()->transformer->backend().fill_zero(l.parameters.v); }),
      whole.digest(0));
}

}  // namespace
}  // namespace whorl

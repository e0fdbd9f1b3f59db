// The same with real processes that find each other by torchrun's variables: answers, a killed rank, memory.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "serve/parallel_harness.h"

namespace whorl {
namespace {

using namespace testing;  // whorl::testing

// Another process, which is over when this is.
class Process {
 public:
  Process(const std::vector<std::string>& words, const std::map<std::string, std::string>& variables,
          const std::filesystem::path& errors) {
    id_ = fork();
    if (id_ != 0) return;
    for (const auto& [name, value] : variables) setenv(name.c_str(), value.c_str(), 1);
    if (!freopen(errors.c_str(), "w", stderr)) _exit(2);
    std::vector<char*> arguments;
    for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    execv(arguments[0], arguments.data());
    _exit(3);
  }
  ~Process() {
    if (!ended_) kill(), wait();
  }
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  void kill() const { ::kill(id_, SIGKILL); }
  int wait() {
    int status = 0;
    waitpid(id_, &status, 0);
    ended_ = true;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

 private:
  pid_t id_ = 0;
  bool ended_ = false;
};

std::string text_of(const std::filesystem::path& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

class ParallelProcesses : public ::testing::Test {
 protected:
  void SetUp() override { write_checkpoint(folder.path / "model", shared_config()); }
  void TearDown() override {
    for (const char* name : {"RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT", "WHORL_RANKS_TIMEOUT"})
      unsetenv(name);
  }

  // The ranks but 0, which this process is from here on.
  void start(int size, bool notes = false) {
    std::map<std::string, std::string> shared = {{"WORLD_SIZE", std::to_string(size)},
                                                 {"MASTER_ADDR", "127.0.0.1"},
                                                 {"MASTER_PORT", std::to_string(free_port())},
                                                 {"WHORL_RANKS_TIMEOUT", "30"}};
    for (int rank = 1; rank < size; ++rank) {
      shared["RANK"] = std::to_string(rank);
      std::vector<std::string> words = {WHORL_PARALLEL_RANK, model.string(), std::to_string(size)};
      if (notes) words.push_back(note(rank).string());
      others.push_back(std::make_unique<Process>(words, shared, errors_of(rank)));
    }
    shared["RANK"] = "0";
    for (const auto& [name, value] : shared) setenv(name.c_str(), value.c_str(), 1);
  }
  std::filesystem::path errors_of(int rank) const { return folder.path / ("errors" + std::to_string(rank)); }
  std::filesystem::path note(int rank) const { return folder.path / ("memory" + std::to_string(rank)); }

  TemporaryFolder folder;
  std::filesystem::path model = folder.path / "model";
  std::vector<std::unique_ptr<Process>> others;
};

GenerateRequest request(int64_t tokens) {
  GenerateRequest out;
  out.prompt_ids = random_ids(3, 12, 97);
  out.sampling.max_new_tokens = tokens;
  out.sampling.ignore_eos = true;
  return out;
}

TEST_F(ParallelProcesses, AnswerAsOneAndEndWithTheEngine) {
  InferenceEngine alone(Model::load(model, {.threads = 1}));
  const auto wanted = alone.generate(request(40)).ids;
  for (const int size : {2, 3}) {
    start(size);
    {
      const Model shared = Model::load(model, {.threads = 1, .tensor_parallel_size = size});
      EXPECT_EQ(shared.tensor_parallel_rank(), 0);
      InferenceEngine engine(shared);
      EXPECT_EQ(engine.generate(request(40)).ids, wanted);
    }
    for (size_t i = 0; i < others.size(); ++i) {
      EXPECT_EQ(others[i]->wait(), 0) << text_of(errors_of(static_cast<int>(i) + 1));
    }
    others.clear();
  }
}

TEST_F(ParallelProcesses, AKilledRankEndsAllAndIsNamed) {
  start(3);
  const Model shared = Model::load(model, {.threads = 1, .tensor_parallel_size = 3});
  InferenceEngine engine(shared);
  int pieces = 0;
  const auto running = engine.submit(request(200), [&](const StreamEvent&) {
    if (++pieces == 5) others[1]->kill();
    return true;
  });
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_CONTAINS(message_of<std::runtime_error>([&] { running.wait(); }),
                  "rank 2 of 3 closed the connection");
  EXPECT_CONTAINS(message_of<std::runtime_error>([&] { engine.generate(request(4)); }), "rank 2 of 3");
  EXPECT_EQ(others[0]->wait(), 1);
  EXPECT_CONTAINS(text_of(errors_of(1)), "rank 2 of 3 closed the connection");
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(10));
}

TEST_F(ParallelProcesses, OneThatDiesBetweenTwoRequestsIsNamedByTheSecond) {
  start(2);
  const Model shared = Model::load(model, {.threads = 1, .tensor_parallel_size = 2});
  InferenceEngine engine(shared);
  engine.generate(request(4));
  others[0]->kill();
  others[0]->wait();
  EXPECT_CONTAINS(message_of<std::runtime_error>([&] { engine.generate(request(4)); }), "rank 1 of 2 closed");
}

TEST_F(ParallelProcesses, AnotherWorldSizeIsRefused) {
  setenv("RANK", "0", 1), setenv("WORLD_SIZE", "3", 1), setenv("MASTER_ADDR", "127.0.0.1", 1);
  setenv("MASTER_PORT", "1", 1), setenv("WHORL_RANKS_TIMEOUT", "1", 1);
  const auto load = [&] { Model::load(model, {.threads = 1, .tensor_parallel_size = 2}); };
  EXPECT_CONTAINS(message_of<std::invalid_argument>(load), "WORLD_SIZE to be tensor_parallel_size 2, got 3");
  unsetenv("WORLD_SIZE");
  EXPECT_CONTAINS(message_of<std::invalid_argument>(load), "WORLD_SIZE to be a whole number");
}

// Of a model of 59 MiB in its layers: what a process ever held, loading included.
TEST_F(ParallelProcesses, HoldTheirShareAlone) {
  ModelConfig config = shared_config();
  config.hidden_size = 384, config.intermediate_size = 1536, config.head_dim = 32;
  config.num_hidden_layers = 7;
  model = folder.path / "large";
  Model::create(config, 1, {}, {.threads = 1}).save(model);
  const auto memory_of = [&](int size) {
    std::vector<double> out;
    if (size == 1) {
      Process({WHORL_PARALLEL_RANK, model.string(), "1", note(1).string()}, {}, errors_of(1)).wait();
    } else {
      start(size, true);
      const InferenceEngine engine(Model::load(model, {.threads = 1, .tensor_parallel_size = size}));
    }
    others.clear();
    for (int rank = 1; rank < std::max(size, 2); ++rank) out.push_back(std::stod(text_of(note(rank))) / 1024);
    return *std::max_element(out.begin(), out.end());
  };
  const double one = memory_of(1), two = memory_of(2), three = memory_of(3), layers = 59.06;
  EXPECT_NEAR(one - two, layers / 2, layers * 0.12) << one << " " << two << " MiB";
  EXPECT_NEAR(one - three, layers * 2 / 3, layers * 0.12) << one << " " << three << " MiB";
}

}  // namespace
}  // namespace whorl

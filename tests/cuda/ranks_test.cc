// Training over several ranks on emulated devices: what one rank trains, up to the order of additions, and
// gradients that never pass through the host; unless one rank cannot, then all do.
#include <dlfcn.h>

#include "cuda/ranks_harness.h"
#include "train/harness.h"

namespace whorl {
namespace {

using namespace testing;  // whorl::testing

constexpr int kSteps = 3;

// Small: emulated threads are slow.
TrainedOptions options() {
  TrainedOptions o{.rows = random_rows(12, 5, 10, 40), .valid = random_rows(3, 6, 8, 40)};
  o.train.max_steps = kSteps;
  o.train.batch_size = 2;
  o.train.gradient_accumulation_steps = 2;
  o.train.max_length = 16;
  o.adapters.resize(2);
  o.adapters[0].name = "a", o.adapters[0].rank = 4, o.adapters[0].dropout = 0.3;
  o.adapters[1].name = "b", o.adapters[1].rank = 3;
  for (LoraOptions& adapter : o.adapters) adapter.learning_rate = 1e-2;  // so that losses tell
  return o;
}

// On a device of its own, or on the CPU.
Model model_with(const std::string& nccl, const std::string& device = "cuda_emulated") {
  const NcclIn here(nccl);
  ModelConfig config = toy_model().config();
  config.vocab_size = 40, config.hidden_size = 16, config.intermediate_size = 24;
  config.num_hidden_layers = 1, config.num_attention_heads = 2;
  return Model::create(config, 3, {}, {.device = device, .threads = 1});
}
std::vector<Model> models(int count) {
  std::vector<Model> out;
  for (int i = 0; i < count; ++i) out.push_back(model_with(NCCL_whole));
  return out;
}

// Counts what is summed through the host.
class CountingCommunicator final : public ranks::Communicator {
 public:
  // `late`: seconds that this rank is gone between one step and the next.
  CountingCommunicator(ranks::Communicator& all, int& sums, double late)
      : all_(all), sums_(sums), late_(late) {}
  int rank() const override { return all_.rank(); }
  int size() const override { return all_.size(); }
  void all_reduce_sum(const Tensor& x) override {
    ++sums_;
    all_.all_reduce_sum(x);
  }
  std::vector<std::string> all_gather(std::string_view mine) override {
    auto everyones = all_.all_gather(mine);
    if (mine == "0") std::this_thread::sleep_for(std::chrono::duration<double>(late_));  // no wish to stop
    return everyones;
  }
  void broadcast(void* data, size_t size) override { all_.broadcast(data, size); }
  void watch(std::string_view what, const std::function<bool()>& done) override { all_.watch(what, done); }
  void fail(std::string_view why) noexcept override { all_.fail(why); }

 private:
  ranks::Communicator& all_;
  int& sums_;
  double late_;
};

std::vector<float> device_values(const Trained& run) {
  return values_of(
      train::to_host(run.base.impl()->transformer->backend(), run.learners.back()->parameters.values));
}

struct Result {
  std::vector<std::string> errors, digests;  // by rank
  std::vector<int> host_sums;
  std::vector<double> losses, validation;  // of adapter b, the last tensor of every sum
  std::vector<float> values;
  std::string log;
};

Result fit_together(const std::vector<Model>& bases, double timeout = 20, const TrainedOptions& o = options(),
                    double late = 0) {
  Result out;
  out.digests.resize(bases.size()), out.host_sums.resize(bases.size());
  const Listened listened;
  out.errors = run_ranks(places(static_cast<int>(bases.size()), timeout), [&](ranks::Communicator& all) {
    const auto rank = static_cast<size_t>(all.rank());
    CountingCommunicator counting(all, out.host_sums[rank], rank == 1 ? late : 0);
    TrainedOptions mine = o;
    mine.ranks = &counting;
    const Trained run = fit(bases[rank], mine);
    for (size_t i = 0; i < run.learners.size(); ++i) out.digests[rank] += run.digest(i);
    if (rank != 0) return;
    out.losses = run.losses(1), out.validation = run.losses(1, "validation");
    out.values = device_values(run);
  });
  out.log = listened.text();
  return out;
}

// NCCL's groups and the tensors in them, so far, of all ranks.
std::pair<long, long> counts() {
  void* const library = dlopen(NCCL_whole "/libnccl_emulated.so.2", RTLD_NOW | RTLD_LOCAL);
  const auto ask = reinterpret_cast<void (*)(long*, long*)>(dlsym(library, "emulated_nccl_counts"));
  std::pair<long, long> found;
  ask(&found.first, &found.second);
  return found;
}

double largest_difference(const std::vector<double>& a, const std::vector<double>& b) {
  if (a.size() != b.size()) return INFINITY;
  double most = 0;
  for (size_t i = 0; i < a.size(); ++i) most = std::max(most, relative(a[i], b[i]));
  return most;
}

void expect_as_alone(const Result& together, const Trained& alone) {
  for (const std::string& error : together.errors) EXPECT_EQ(error, "");
  for (const std::string& digest : together.digests) EXPECT_EQ(digest, together.digests[0]);
  EXPECT_LE(largest_difference(together.losses, alone.losses(1)), 1e-5);
  EXPECT_LE(largest_difference(together.validation, alone.losses(1, "validation")), 1e-5);
  EXPECT_LE(relative_error(together.values, device_values(alone)), 1e-4);
}

class RanksOnDevices : public ::testing::Test {
 protected:
  static const Trained& alone() {
    static const Trained run = fit(model_with(NCCL_whole), options());
    return run;
  }
  static void expect_through_the_host(const Result& run, const std::string& why) {
    expect_as_alone(run, alone());
    for (const int sums : run.host_sums) EXPECT_EQ(sums, 2 * kSteps);  // two adapters
    EXPECT_EQ(run.log, "warn: [test] gradients are summed through the host: " + why + "\n");
  }
};

TEST_F(RanksOnDevices, TrainWhatOneTrains) {
  for (const int ranks : {2, 3}) {
    const auto before = counts();
    const Result run = fit_together(models(ranks));
    expect_as_alone(run, alone());
    EXPECT_EQ(run.log, "info: [test] gradients are summed by NCCL 2.28.9\n");
    for (const int sums : run.host_sums) EXPECT_EQ(sums, 0);
    EXPECT_EQ(counts().first - before.first, kSteps * ranks) << "one group a step";
    EXPECT_EQ(counts().second - before.second, kSteps * ranks * 2) << "of both adapters";
  }
}

TEST_F(RanksOnDevices, GiveTheSameBitsEveryTime) {
  EXPECT_EQ(fit_together(models(3)).digests, fit_together(models(3)).digests);
}

// What the comparison with one rank is worth: an adapter whose gradients are not summed shows.
TEST_F(RanksOnDevices, AnAdapterLeftOutOfTheSumShows) {
  const Variable fault("EMULATED_NCCL_FAULT", "all:leave_out");
  const Result run = fit_together(models(2));
  EXPECT_EQ(run.errors, std::vector<std::string>(2));
  EXPECT_NE(run.digests[0], run.digests[1]);
  EXPECT_GT(relative_error(run.values, device_values(alone())), 1e-2);
}

TEST_F(RanksOnDevices, AllTakeTheHostWhereOneHasNoLibrary) {
  expect_through_the_host(
      fit_together({model_with(NCCL_whole), model_with("/nowhere")}),
      "rank 1 of 2: NVIDIA's NCCL (libnccl_emulated.so.2) does not load; install it with: "
      "pip install 'whorl[cuda13]'");
}

TEST_F(RanksOnDevices, AllTakeTheHostWhereTwoShareADevice) {
  const Model shared = model_with(NCCL_whole);
  expect_through_the_host(fit_together({shared, model_with(NCCL_whole), shared}),
                          "ranks 0 and 2 compute on the same device");
}

TEST_F(RanksOnDevices, AllTakeTheHostWhereItIsWanted) {
  const Variable off("WHORL_NCCL", "off");
  expect_through_the_host(fit_together(models(2)), "rank 0 of 2: WHORL_NCCL is 'off'");
}

TEST_F(RanksOnDevices, NothingIsSaidWhereAllAreCpus) {
  const Result run = fit_together({model_with("", "cpu"), model_with("", "cpu")});
  expect_as_alone(run, alone());
  EXPECT_EQ(run.log, "");
}

TEST_F(RanksOnDevices, AnErrorOfOneEndsAll) {
  TrainedOptions o = options();
  const auto begin = std::chrono::steady_clock::now();
  std::atomic<int> calls = 0;
  o.callback = [&](const Progress& p) -> bool {
    if (p.step == 2 && ++calls == 1) throw std::runtime_error("the host program failed");
    return true;
  };
  const Result run = fit_together(models(3), 20, o);
  for (const std::string& error : run.errors) EXPECT_CONTAINS(error, "the host program failed");
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(15));
}

// Ranks meet before they sum, for NCCL could not say who is missing.
TEST_F(RanksOnDevices, ARankThatDoesNotComeIsNamed) {
  const Result run = fit_together(models(3), 3, options(), 5);
  for (const std::string& error : run.errors) EXPECT_CONTAINS(error, "rank 1 of 3 did not answer within 3 s");
}

// What should not happen: one sums on its device, the other through the host. Nobody waits for ever.
TEST_F(RanksOnDevices, RanksThatDisagreeEndWithAnError) {
  const std::vector<Model> two = models(2);
  for (const int through_host : {0, 1}) {
    const auto errors = run_ranks(places(2, 2), [&](ranks::Communicator& all) {
      ops::Backend& backend = two[static_cast<size_t>(all.rank())].impl()->transformer->backend();
      const auto device = backend.join_ranks(model::calls_of(all));
      const Tensor host = Tensor::zeros(DType::float32, {8});
      const std::vector<Tensor> x = {backend.allocate(DType::float32, {8})};
      if (all.rank() == through_host)
        all.all_reduce_sum(host);
      else
        device->all_reduce_sum(x);
      all.barrier();
    });
    for (const std::string& error : errors)
      EXPECT_CONTAINS(error,
                      through_host == 1
                          ? "rank 1 of 2 is at call 3 (all_reduce_sum), rank 0 at call 3 (sums by NCCL)"
                          : "rank 1 of 2 did not answer within 2 s");
  }
}
}  // namespace
}  // namespace whorl

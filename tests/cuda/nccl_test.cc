// NCCL as a device's library: how it is found and refused, what its sums are, and that no rank hangs.
#include <signal.h>
#include <sys/wait.h>

#include <cmath>

#include "cuda/ranks_harness.h"

namespace whorl {
namespace {

using namespace testing;  // whorl::testing

using Devices = std::vector<std::shared_ptr<ops::Backend>>;

Devices devices(int count) {
  Devices out;
  for (int i = 0; i < count; ++i) out.push_back(device_with(NCCL_whole));
  return out;
}

Tensor on(ops::Backend& backend, const std::vector<float>& values) {
  const Shape shape = {static_cast<int64_t>(values.size())};
  const Tensor x = backend.allocate(DType::float32, shape), host = Tensor::zeros(DType::float32, shape);
  std::copy(values.begin(), values.end(), host.data<float>());
  backend.upload(host, x);
  return x;
}

std::vector<float> values_at(ops::Backend& backend, const Tensor& x) {
  const Tensor host = Tensor::zeros(DType::float32, x.shape());
  backend.download(x, host);
  return {host.data<float>(), host.data<float>() + host.numel()};
}

// Numbers whose sum depends on the order of additions.
std::vector<float> numbers(size_t count, int rank) {
  std::vector<float> out(count);
  for (size_t i = 0; i < count; ++i)
    out[i] = std::ldexp(static_cast<float>(1 + (i * 7919 + static_cast<size_t>(rank) * 104729) % 1009),
                        static_cast<int>(i % 23) - 12 * rank);
  return out;
}

TEST(Nccl, WhatCannotBeUsedIsRefusedInOneSentence) {
  const std::vector<std::pair<std::string, std::string>> table = {
      {"/nowhere",
       "NVIDIA's NCCL (libnccl_emulated.so.2) does not load; install it with: pip install 'whorl[cuda13]'"},
      {NCCL_old, "NVIDIA's NCCL (libnccl_emulated.so.2) is too old: expected 2.27.0 or newer, got 2.18.5"},
      {NCCL_function, "libnccl_emulated.so.2 has no function ncclGetLastError"}};
  for (const auto& [folder, sentence] : table) {
    const ops::Collective found = device_with(folder)->collective();
    EXPECT_EQ(found.library, "");
    EXPECT_EQ(found.why_not, sentence);
  }
  const auto device = device_with(NCCL_whole);
  EXPECT_EQ(device->collective().library, "NCCL 2.28.9");
  EXPECT_EQ(device->collective().why_not, "");
  {
    const Variable off("WHORL_NCCL", "off");
    EXPECT_EQ(device->collective().why_not, "WHORL_NCCL is 'off'");
  }
  const Variable odd("WHORL_NCCL", "on");
  EXPECT_THROW(device->collective(), std::invalid_argument);
}

TEST(Nccl, OneDeviceIsItselfAndNoOther) {
  const Devices two = devices(2);
  EXPECT_EQ(two[0]->collective().device, two[0]->collective().device);
  EXPECT_NE(two[0]->collective().device, two[1]->collective().device);
  const auto cpu = ops::make_backend("cpu", 1);
  EXPECT_EQ(cpu->collective().device, "");
  EXPECT_THROW(cpu->join_ranks({}), std::invalid_argument);
}

TEST(Nccl, SumsOnTheDeviceInTheOrderOfRanks) {
  for (const int ranks : {2, 3}) {
    const Devices all_devices = devices(ranks);
    const std::vector<size_t> sizes = {1, 1000, 40'000};
    const auto errors = run_ranks(places(ranks), [&](ranks::Communicator& all) {
      ops::Backend& backend = *all_devices[static_cast<size_t>(all.rank())];
      const auto device = backend.join_ranks(model::calls_of(all));
      for (int round = 0; round < 3; ++round) {
        std::vector<Tensor> tensors;
        for (const size_t size : sizes) tensors.push_back(on(backend, numbers(size, all.rank())));
        device->all_reduce_sum(tensors);
        for (size_t i = 0; i < sizes.size(); ++i) {
          std::vector<float> expected = numbers(sizes[i], 0);
          for (int rank = 1; rank < ranks; ++rank) {
            const std::vector<float> theirs = numbers(sizes[i], rank);
            for (size_t j = 0; j < sizes[i]; ++j) expected[j] += theirs[j];
          }
          EXPECT_EQ(values_at(backend, tensors[i]), expected);
        }
      }
      all.barrier();
    });
    for (const std::string& error : errors) EXPECT_EQ(error, "");
  }
}

TEST(Nccl, WhatItCannotSumIsRefused) {
  const Devices two = devices(2);
  run_ranks(places(2), [&](ranks::Communicator& all) {
    ops::Backend& backend = *two[static_cast<size_t>(all.rank())];
    const auto device = backend.join_ranks(model::calls_of(all));
    const std::vector<Tensor> whole = {backend.allocate(DType::int32, {4})},
                              part = {backend.allocate(DType::float32, {4, 4}).columns(0, 2)};
    EXPECT_THROW(device->all_reduce_sum(whole), std::invalid_argument);
    EXPECT_THROW(device->all_reduce_sum(part), std::invalid_argument);
    all.barrier();
  });
}

// `ranks` join, sum once, and again with a fault on rank 1.
std::vector<std::string> errors_of(const std::string& fault, int ranks, double timeout) {
  const Devices all_devices = devices(ranks);
  return run_ranks(places(ranks, timeout), [&](ranks::Communicator& all) {
    ops::Backend& backend = *all_devices[static_cast<size_t>(all.rank())];
    const std::vector<Tensor> x = {on(backend, numbers(100, all.rank()))};
    const auto device = backend.join_ranks(model::calls_of(all));
    device->all_reduce_sum(x);
    all.barrier();
    if (all.rank() == 0) setenv("EMULATED_NCCL_FAULT", fault.c_str(), 1);
    all.barrier();
    try {
      device->all_reduce_sum(x);
    } catch (const std::exception&) {
      EXPECT_THROW(device->all_reduce_sum(x), std::runtime_error) << "it has left";
      throw;
    }
  });
}

TEST(Nccl, AnErrorOfOneRankReachesAllWithItsName) {
  const auto errors = errors_of("1:error", 3, 20);
  unsetenv("EMULATED_NCCL_FAULT");
  EXPECT_EQ(errors[1], "[cuda] NCCL, sums: remote error (6; planted)");
  for (const size_t rank : {0, 2})
    EXPECT_CONTAINS(errors[rank], "rank 1 of 3 failed: [cuda] NCCL, sums: remote error");
}

TEST(Nccl, ASumThatNeverEndsEndsWhenTimeIsUp) {
  const auto errors = errors_of("1:silent", 2, 1);
  unsetenv("EMULATED_NCCL_FAULT");
  for (const std::string& error : errors)
    EXPECT_CONTAINS(error, "rank 0 of 2 waited 1 s for sums by NCCL, which did not end");
}

TEST(Nccl, AMeetingThatFailsSaysHowToGoOnWithoutIt) {
  const Variable fault("EMULATED_NCCL_FAULT", "1:meeting");
  const Devices two = devices(2);
  const auto errors = run_ranks(places(2), [&](ranks::Communicator& all) {
    two[static_cast<size_t>(all.rank())]->join_ranks(model::calls_of(all));
  });
  for (const std::string& error : errors) {
    EXPECT_CONTAINS(error, "NCCL, the meeting of ranks (WHORL_NCCL=off sums without it): system error");
  }
  EXPECT_CONTAINS(errors[0], "rank 1 of 2 failed");
}

// Others wait in a sum that NCCL, too, would never end.
TEST(Nccl, AKilledRankIsNamedAtOnce) {
  for (const int killed : {0, 1, 2}) {
    auto all_places = places(3, 60);
    const Devices all_devices = devices(3);
    const auto work = [&](ranks::Communicator& all) {
      ops::Backend& backend = *all_devices[static_cast<size_t>(all.rank())];
      const std::vector<Tensor> x = {on(backend, {1, 2, 3})};
      const auto device = backend.join_ranks(model::calls_of(all));
      device->all_reduce_sum(x);
      all.barrier();
      if (all.rank() == killed) raise(SIGKILL);
      device->all_reduce_sum(x);
    };
    const pid_t child = fork();
    if (child == 0) {
      work(*ranks::join(all_places[static_cast<size_t>(killed)], "[child]"));
      _exit(0);
    }
    all_places.erase(all_places.begin() + killed);
    const auto begin = std::chrono::steady_clock::now();
    const auto errors = run_ranks(all_places, work);
    waitpid(child, nullptr, 0);
    for (const std::string& error : errors)
      EXPECT_CONTAINS(error, base::concat("rank ", killed, " of 3 closed the connection"));
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(10));
  }
}

}  // namespace
}  // namespace whorl

// What ranks compute together.
#include <gtest/gtest.h>

#include <cstring>

#include "base/random.h"
#include "ranks/harness.h"

namespace whorl {
namespace {

using namespace testing;  // whorl::testing

constexpr int64_t kNumbers = (int64_t{1} << 20) + 77;  // two chunks

// Numbers of all sizes, so that another order of additions has other bits.
Tensor numbers_of(int rank, int64_t n) {
  Tensor x = Tensor::zeros(DType::float32, {n});
  for (int64_t i = 0; i < n; ++i)
    x.data<float>()[i] = static_cast<float>(
        base::normal(base::derive(7, static_cast<uint64_t>(rank)), static_cast<uint64_t>(i)) *
        ((i + rank) % 3 == 0 ? 1e4 : 1));
  return x;
}

std::vector<float> sum_in_order(const std::vector<int>& order, int64_t n) {
  std::vector<float> sum(static_cast<size_t>(n), 0.0f);
  for (const int rank : order) {
    const Tensor x = numbers_of(rank, n);
    for (size_t i = 0; i < sum.size(); ++i)
      sum[i] = rank == order[0] ? x.data<float>()[i] : sum[i] + x.data<float>()[i];
  }
  return sum;
}

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

TEST(AllReduce, AddsInTheOrderOfRanksOnEveryRank) {
  for (const int size : {2, 3, 4}) {
    std::vector<std::vector<float>> got(static_cast<size_t>(size));
    const auto errors = run_ranks(places(size), [&](ranks::Communicator& all) {
      const Tensor x = numbers_of(all.rank(), kNumbers);
      all.all_reduce_sum(x);
      got[static_cast<size_t>(all.rank())].assign(x.data<float>(), x.data<float>() + x.numel());
    });
    EXPECT_EQ(errors, std::vector<std::string>(static_cast<size_t>(size)));
    std::vector<int> order(static_cast<size_t>(size));
    std::iota(order.begin(), order.end(), 0);
    const auto want = sum_in_order(order, kNumbers);
    for (const auto& one : got) EXPECT_TRUE(same_bits(one, want)) << size;
    if (size == 2) continue;  // a + b = b + a
    std::swap(order[0], order[2]);
    EXPECT_FALSE(same_bits(got[0], sum_in_order(order, kNumbers))) << "planted fault: another order";
  }
}

TEST(AllReduce, TakesNoNumbersAndRefusesOtherTypes) {
  const auto errors = run_ranks(places(2), [](ranks::Communicator& all) {
    all.all_reduce_sum(Tensor::zeros(DType::float32, {0}));
    EXPECT_THROW(all.all_reduce_sum(Tensor::zeros(DType::int32, {4})), std::invalid_argument);
    all.barrier();
  });
  EXPECT_EQ(errors, std::vector<std::string>(2));
}

TEST(AllGather, GivesEveryRankWhatEachGave) {
  const auto errors = run_ranks(places(3), [](ranks::Communicator& all) {
    const std::string mine(static_cast<size_t>(all.rank()) * 100000, static_cast<char>('a' + all.rank()));
    const auto got = all.all_gather(mine);
    ASSERT_EQ(got.size(), 3u);
    for (size_t r = 0; r < 3; ++r) EXPECT_EQ(got[r], std::string(r * 100000, static_cast<char>('a' + r)));
  });
  EXPECT_EQ(errors, std::vector<std::string>(3));
}

TEST(Broadcast, GivesEveryRankTheBytesOfTheFirst) {
  const auto errors = run_ranks(places(3), [](ranks::Communicator& all) {
    std::string bytes(5'000'000, static_cast<char>('x' + all.rank()));
    if (all.rank() == 0) bytes[4'999'999] = '!';
    all.broadcast(bytes.data(), bytes.size());
    EXPECT_EQ(bytes.substr(4'999'998), "x!");
    EXPECT_EQ(bytes.find_first_not_of('x'), 4'999'999u);
    all.broadcast(bytes.data(), 0);
    all.barrier();
  });
  EXPECT_EQ(errors, std::vector<std::string>(3));
}

TEST(OneRank, NeedsNoSockets) { EXPECT_EQ(ranks::join(place_at(1, 0, 1), "[test]"), nullptr); }

}  // namespace
}  // namespace whorl

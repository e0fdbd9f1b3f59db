// Who may join, and who is turned away.
#include <gtest/gtest.h>

#include <chrono>
#include <cstring>

#include "base/log.h"
#include "ranks/handshake.h"
#include "ranks/harness.h"
#include "ranks/socket.h"

namespace whorl {
namespace {

using namespace testing;  // whorl::testing

void meet(ranks::Communicator& all) { all.barrier(); }

TEST(Rendezvous, WorldSizesMustAgree) {
  auto all = places(4);
  all.resize(2);
  all[1].size = 2;
  const auto errors = run_ranks(all, meet);
  for (const std::string& error : errors) EXPECT_CONTAINS(error, "rank 1 says world size 2, rank 0 says 4");
}

TEST(Rendezvous, NoTwoMayBeTheSameRank) {
  auto all = places(3);
  all[2].rank = 1;
  const auto errors = run_ranks(all, meet);
  EXPECT_CONTAINS(errors[0], "two processes say that they are rank 1 of 3");
  EXPECT_FALSE(errors[1].empty() || errors[2].empty());
}

TEST(Rendezvous, WhoDoesNotComeIsNamed) {
  auto all = places(4, 1);
  all.erase(all.begin() + 2);
  const auto errors = run_ranks(all, meet);
  for (const std::string& error : errors) {
    EXPECT_CONTAINS(error, "rank 2 of 4 did not connect to 127.0.0.1:");
    EXPECT_CONTAINS(error, "within 1 s");
  }
}

TEST(Rendezvous, ARunWithoutItsFirstRankEnds) {
  auto all = places(2, 1);
  all.erase(all.begin());
  EXPECT_CONTAINS(run_ranks(all, meet)[0], "rank 0 of 2 did not answer at 127.0.0.1:");
}

TEST(Rendezvous, APortInUseIsNamed) {
  auto all = places(2, 1);
  const ranks::Socket taken = ranks::listen_at("127.0.0.1", all[0].port, "[test]");
  all.resize(1);
  const std::string error = run_ranks(all, meet)[0];
  EXPECT_CONTAINS(error, "rank 0 cannot listen at 127.0.0.1:" + std::to_string(all[0].port));
  EXPECT_CONTAINS(error, "in use; choose another MASTER_PORT");
}

TEST(Rendezvous, AnAddressThatIsNoneIsNamed) {
  auto all = places(2, 1);
  all.resize(1);
  all[0].address = "no-such-machine.invalid";
  EXPECT_CONTAINS(run_ranks(all, meet)[0], "no machine is called 'no-such-machine.invalid'");
}

// Says `words` at the port until it is hung up on, and returns how many bytes it was told.
size_t stranger(int port, const std::string& words) {
  const ranks::Deadline deadline = ranks::after(10);
  size_t told = 0;
  ranks::Socket to;
  while (!to && ranks::Clock::now() < deadline) to = ranks::try_connect("127.0.0.1", port, deadline);
  try {
    to.send(words.data(), words.size(), deadline);
    char byte;
    while (true) to.receive(&byte, 1, deadline), ++told;
  } catch (const std::exception&) {
  }
  return told;
}

TEST(Rendezvous, StrangersAreTurnedAwayAndChangeNothing) {
  auto all = places(3);
  std::vector<std::string> words = {"GET / HTTP/1.1\r\n\r\n", std::string(1 << 16, '\0'), "WHORLRNK",
                                    std::string("WHORLRNK") + std::string(92, '\1')};
  std::vector<std::thread> strangers;
  for (const std::string& w : words) strangers.emplace_back([&, w] { stranger(all[0].port, w); });
  const auto late = [&](ranks::Communicator& communicator) { communicator.barrier(); };
  std::vector<std::string> first;
  std::thread host([&] { first = run_ranks({all[0]}, late); });
  std::this_thread::sleep_for(std::chrono::milliseconds(300));  // the strangers come first
  const auto others = run_ranks({all[1], all[2]}, late);
  host.join();
  for (std::thread& thread : strangers) thread.join();
  EXPECT_EQ(first, std::vector<std::string>(1));
  EXPECT_EQ(others, std::vector<std::string>(2));
}

TEST(Rendezvous, AnotherTokenIsRefusedAndTheRunGoesOn) {
  auto all = places(2);
  for (ranks::Place& place : all) place.token = "right";
  ranks::Place wrong = all[1];
  wrong.token = "wrong";
  wrong.size = 7;  // who does not hold the token cannot end the run by what it says
  all.push_back(wrong);
  std::string logged;
  base::set_log_sink([&](base::LogLevel, std::string_view message) { logged += message; });
  std::vector<std::string> refused, good;
  std::thread host([&] { good = run_ranks({all[0]}, meet); });
  refused = run_ranks({wrong}, meet);
  const auto other = run_ranks({all[1]}, meet);
  host.join();
  base::set_log_sink({});
  EXPECT_CONTAINS(refused[0], "rank 0 refused: WHORL_RANKS_TOKEN is not that of its run");
  EXPECT_EQ(good, std::vector<std::string>(1));
  EXPECT_EQ(other, std::vector<std::string>(1));
  EXPECT_CONTAINS(logged, "without this run's token");
  EXPECT_FALSE(contains(logged, "right") || contains(logged, "wrong"));
}

TEST(Rendezvous, WhatIsNotRankZeroIsNotBelieved) {
  const int port = free_port();
  const ranks::Socket listener = ranks::listen_at("127.0.0.1", port, "[test]");
  std::thread impostor([&] {
    ranks::Socket came;
    while (!came) came = ranks::accept_one(listener);
    const std::string words(100, 'S');
    came.send(words.data(), words.size(), ranks::after(5));
    came.say_goodbye();
  });
  EXPECT_CONTAINS(run_ranks({place_at(port, 1, 2)}, meet)[0], "is not rank 0 of a run");
  impostor.join();
}

TEST(Handshake, AProofIsOfEverythingThatWasSaid) {
  ranks::Hello hello;
  hello.rank = 1, hello.size = 2, hello.nonce = ranks::new_nonce();
  const ranks::Nonce nonce = ranks::new_nonce();
  const std::string proof = ranks::proof_of("t", "rank", nonce, hello);
  EXPECT_EQ(proof.size(), 64u);
  EXPECT_EQ(ranks::proof_of("t", "rank", nonce, hello), proof);
  EXPECT_NE(ranks::proof_of("u", "rank", nonce, hello), proof);
  EXPECT_NE(ranks::proof_of("t", "host", nonce, hello), proof);
  EXPECT_NE(ranks::proof_of("t", "rank", ranks::new_nonce(), hello), proof);
  ranks::Hello other = hello;
  other.rank = 2;
  EXPECT_NE(ranks::proof_of("t", "rank", nonce, other), proof);
  EXPECT_TRUE(ranks::same_bytes(proof, proof));
  EXPECT_FALSE(ranks::same_bytes(proof, proof.substr(1)));
  EXPECT_FALSE(ranks::same_bytes("ab", "ac"));
}

}  // namespace
}  // namespace whorl

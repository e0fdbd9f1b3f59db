// torchrun's names, and what is said when they make no sense.
#include "ranks/environment.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <map>

#include "ranks/harness.h"

namespace whorl {
namespace {

using namespace testing;  // whorl::testing
using Variables = std::map<std::string, std::string>;

class Environment : public ::testing::Test {
 protected:
  static constexpr const char* kNames[] = {"RANK",
                                           "WORLD_SIZE",
                                           "MASTER_ADDR",
                                           "MASTER_PORT",
                                           "WHORL_RANKS_TOKEN",
                                           "WHORL_RANKS_TIMEOUT",
                                           "WHORL_RANKS_PORT",
                                           "TORCHELASTIC_USE_AGENT_STORE"};
  void TearDown() override {
    for (const char* name : kNames) unsetenv(name);
  }
  ranks::Place read(const Variables& variables) {
    TearDown();
    for (const auto& [name, value] : variables) setenv(name.c_str(), value.c_str(), 1);
    return ranks::place_from_environment("[test]");
  }
  std::string refusal(const Variables& variables) {
    try {
      read(variables);
      return "nothing was thrown";
    } catch (const std::invalid_argument& e) {
      return e.what();
    }
  }
  Variables good = {{"RANK", "2"}, {"WORLD_SIZE", "4"}, {"MASTER_ADDR", "node-0"}, {"MASTER_PORT", "29500"}};
  Variables with(const std::string& name, const std::string& value) {
    Variables out = good;
    out[name] = value;
    return out;
  }
};

TEST_F(Environment, IsTorchruns) {
  const ranks::Place place = read(good);
  EXPECT_EQ(place.rank, 2);
  EXPECT_EQ(place.size, 4);
  EXPECT_EQ(place.address, "node-0");
  EXPECT_EQ(place.port, 29500);
  EXPECT_EQ(place.token, "");
  EXPECT_EQ(place.timeout_seconds, 600);
  EXPECT_EQ(read(with("WHORL_RANKS_TIMEOUT", "30")).timeout_seconds, 30);
  EXPECT_EQ(read(with("WHORL_RANKS_TOKEN", "secret")).token, "secret");
  EXPECT_EQ(read(with("TORCHELASTIC_USE_AGENT_STORE", "True")).port, 29501);
  EXPECT_EQ(read(with("WHORL_RANKS_PORT", "4000")).port, 4000);
  EXPECT_EQ(read({{"RANK", "0"}, {"WORLD_SIZE", "1"}}).size, 1);
}

TEST_F(Environment, NamesTheVariableThatMakesNoSense) {
  EXPECT_CONTAINS(refusal({}), "WORLD_SIZE to be a whole number from 1 to 4096, it is not set");
  EXPECT_CONTAINS(refusal({}), "whorl train --nproc");
  EXPECT_CONTAINS(refusal(with("WORLD_SIZE", "0")), "WORLD_SIZE");
  EXPECT_CONTAINS(refusal(with("WORLD_SIZE", "2x")), "got '2x'");
  EXPECT_CONTAINS(refusal(with("RANK", "4")), "RANK to be a whole number from 0 to 3, got '4'");
  EXPECT_CONTAINS(refusal(with("RANK", "")), "RANK to be a whole number from 0 to 3, it is not set");
  EXPECT_CONTAINS(refusal(with("MASTER_ADDR", "")), "MASTER_ADDR");
  EXPECT_CONTAINS(refusal(with("MASTER_PORT", "70000")), "MASTER_PORT");
  EXPECT_CONTAINS(refusal(with("WHORL_RANKS_TIMEOUT", "soon")), "WHORL_RANKS_TIMEOUT");
}

}  // namespace
}  // namespace whorl

// Whether ranks sum on their devices is one answer for all of them.
#include "model/agreement.h"

#include <gtest/gtest.h>

#include "ranks/harness.h"

namespace whorl {
namespace {

using namespace testing;  // whorl::testing

std::vector<model::Agreement> agree(const std::vector<ops::Collective>& ranks) {
  std::vector<model::Agreement> out(ranks.size());
  const auto errors = run_ranks(places(static_cast<int>(ranks.size())), [&](ranks::Communicator& all) {
    const auto rank = static_cast<size_t>(all.rank());
    out[rank] = model::agree(all, ranks[rank], "gradients");
  });
  EXPECT_EQ(errors, std::vector<std::string>(ranks.size()));
  return out;
}

TEST(Agreement, IsTheSameOnAllRanks) {
  const ops::Collective a{"LIB 1.2", "", "gpu-a"}, b{"LIB 1.2", "", "gpu-b"}, newer{"LIB 1.3", "", "gpu-c"},
      none{"", "there is no LIB", "gpu-c"}, cpu;
  struct Case {
    std::vector<ops::Collective> ranks;
    bool on_devices;
    std::string sentence;
  };
  const std::vector<Case> table = {
      {{a, b}, true, "gradients are summed by LIB 1.2"},
      {{a, b, none}, false, "gradients are summed through the host: rank 2 of 3: there is no LIB"},
      {{none, a}, false, "gradients are summed through the host: rank 0 of 2: there is no LIB"},
      {{a, newer}, false, "gradients are summed through the host: rank 1 of 2 has LIB 1.3, rank 0 LIB 1.2"},
      {{a, b, a}, false, "gradients are summed through the host: ranks 0 and 2 compute on the same device"},
      {{cpu, cpu}, false, ""}};
  for (const Case& one : table)
    for (const model::Agreement& found : agree(one.ranks)) {
      EXPECT_EQ(found.on_devices, one.on_devices) << one.sentence;
      EXPECT_EQ(found.sentence, one.sentence);
    }
}

}  // namespace
}  // namespace whorl

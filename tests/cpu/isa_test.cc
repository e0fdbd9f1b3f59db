// Which kernels are chosen, and what is said when they cannot be.
#include "cpu/isa.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdlib>
#include <functional>

#include "ops/device.h"

namespace whorl::cpu {

namespace {
std::string message_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const std::exception& error) {
    return error.what();
  }
  return "";
}

std::vector<std::string> every_isa() {
  auto names = available_isas();
  for (const auto& name : emulated_isas()) names.push_back(name);
  return names;
}

// Sets WHORL_ISA for one test.
struct Forced {
  explicit Forced(const char* isa) { setenv("WHORL_ISA", isa, 1); }
  ~Forced() { unsetenv("WHORL_ISA"); }
};

TEST(Isa, EveryAvailableOneCanBeForced) {
  for (const auto& isa : every_isa()) {
    const Forced forced(isa.c_str());
    EXPECT_EQ(ops::make_backend("cpu", 1)->name(), "cpu (" + isa + ")");
  }
}

TEST(Isa, TheBestIsTheDefault) { EXPECT_EQ(&kernels_for(""), &kernels_for(available_isas().front())); }

TEST(Isa, AnUnknownOneIsAnErrorThatListsWhatThereIs) {
  const Forced forced("avx1024");
  const auto message = message_of([] { ops::make_backend("cpu"); });
  EXPECT_NE(message.find("WHORL_ISA"), std::string::npos) << message;
  EXPECT_NE(message.find("avx1024"), std::string::npos) << message;
  EXPECT_NE(message.find("generic"), std::string::npos) << message;
}

// Keys and values are kept as attention reads them: rounded where it would round them anyway.
TEST(Isa, ACacheTakesHalfTheRoomWherePairsAreMultiplied) {
  for (const auto& isa : every_isa()) {
    const Forced forced(isa.c_str());
    const auto backend = ops::make_backend("cpu", 1);
    const auto dtype = [&](DType precision, int64_t head_size, int64_t page_size) {
      return backend->cache_dtype({4, 2, head_size, 0.125f, 0, precision}, page_size);
    };
    const DType rounded = isa == "avx512_bf16" ? DType::bfloat16 : DType::float32;
    EXPECT_EQ(dtype(DType::bfloat16, 64, 16), rounded) << isa;
    EXPECT_EQ(dtype(DType::bfloat16, 6, 64), rounded) << isa;
    EXPECT_EQ(dtype(DType::float32, 64, 16), DType::float32) << isa;
    EXPECT_EQ(dtype(DType::bfloat16, 64, 24), DType::float32) << isa << ": part of a vector of slots";
    EXPECT_EQ(dtype(DType::bfloat16, 7, 16), DType::float32) << isa << ": a word of two heads";
  }
}

TEST(Device, AnAbsentOneSaysWhatIsMissing) {
  const std::string refusal = message_of([] { ops::make_backend("cuda"); });
  EXPECT_TRUE(refusal.starts_with("[make_backend] device 'cuda' cannot be used: ")) << refusal;
  EXPECT_NE(message_of([] { ops::make_backend("tpu"); }).find("'tpu'"), std::string::npos);
}

TEST(Device, ThreadsAreAsAskedFor) {
  EXPECT_EQ(ops::make_backend("cpu", 3)->threads(), 3);
  EXPECT_GE(ops::make_backend("cpu")->threads(), 1);
}

// Every function of every table, so that a new member cannot stay empty in one of them.
TEST(Isa, TablesAreComplete) {
  for (const auto& isa : every_isa()) {
    const Kernels& k = kernels_for(isa);
    const auto* words = reinterpret_cast<const uint64_t*>(&k);
    const size_t may_be_null = offsetof(Kernels, pack_rows) / 8;
    EXPECT_EQ(k.pack_rows != nullptr, k.packs_apart == 2) << isa;
    for (size_t i = 0; i < sizeof k / 8; ++i)
      EXPECT_TRUE(words[i] != 0 || i == may_be_null) << isa << ", member " << i;
  }
}
}  // namespace
}  // namespace whorl::cpu

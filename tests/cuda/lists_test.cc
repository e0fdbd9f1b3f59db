// Lists that were sent to the device: found again by their bytes, forgotten in the order in which they were
// used.
#include "cuda/lists.h"

#include <gtest/gtest.h>

#include <optional>

#include "cuda/emulated/device_memory.h"

extern "C" int64_t whorl_emulated_uploads();

namespace whorl::cuda {

namespace {
struct Counted {
  std::shared_ptr<Runtime> runtime = Runtime::open(0, "");
  Lists lists{runtime};
  int64_t before = whorl_emulated_uploads();
  int64_t sent() const { return whorl_emulated_uploads() - before; }
  std::string on_device(const Sent& sent, size_t begin, size_t bytes) const {
    std::string out(bytes, '?');
    const auto size = static_cast<int64_t>(bytes);
    runtime->to_host(out.data(), size, sent.at<char>(begin), {1, size, size});
    return out;
  }
};

TEST(Lists, OfTheSameBytesAreSentOnce) {
  Counted c;
  const std::vector<int32_t> a = {1, 2, 3}, b = {1, 2, 4};
  const Sent first = Sent::of(c.lists, a), other = Sent::of(c.lists, b), again = Sent::of(c.lists, a);
  EXPECT_EQ(c.sent(), 2);
  EXPECT_EQ(first.at<int32_t>(), again.at<int32_t>());
  EXPECT_NE(first.at<int32_t>(), other.at<int32_t>());
  EXPECT_EQ(c.on_device(other, 8, 4), std::string("\4\0\0\0", 4));
}

TEST(Lists, ArePackedFromMultiplesOf16Bytes) {
  Counted c;
  Packed packed;
  const size_t small = packed.add(std::vector<char>{'a'}), none = packed.add(std::vector<int64_t>()),
               large = packed.add(std::vector<int64_t>{7});
  EXPECT_EQ(small, 0u);
  EXPECT_EQ(none, 16u);
  EXPECT_EQ(large, 16u);
  const Sent sent(c.lists, packed);
  EXPECT_EQ(c.sent(), 1);
  EXPECT_EQ(c.on_device(sent, large, 8), std::string("\7\0\0\0\0\0\0\0", 8));
  EXPECT_EQ(reinterpret_cast<uintptr_t>(sent.at<int64_t>(large)) % 16, 0u);
}

// As much is kept as may be; who still holds a forgotten list can read it.
TEST(Lists, ThatWereNotUsedForLongAreForgotten) {
  Counted c;
  const size_t many = Lists::kMost / Lists::kLargest;
  const auto list = [](size_t i) { return std::vector<size_t>(Lists::kLargest / sizeof(size_t), i); };
  const size_t free = emulated::memory_available();
  std::optional<Sent> zero = Sent::of(c.lists, list(0));
  for (size_t i = 1; i < many; ++i) Sent::of(c.lists, list(i));
  EXPECT_EQ(free - emulated::memory_available(), Lists::kMost);
  Sent::of(c.lists, list(0));
  EXPECT_EQ(c.sent(), static_cast<int64_t>(many));
  Sent::of(c.lists, list(many));  // one too many: list 1 goes
  Sent::of(c.lists, list(0));
  EXPECT_EQ(c.sent(), static_cast<int64_t>(many) + 1);
  Sent::of(c.lists, list(1));
  EXPECT_EQ(c.sent(), static_cast<int64_t>(many) + 2);
  for (size_t i = 0; i < many; ++i) Sent::of(c.lists, list(100 + i));
  EXPECT_EQ(free - emulated::memory_available(), Lists::kMost + Lists::kLargest);  // list 0 is held
  EXPECT_EQ(c.on_device(*zero, 0, 8), std::string(8, '\0'));
  zero.reset();
  EXPECT_EQ(free - emulated::memory_available(), Lists::kMost);
}

TEST(Lists, ThatAreLongAreNotKept) {
  Counted c;
  const std::vector<char> large(Lists::kLargest + 1, 'x');
  const size_t free = emulated::memory_available();
  for (int i = 0; i < 2; ++i) EXPECT_EQ(c.on_device(Sent::of(c.lists, large), Lists::kLargest, 1), "x");
  EXPECT_EQ(c.sent(), 2);
  EXPECT_EQ(emulated::memory_available(), free);
}

}  // namespace
}  // namespace whorl::cuda

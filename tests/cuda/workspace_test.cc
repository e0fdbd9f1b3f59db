// Fixed places for what ops borrow and for lists.
#include "cuda/repeats_harness.h"

namespace whorl::cuda {

namespace {
using namespace testing;  // whorl::cuda::testing

TEST(Workspace, PutsPiecesIntoTheFirstGap) {
  Arena arena(Runtime::open(0, ""));
  arena.begin();
  const size_t a = arena.take(1), b = arena.take(256), c = arena.take(257);
  EXPECT_EQ(a, 0u);
  EXPECT_EQ(b, 256u);
  EXPECT_EQ(c, 512u);
  EXPECT_EQ(arena.at(a), nullptr);  // only counted
  arena.give_back(b);
  EXPECT_EQ(arena.take(300), 1024u);
  EXPECT_EQ(arena.take(200), b);
  arena.begin();
  const char* const first = arena.at(arena.take(1024));
  EXPECT_NE(first, nullptr);
  EXPECT_EQ(arena.at(arena.take(1024)), first + 1024);  // 1,536 bytes were wanted at once: 2,048 are there
  EXPECT_EQ(arena.at(arena.take(1)), nullptr);
  arena.begin();
  EXPECT_NE(arena.at(arena.take(2304)), nullptr);
}

TEST(Workspace, SendsOfItsListsWhatChanged) {
  const auto runtime = Runtime::open(0, "");
  ListPlaces lists(runtime);
  const auto put = [&](const std::vector<std::string>& texts) {
    lists.begin();
    std::vector<const char*> places;
    for (const std::string& text : texts) places.push_back(lists.put(text, false));
    lists.send();
    return places;
  };
  const auto read = [&](const char* at, size_t n) {
    std::string out(n, '?');
    const auto size = static_cast<int64_t>(n);
    runtime->to_host(out.data(), size, at, {1, size, size});
    return out;
  };
  const std::string long_one(300, 'l'), longer(400, 'm'), too_long(600, 'n');
  EXPECT_EQ(put({"a", long_one, "b"})[0], nullptr);  // no room yet
  const auto first = put({"a", long_one, "b"});
  EXPECT_EQ(put({"a", long_one, "a"})[2], first[0]);  // found again by its bytes
  lists.begin();
  EXPECT_EQ(lists.put("a", true), first[0]);
  EXPECT_EQ(lists.put("a", false), first[0] + 256);  // but not where they mean something else
  EXPECT_EQ(lists.put("a", true), first[0] + 512);
  {
    const Since since;
    const auto second = put({"a", longer, "c"});
    EXPECT_EQ(second, first);  // which grows within its place
    EXPECT_EQ(since.uploads(), 1);
    EXPECT_EQ(read(second[0], 1) + read(second[1], 400) + read(second[2], 1), "a" + longer + "c");
    put({"a", longer, "c"});
    EXPECT_EQ(since.uploads(), 1);
  }
  EXPECT_EQ(put({"a", too_long, "c"})[2], nullptr);
  const auto third = put({"a", too_long, "c"});
  EXPECT_EQ(third[2], third[0] + 256 + 1024);
  EXPECT_EQ(read(third[0], 1), "a");  // which lies in fresh memory
  EXPECT_EQ(read(third[1], 600), too_long);
  EXPECT_EQ(read(third[2], 1), "c");
}

TEST(Workspace, SendsLongListsWithoutAWait) {
  const auto runtime = Runtime::open(0, "");
  ListPlaces lists(runtime);
  std::string text(3 * Runtime::kStaged, 'x');
  for (int i = 0; i < 2; ++i) {
    const Since since;
    lists.begin();
    text.back() = static_cast<char>('a' + i);
    const char* const place = lists.put(text, false);
    lists.send();
    EXPECT_EQ(since.waits(), 0);
    if (i == 0) continue;
    char last = 0;
    runtime->to_host(&last, 1, place + text.size() - 1, {1, 1, 1});
    EXPECT_EQ(last, 'b');
  }
}

// What a step takes without a recording is there; in the second case room for its arena, but not for lists.
TEST(Workspace, GoesWithoutMemoryWhereThereIsNone) {
  for (const char* bytes : {"1500", "1700"}) {
    Device d;
    setenv("WHORL_EMULATED_MEMORY", bytes, 1);
    const Since since;
    for (int i = 0; i < 4; ++i) {
      d.repeats.run(7, [&] {
        d.body(1, i);
        const Scratch large(*d.runtime, 900);
      });
      EXPECT_EQ(d.result(), 2 + i);
    }
    unsetenv("WHORL_EMULATED_MEMORY");
    EXPECT_EQ(since.launches(), 8);
    EXPECT_EQ(since.graphs(), 0);
  }
}

// Two that begin and end alike are two; what differs at either end, in the middle or at the edge of a piece
// is sent.
TEST(Workspace, TellsListsApartByAllOfThem) {
  const auto runtime = Runtime::open(0, "");
  ListPlaces lists(runtime);
  std::string one(3000, 'x'), other = one;
  other[1500] = 'y';
  const auto put_both = [&] {
    lists.begin();
    const std::pair places{lists.put(one, false), lists.put(other, false)};
    lists.send();
    return places;
  };
  put_both();  // no room yet
  const auto [place, second] = put_both();
  ASSERT_NE(place, nullptr);
  EXPECT_NE(second, place);
  for (const size_t at : {size_t{0}, size_t{255}, size_t{256}, size_t{1500}, size_t{2999}}) {
    one[at] = 'z';
    EXPECT_EQ(put_both().first, place);
    std::string there(one.size(), ' ');
    const auto size = static_cast<int64_t>(one.size());
    runtime->to_host(there.data(), size, place, {1, size, size});
    EXPECT_EQ(there, one) << at;
  }
}

}  // namespace
}  // namespace whorl::cuda

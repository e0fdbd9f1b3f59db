// What the store does when nothing goes wrong, and whom it refuses.
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <optional>
#include <set>
#include <thread>
#include <utility>

#include "adapter/peft.h"
#include "base/forwarding_file.h"
#include "base/memory_file.h"
#include "base/temporary_folder.h"
#include "store/store_fixture.h"

namespace whorl::store {
namespace {

class Store : public testing::Test {
 protected:
  base::TemporaryFolder folder_;
  AdapterStore store_{folder_.path() + "/store"};
};

TEST_F(Store, PublishedIsFoundAgainByAnybody) {
  const Adapter adapter = small_adapter(1);
  const AdapterVersion version = store_.publish("tickets", adapter, {.metadata = {{"run", "7"}}});
  EXPECT_EQ(version.version, 1);
  EXPECT_TRUE(version.latest);
  EXPECT_EQ(version.digest, adapter.digest());
  const AdapterStore other(store_.path());
  EXPECT_EQ(other.get("tickets").digest(), adapter.digest());
  EXPECT_EQ(other.resolve("tickets").metadata.at("run"), "7");
  EXPECT_EQ(other.list(), std::vector<std::string>{"tickets"});
  EXPECT_TRUE(other.contains("tickets") && other.contains("tickets@1") && !other.contains("tickets@2"));
  EXPECT_TRUE(store_.verify().ok()) << problems_of(store_.verify());
}

TEST_F(Store, ReferencesCarryTheVersion) {
  for (uint64_t seed = 1; seed <= 3; ++seed) store_.publish("a", small_adapter(seed));
  EXPECT_EQ(store_.get("a@2").digest(), small_adapter(2).digest());
  EXPECT_EQ(store_.get("a", 1).digest(), small_adapter(1).digest());
  EXPECT_EQ(store_.get("a@latest").digest(), small_adapter(3).digest());
  EXPECT_TRUE(
      says(refusal<std::invalid_argument>([&] { store_.get("a@9"); }), "has no version 9; newest is 3"));
  EXPECT_TRUE(says(refusal<std::invalid_argument>([&] { store_.get("b"); }), "no adapter 'b'"));
  for (const char* bad : {"a@", "a@x", "a@01", "a@-1", "a@1@2", "@1", "a@0"})
    refusal<std::invalid_argument>([&] { store_.get(bad); });
  refusal<std::invalid_argument>([&] { store_.get("a@1", 2); });
  refusal<std::invalid_argument>([&] { store_.get("a", -1); });
}

TEST_F(Store, PeftFoldersAreKeptByteForByte) {
  const std::string peft = std::string(WHORL_SOURCE_DIR) + "/tests/adapter/fixtures/patterns";
  const AdapterVersion version = store_.publish("peft", std::filesystem::path(peft));
  EXPECT_EQ(version.digest, Adapter::load(peft).digest());
  store_.export_peft("peft", folder_.path() + "/out");
  for (const char* file : {adapter::config_file, adapter::weights_file})
    EXPECT_EQ(base::read_file(peft + "/" + file), base::read_file(folder_.path() + "/out/" + file)) << file;
}

TEST_F(Store, Bfloat16IsPublishedUnderTheDigestOfWhatIsServed) {
  const AdapterVersion version = store_.publish("a", small_adapter(1), {.dtype = "bfloat16"});
  EXPECT_NE(version.digest, small_adapter(1).digest());
  EXPECT_EQ(store_.get("a").digest(), version.digest);
}

TEST_F(Store, PromoteAndRollbackMoveLatestAlone) {
  for (uint64_t seed = 1; seed <= 3; ++seed) store_.publish("a", small_adapter(seed));
  store_.publish("a", small_adapter(4), {.promote = false});
  EXPECT_EQ(store_.resolve("a").version, 3);
  store_.promote("a", 4);
  EXPECT_EQ(store_.resolve("a").version, 4);
  EXPECT_EQ(store_.rollback("a").version, 3);
  store_.promote("a", 1);
  EXPECT_EQ(store_.rollback("a").version, 3);
  EXPECT_EQ(store_.rollback("a").version, 2);
  EXPECT_EQ(store_.rollback("a").version, 1);
  EXPECT_TRUE(says(refusal<std::invalid_argument>([&] { store_.rollback("a"); }), "no version before 1"));
  EXPECT_EQ(store_.resolve("a").version, 1);
  EXPECT_EQ(store_.versions("a").size(), 4u);
  store_.publish("a", small_adapter(5));
  EXPECT_EQ(store_.resolve("a").version, 5);
  EXPECT_TRUE(says(refusal<std::invalid_argument>([&] { store_.promote("a", 6); }), "no version 6"));
}

TEST_F(Store, UnpromotedIsNotServed) {
  store_.publish("a", small_adapter(1), {.promote = false});
  EXPECT_TRUE(says(refusal<std::invalid_argument>([&] { store_.get("a"); }), "promoted"));
  EXPECT_EQ(store_.get("a@1").digest(), small_adapter(1).digest());
}

TEST_F(Store, DeletedIsGoneAndItsNumberStaysUsed) {
  for (uint64_t seed = 1; seed <= 3; ++seed) store_.publish("a", small_adapter(seed));
  EXPECT_TRUE(says(refusal<std::invalid_argument>([&] { store_.delete_version("a", 3); }), "is `latest`"));
  store_.promote("a", 1);
  store_.delete_version("a", 3);
  EXPECT_TRUE(says(refusal<std::invalid_argument>([&] { store_.get("a@3"); }), "it was deleted"));
  EXPECT_EQ(store_.publish("a", small_adapter(9)).version, 4) << "number 3 must not come back";
  store_.delete_version("a", 2);
  EXPECT_EQ(store_.rollback("a").version, 1) << "deleted versions are skipped";
  EXPECT_TRUE(store_.verify().ok()) << problems_of(store_.verify());

  store_.delete_adapter("a");
  EXPECT_TRUE(store_.list().empty());
  refusal<std::invalid_argument>([&] { store_.get("a"); });
  refusal<std::invalid_argument>([&] { store_.delete_adapter("a"); });
  EXPECT_EQ(store_.publish("a", small_adapter(10)).version, 5);
  EXPECT_EQ(store_.resolve("a").version, 5);
  EXPECT_TRUE(store_.verify().ok()) << problems_of(store_.verify());
}

TEST_F(Store, EqualContentIsStoredOnceAndGarbageIsWhatNobodyNeeds) {
  store_.publish("a", small_adapter(1));
  store_.publish("a", small_adapter(1));
  store_.publish("b", small_adapter(1));
  store_.publish("a", small_adapter(2));
  base::FileSystem& fs = *base::FileSystem::real();
  const std::string objects = folder_.path() + "/store/objects";
  EXPECT_EQ(base::list_directory(fs, objects).size(), 3u) << "two weights, one configuration";
  store_.delete_version("a", 1);
  EXPECT_EQ(store_.collect_garbage().removed, 0) << "others still link the content";
  store_.delete_version("a", 2);
  store_.delete_adapter("b");
  EXPECT_EQ(store_.collect_garbage().removed, 1) << "the first weights";
  EXPECT_EQ(base::list_directory(fs, objects).size(), 2u);
  EXPECT_EQ(store_.get("a").digest(), small_adapter(2).digest());
}

TEST_F(Store, ARottenObjectIsNotUsedAgain) {
  store_.publish("a", small_adapter(1));
  for (const std::string& name :
       base::list_directory(*base::FileSystem::real(), folder_.path() + "/store/objects")) {
    const std::string path = folder_.path() + "/store/objects/" + name;
    const int fd = ::open(path.c_str(), O_RDWR);
    char byte = 0;
    ASSERT_EQ(::pread(fd, &byte, 1, 20), 1);
    byte ^= 4;
    ASSERT_EQ(::pwrite(fd, &byte, 1, 20), 1);
    ::close(fd);
  }
  EXPECT_TRUE(says(refusal<std::runtime_error>([&] { store_.get("a@1"); }), "damaged"));
  store_.publish("a", small_adapter(1));
  EXPECT_EQ(store_.get("a@2").digest(), small_adapter(1).digest());
}

TEST_F(Store, RefusesWhatIsNoStoreAndWhatIsNoAdapter) {
  base::TemporaryFolder other;
  base::write_file_durably(other.path() + "/thesis.txt", "years of work");
  EXPECT_TRUE(says(refusal<std::invalid_argument>([&] { AdapterStore bad(other.path()); }), "thesis.txt"));
  EXPECT_TRUE(
      says(refusal<std::invalid_argument>([&] { AdapterStore bad(other.path() + "/x", {.create = false}); }),
           "no adapter store"));
  refusal<std::invalid_argument>([&] { store_.publish("a", Adapter()); });
  refusal<std::invalid_argument>([&] { store_.publish("a", std::filesystem::path(other.path())); });
  EXPECT_TRUE(store_.list().empty());
}

// Absolute, relative, encoded, dotted, dashed, spaced, in other letters: none may name anything.
std::vector<std::string> traversal_corpus() {
  std::vector<std::string> out = {"",         ".",
                                  "..",       "...",
                                  "a..b",     "-a",
                                  "_a",       ".a",
                                  "a--b",     "A",
                                  "a b",      "a\n",
                                  "a\tb",     " a",
                                  "a ",       "ä",
                                  "a\\b",     "C:\\a",
                                  "c:",       "~",
                                  "~root",    "$HOME",
                                  "`id`",     "a;b",
                                  "a|b",      "a&b",
                                  "a?b",      "a*b",
                                  "a\"b",     "a'b",
                                  "a%b",      "%2e%2e",
                                  "..%2f",    "%252e",
                                  "a#b",      "a:b",
                                  "a,b",      "a=b",
                                  "a+b",      "a(b)",
                                  "a[b]",     "a{b}",
                                  "a<b>",     "a!b",
                                  "a^b",      "\x7f",
                                  "a\x01",    "\xff\xfe",
                                  "．．",     "‥",
                                  "a\u200bb", "a/b",
                                  "/",        "//",
                                  "a/",       "/a",
                                  "nul/../",  "con\\..\\",
                                  "s3://a",   "file://a",
                                  "http://a", std::string(97, 'a')};
  out.push_back(std::string("a\0b", 3));
  for (const char* up :
       {"../", "..\\", "..%2f", "%2e%2e/", "%2e%2e%2f", "..%c0%af", "....//", "..;/", ".%00./", "..%255c"})
    for (const char* tail : {"etc/passwd", "a", "a/b", "store", "versions", "objects/x", "latest", "1",
                             "x.json", "whorl-store.json", "../a", "..\\a", "etc%2fpasswd", "proc/self"})
      out.push_back(std::string(up) + tail);
  return out;
}

TEST_F(Store, TraversalCorpusIsRefusedAtEveryDoor) {
  const std::vector<std::string> corpus = traversal_corpus();
  ASSERT_GE(corpus.size(), 200u);
  const Adapter adapter = small_adapter(1);
  for (const std::string& name : corpus) {
    SCOPED_TRACE(base::printable(name));
    refusal<std::invalid_argument>([&] { store_.publish(name, adapter); });
    refusal<std::invalid_argument>([&] { store_.publish(name, std::filesystem::path("x")); });
    refusal<std::invalid_argument>([&] { store_.get(name); });
    refusal<std::invalid_argument>([&] { store_.resolve(name); });
    refusal<std::invalid_argument>([&] { store_.export_peft(name, folder_.path() + "/o"); });
    refusal<std::invalid_argument>([&] { store_.contains(name); });
    refusal<std::invalid_argument>([&] { store_.versions(name); });
    refusal<std::invalid_argument>([&] { store_.promote(name, 1); });
    refusal<std::invalid_argument>([&] { store_.rollback(name); });
    refusal<std::invalid_argument>([&] { store_.delete_version(name, 1); });
    refusal<std::invalid_argument>([&] { store_.delete_adapter(name); });
    refusal<std::invalid_argument>([&] { store_.wait_for_change(name, 0, std::chrono::milliseconds(0)); });
  }
  EXPECT_TRUE(store_.list().empty());
}

TEST_F(Store, WaitAndWatchSeeWhatOthersPublish) {
  AdapterStore watcher(store_.path(), {.poll_interval = std::chrono::milliseconds(5)});
  EXPECT_EQ(watcher.wait_for_change("a", 0, std::chrono::milliseconds(10)), 0);
  std::mutex mutex;
  std::vector<std::string> seen;
  StoreWatch watch = watcher.watch([&](const AdapterVersion& version) {
    std::lock_guard lock(mutex);
    seen.push_back(version.name + "@" + std::to_string(version.version));
  });
  std::thread publisher([&] {
    store_.publish("a", small_adapter(1));
    store_.publish("b", small_adapter(2));
  });
  EXPECT_EQ(watcher.wait_for_change("a", 0, std::chrono::seconds(20)), 1);
  EXPECT_EQ(watcher.wait_for_change("b", 0, std::chrono::seconds(20)), 1);
  publisher.join();
  const auto wait_for = [&](const std::string& what) {
    for (int i = 0; i < 4000; ++i) {
      {
        std::lock_guard lock(mutex);
        if (std::find(seen.begin(), seen.end(), what) != seen.end()) return true;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return false;
  };
  EXPECT_TRUE(wait_for("a@1") && wait_for("b@1"));
  store_.publish("a", small_adapter(3));
  EXPECT_TRUE(wait_for("a@2"));
  store_.rollback("a");
  watch.stop();
  const size_t count = seen.size();
  store_.publish("a", small_adapter(4));
  std::this_thread::sleep_for(std::chrono::milliseconds(30));
  EXPECT_EQ(seen.size(), count) << "a stopped watch is silent";
}

TEST_F(Store, AWatchMayEndFromWithinItsCallback) {
  AdapterStore watcher(store_.path(), {.poll_interval = std::chrono::milliseconds(2)});
  std::atomic<int> calls{0};
  std::optional<StoreWatch> watch;
  std::mutex mutex;
  std::unique_lock lock(mutex);
  watch = watcher.watch([&](const AdapterVersion&) {
    std::lock_guard wait_for_the_handle(mutex);
    watch.reset();
    ++calls;  // last: the test looks at the handle again once it sees this
  });
  lock.unlock();
  store_.publish("a", small_adapter(1));
  for (int i = 0; i < 4000 && calls == 0; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  store_.publish("a", small_adapter(2));
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_EQ(calls, 1);
}

// ---- many at once --------------------------------------------------------------------------------------

TEST_F(Store, ThreadsGetDistinctVersionsWithoutGaps) {
  constexpr int threads = 8, each = 6;
  std::mutex mutex;
  std::map<int64_t, std::string> digests;
  std::vector<std::thread> publishers;
  for (int t = 0; t < threads; ++t)
    publishers.emplace_back([&, t] {
      for (int i = 0; i < each; ++i) {
        const AdapterVersion version =
            store_.publish("a", small_adapter(static_cast<uint64_t>(t * each + i + 1)));
        std::lock_guard lock(mutex);
        EXPECT_TRUE(digests.emplace(version.version, version.digest).second)
            << "version " << version.version << " twice";
      }
    });
  for (std::thread& publisher : publishers) publisher.join();
  EXPECT_EQ(digests.size(), static_cast<size_t>(threads * each));
  EXPECT_EQ(digests.rbegin()->first, threads * each) << "numbers without gaps";
  for (const auto& [version, digest] : digests) EXPECT_EQ(store_.get("a", version).digest(), digest);
  EXPECT_EQ(store_.resolve("a").version, threads * each) << "latest is the newest";
}

TEST_F(Store, ProcessesGetDistinctVersionsWhilePromotingAndDeleting) {
  constexpr int processes = 8, each = 5;
  int pipe[2];
  ASSERT_EQ(::pipe(pipe), 0);
  std::vector<pid_t> children;
  for (int p = 0; p < processes; ++p) {
    const pid_t pid = ::fork();
    ASSERT_GE(pid, 0);
    if (pid == 0) {
      int rc = 0;
      try {
        AdapterStore mine(store_.path());
        for (int i = 0; i < each; ++i) {
          const AdapterVersion v = mine.publish("a", small_adapter(static_cast<uint64_t>(p * each + i + 1)));
          const std::string line = std::to_string(v.version) + " " + v.digest + "\n";
          if (::write(pipe[1], line.data(), line.size()) != static_cast<ssize_t>(line.size())) rc = 1;
          if (i % 2) mine.promote("a", v.version);
          mine.collect_garbage();
        }
      } catch (const std::exception& error) {
        ::dprintf(2, "child: %s\n", error.what());
        rc = 2;
      }
      ::_exit(rc);
    }
    children.push_back(pid);
  }
  ::close(pipe[1]);
  std::string text;
  char buffer[4096];
  for (ssize_t n; (n = ::read(pipe[0], buffer, sizeof buffer)) > 0;)
    text.append(buffer, static_cast<size_t>(n));
  ::close(pipe[0]);
  for (const pid_t pid : children) {
    int status = 0;
    ::waitpid(pid, &status, 0);
    EXPECT_EQ(status, 0);
  }
  std::map<int64_t, std::string> acknowledged;
  std::stringstream in(text);
  int64_t version = 0;
  for (std::string digest; in >> version >> digest;)
    EXPECT_TRUE(acknowledged.emplace(version, digest).second) << version;
  EXPECT_EQ(acknowledged.size(), static_cast<size_t>(processes * each));
  for (const auto& [number, digest] : acknowledged) EXPECT_EQ(store_.get("a", number).digest(), digest);
  EXPECT_TRUE(store_.verify().ok()) << problems_of(store_.verify());
}

// Just before the first version is put in place, another publisher takes the number. `replace` is the planted
// fault: a rename that puts the later version over the earlier one.
class Overtaken final : public base::ForwardingFileSystem {
 public:
  Overtaken(base::FileSystem& inner, bool replace) : ForwardingFileSystem(inner), replace_(replace) {}

  int rename_new(const std::string& from, const std::string& to) override {
    if (to.find("/versions/") == std::string::npos) return inner_.rename_new(from, to);
    if (const auto overtake = std::exchange(overtake_, nullptr)) overtake();
    if (replace_) base::remove_tree(inner_, to);
    return inner_.rename_new(from, to);
  }
  void before_first_version(std::function<void()> action) { overtake_ = std::move(action); }

 private:
  bool replace_;
  std::function<void()> overtake_;
};

// The versions that two publishers got, the second in the middle of the first.
std::multiset<int64_t> publish_overtaken(bool replace) {
  base::MemoryFileSystem disk;
  const auto layer = std::make_shared<Overtaken>(disk, replace);
  AdapterStore store = open_store("/store", {}, layer);
  std::multiset<int64_t> versions;
  layer->before_first_version([&] { versions.insert(store.publish("a", small_adapter(2)).version); });
  versions.insert(store.publish("a", small_adapter(1)).version);
  return versions;
}

TEST(StoreOvertaken, BothGetTheirOwnVersion) {
  EXPECT_EQ(publish_overtaken(false), (std::multiset<int64_t>{1, 2}));
}

TEST(StoreOvertaken, PlantedReplacingRenameIsSeen) {
  EXPECT_EQ(publish_overtaken(true), (std::multiset<int64_t>{1, 1})) << "one of the two is lost";
}

}  // namespace
}  // namespace whorl::store

// What the disk can do to a store: every call failing once and for good, the process dying around every call,
// the power going, bits flipping. For each promise a spoiled file layer or store shows that the check sees
// it.
#include <cerrno>
#include <functional>
#include <set>

#include "base/fault_file.h"
#include "base/memory_file.h"
#include "base/random.h"
#include "store/store_fixture.h"

namespace whorl::store {
namespace {

using base::Fault;
using base::FaultFileSystem;
using base::MemoryFileSystem;

const std::string root = "/store";

std::shared_ptr<base::FileSystem> borrowed(base::FileSystem& fs) { return {std::shared_ptr<void>(), &fs}; }

// What somebody was told, and what may be true besides because an operation was not acknowledged.
struct Told {
  std::map<int64_t, std::string> versions;  // these exist with these digests
  std::set<int64_t> gone;                   // these do not exist
  std::set<int64_t> latest;                 // `latest` is one of these (0: there is none)
  int64_t highest = 0;                      // numbers up to here are used
};

// A store with three versions of "a"; version 1 was deleted, 3 is latest.
Told prepare(base::FileSystem& disk) {
  AdapterStore store = open_store(root, {}, borrowed(disk));
  Told out;
  for (uint64_t seed = 1; seed <= 3; ++seed) {
    const AdapterVersion v = store.publish("a", small_adapter(seed));
    out.versions[v.version] = v.digest;
  }
  store.delete_version("a", 1);
  out.versions.erase(1);
  out.gone = {1};
  out.latest = {3};
  out.highest = 3;
  return out;
}

std::string compare(AdapterStore& store, const Told& told) {
  const StoreReport report = store.verify();
  if (!report.ok()) return problems_of(report);
  for (const auto& [version, digest] : told.versions)
    if (store.get("a", version).digest() != digest)
      return "another adapter under version " + std::to_string(version);
  for (const int64_t version : told.gone)
    if (store.contains("a@" + std::to_string(version))) return "a deleted version is back";
  const int64_t latest = store.wait_for_change("a", -1, std::chrono::milliseconds(0));
  if (!told.latest.count(latest)) return "latest is " + std::to_string(latest);
  if (latest != 0) store.get("a");
  return "";
}

// "" if the store on this disk opens, verifies and is what somebody was told, else what is wrong. It is
// looked at again after cleaning, and must still take a publish.
std::string judge(base::FileSystem& disk, const Told& told) try {
  AdapterStore store = open_store(root, {}, borrowed(disk));
  for (int pass = 0; pass < 2; ++pass) {
    if (const std::string wrong = compare(store, told); !wrong.empty()) return wrong;
    store.collect_garbage();
  }
  const AdapterVersion next = store.publish("a", small_adapter(99));
  if (store.get("a").digest() != next.digest) return "publishing afterwards does not work";
  return next.version > told.highest ? "" : "a number was used twice";
} catch (const std::exception& error) {
  return error.what();
}

struct Operation {
  const char* name;
  std::function<void(AdapterStore&, Told&)> run;  // loosens `told` before, tightens it once acknowledged
};

void publish(AdapterStore& store, Told& told, uint64_t seed) {
  told.latest.insert(told.highest + 1);
  const AdapterVersion v = store.publish("a", small_adapter(seed));
  told.versions[v.version] = v.digest;
  told.latest = {v.version};
  told.highest = v.version;
}

void move_latest(AdapterStore& store, Told& told, bool back) {
  told.latest = {2, 3};
  if (back)
    store.rollback("a");
  else
    store.promote("a", 2);
  told.latest = {2};
}

void remove_two(AdapterStore& store, Told& told) {
  told.versions.erase(2);
  store.delete_version("a", 2);
  told.gone.insert(2);
}

void remove_all(AdapterStore& store, Told& told) {
  told.versions.clear();
  told.latest = {0, 3};
  store.delete_adapter("a");
  told.latest = {0};
  told.gone = {1, 2, 3};
}

void read_all(AdapterStore& store, Told&) {
  store.get("a");
  store.versions("a");
  store.verify();
}

const std::vector<Operation>& operations() {
  static const std::vector<Operation> all = {
      {"open", [](AdapterStore&, Told&) {}},
      {"publish", [](AdapterStore& s, Told& t) { publish(s, t, 7); }},
      {"publish what is stored already", [](AdapterStore& s, Told& t) { publish(s, t, 2); }},
      {"promote", [](AdapterStore& s, Told& t) { move_latest(s, t, false); }},
      {"rollback", [](AdapterStore& s, Told& t) { move_latest(s, t, true); }},
      {"delete", remove_two},
      {"delete all", remove_all},
      {"collect", [](AdapterStore& s, Told&) { s.collect_garbage(); }},
      {"read", read_all}};
  return all;
}

// Runs `operation` with a fault at call `at`; returns false once the operation needs fewer calls.
bool one_point(const Operation& operation, Fault fault, MemoryFileSystem& disk, Told& told) {
  told = prepare(disk);
  FaultFileSystem faults(disk);
  faults.arm(fault);
  try {
    AdapterStore store = open_store(root, {}, borrowed(faults));
    operation.run(store, told);
  } catch (const std::runtime_error&) {
  } catch (const std::invalid_argument& error) {
    ADD_FAILURE() << operation.name << ": the disk's fault was called the caller's: " << error.what();
  }
  return faults.fired();
}

constexpr int64_t end_of_sweep = 5000;

// Sanitizers look for other faults than the sweeps do, and take ten times as long: a sample is enough there.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr int64_t sample = 10;
#else
constexpr int64_t sample = 1;
#endif

class Sweep : public testing::TestWithParam<size_t> {
 protected:
  const Operation& operation() const { return operations()[GetParam()]; }
};
INSTANTIATE_TEST_SUITE_P(, Sweep, testing::Range<size_t>(0, 9), [](const auto& test) {
  std::string name = operations()[test.param].name;
  std::replace(name.begin(), name.end(), ' ', '_');
  return name;
});

TEST_P(Sweep, EveryCallFailsOnceAndForGood) {
  int64_t points = 0;
  for (const auto& [code, sticky] : {std::pair{EIO, false}, {EIO, true}, {ENOSPC, false}, {EDQUOT, true}})
    for (int64_t n = 1; n < end_of_sweep; n += sample) {
      MemoryFileSystem disk;
      Told told;
      if (!one_point(operation(), {n, Fault::Kind::error, code, sticky}, disk, told)) break;
      ++points;
      ASSERT_EQ(judge(disk, told), "")
          << operation().name << ", call " << n << ", code " << code << ", sticky " << sticky;
    }
  RecordProperty("points", static_cast<int>(points));
  EXPECT_GT(points, 50 / sample);
}

TEST_P(Sweep, ShortWritesAreContinued) {
  for (const bool sticky : {false, true})
    for (int64_t n = 1; n < end_of_sweep; n += sample) {
      MemoryFileSystem disk;
      Told told;
      if (!one_point(operation(), {n, Fault::Kind::short_write, 0, sticky}, disk, told)) break;
      ASSERT_EQ(judge(disk, told), "") << operation().name << ", call " << n << ", sticky " << sticky;
    }
}

// The process dies before or after every call; then the power goes as well, in four ways.
TEST_P(Sweep, DyingAndPowerCutsAroundEveryCall) {
  for (const Fault::Kind kind : {Fault::Kind::crash_before, Fault::Kind::crash_after})
    for (int power = 0; power < 5; ++power)
      for (int64_t n = 1; n < end_of_sweep; n += sample) {
        MemoryFileSystem disk;
        Told told;
        if (!one_point(operation(), {n, kind, EIO, false}, disk, told)) break;
        if (power == 1) disk.cut_power(MemoryFileSystem::Cut::all);
        if (power == 2) disk.cut_power(MemoryFileSystem::Cut::data);
        if (power >= 3) disk.cut_power(MemoryFileSystem::Cut::some, static_cast<uint64_t>(power * 10000 + n));
        ASSERT_EQ(judge(disk, told), "")
            << operation().name << ", call " << n
            << (kind == Fault::Kind::crash_before ? " before" : " after") << ", power " << power;
      }
}

// A fault during the recovery from a fault.
TEST_P(Sweep, OpeningFailsAfterAHalfDoneOperation) {
  for (int64_t n = 1; n < end_of_sweep; n += 3 * sample) {
    MemoryFileSystem disk;
    Told told;
    if (!one_point(operation(), {n, Fault::Kind::crash_after, EIO, false}, disk, told)) break;
    FaultFileSystem faults(disk);
    for (int64_t m = 1; m < end_of_sweep; m += sample) {
      faults.arm({m, Fault::Kind::error, EIO, false});
      try {
        open_store(root, {}, borrowed(faults));
      } catch (const std::runtime_error&) {
      }
      if (!faults.fired()) break;
    }
    ASSERT_EQ(judge(disk, told), "") << operation().name << ", call " << n;
  }
}

// ---- power cuts, and the planted faults ----------------------------------------------------------------

// Publishes until the disk has seen `rounds` versions, cuts the power after each acknowledgement, and counts
// how many acknowledged versions are missing or damaged.
template <class Spoil>
int lost_to_power_cuts(int rounds, Spoil spoil) {
  int lost = 0;
  for (const MemoryFileSystem::Cut cut :
       {MemoryFileSystem::Cut::all, MemoryFileSystem::Cut::data, MemoryFileSystem::Cut::some})
    for (int round = 0; round < rounds; ++round) {
      MemoryFileSystem disk;
      Told told;
      const std::shared_ptr<base::FileSystem> layer = spoil(disk);
      {
        AdapterStore store = open_store(root, {}, layer);
        publish(store, told, 1);
        publish(store, told, static_cast<uint64_t>(round) + 2);
      }
      disk.cut_power(cut, static_cast<uint64_t>(round));
      lost += judge(disk, told) != "";
    }
  return lost;
}

class NoFsync final : public base::ForwardingFileSystem {
 public:
  using ForwardingFileSystem::ForwardingFileSystem;
  int fsync(int) override { return 0; }
};

class NoDirectoryFsync final : public base::ForwardingFileSystem {
 public:
  using ForwardingFileSystem::ForwardingFileSystem;
  int fsync_directory(const std::string&) override { return 0; }
};

TEST(PowerCut, AcknowledgedSurvives) {
  EXPECT_EQ(lost_to_power_cuts(40, [](MemoryFileSystem& disk) { return borrowed(disk); }), 0);
}

TEST(PowerCut, PlantedMissingFsyncIsSeen) {
  EXPECT_GT(lost_to_power_cuts(10, [](MemoryFileSystem& disk) { return std::make_shared<NoFsync>(disk); }),
            0);
}

TEST(PowerCut, PlantedMissingDirectoryFsyncIsSeen) {
  EXPECT_GT(
      lost_to_power_cuts(10, [](MemoryFileSystem& disk) { return std::make_shared<NoDirectoryFsync>(disk); }),
      0);
}

// Every kind of folder matters: leave out the fsync of one kind.
class OneFolderNotSynced final : public base::ForwardingFileSystem {
 public:
  OneFolderNotSynced(base::FileSystem& inner, std::string part)
      : ForwardingFileSystem(inner), part_(std::move(part)) {}
  int fsync_directory(const std::string& path) override {
    return ("^" + path + "$").find(part_) != std::string::npos ? 0 : inner_.fsync_directory(path);
  }

 private:
  std::string part_;
};

TEST(PowerCut, PlantedEachFolderLeftOutIsSeen) {
  for (const char* part :
       {"^/$", "^/store$", "/adapters$", "/adapters/a$", "/versions$", "/pointers$", "/.tmp-"})
    EXPECT_GT(
        lost_to_power_cuts(
            5, [&](MemoryFileSystem& disk) { return std::make_shared<OneFolderNotSynced>(disk, part); }),
        0)
        << part;
}

// A layer that loses the error of one write: the checked loop believes it.
class SwallowedNoSpace final : public base::ForwardingFileSystem {
 public:
  using ForwardingFileSystem::ForwardingFileSystem;
  int64_t write(int fd, const void* data, size_t size) override {
    const bool swallow = ++count_ % 3 == 0;
    return swallow ? static_cast<int64_t>(size) : inner_.write(fd, data, size);
  }

 private:
  int count_ = 0;
};

TEST(FaultPlanted, ASwallowedWriteErrorIsSeen) {
  MemoryFileSystem disk;
  Told told;
  try {
    AdapterStore store = open_store(root, {}, std::make_shared<SwallowedNoSpace>(disk));
    publish(store, told, 1);
    publish(store, told, 2);
  } catch (const std::exception&) {
  }
  EXPECT_NE(judge(disk, told), "");
}

TEST(Fault, AFailedPublishLeavesNothingBehindAndSaysWhy) {
  MemoryFileSystem disk;
  prepare(disk);
  const size_t before = disk.files().size();
  FaultFileSystem faults(disk);
  AdapterStore store = open_store(root, {}, borrowed(faults));
  class FullDisk final : public base::ForwardingFileSystem {
   public:
    using ForwardingFileSystem::ForwardingFileSystem;
    int allocate(int, uint64_t) override { return -ENOSPC; }
  };
  AdapterStore full = open_store(root, {}, std::make_shared<FullDisk>(disk));
  const std::string text = refusal<std::runtime_error>([&] { full.publish("a", small_adapter(50)); });
  EXPECT_TRUE(says(text, "[AdapterStore.publish]") && says(text, "no space")) << text;
  EXPECT_EQ(disk.files().size(), before);
}

// ---- flipped bits --------------------------------------------------------------------------------------

// Flips `flips` single bits, one after another, anywhere in the store; counts those that neither verify()
// nor reading notices.
template <class Check>
int64_t unnoticed_flips(int64_t flips, Check noticed) {
  MemoryFileSystem disk;
  prepare(disk);
  AdapterStore store = open_store(root, {}, borrowed(disk));
  const std::vector<std::string> files = disk.files();
  int64_t unnoticed = 0;
  for (int64_t i = 0; i < flips / sample; ++i) {
    const uint64_t key = base::derive(4711, static_cast<uint64_t>(i));
    const std::string& path = files[base::below(key, 0, files.size())];
    base::FileInfo info;
    disk.info(path, info);
    const uint64_t bit = base::below(key, 1, info.size * 8);
    disk.flip(path, bit);
    unnoticed += !noticed(store, path);
    disk.flip(path, bit);
  }
  EXPECT_TRUE(store.verify().ok()) << "the flips were taken back";
  return unnoticed;
}

bool verify_notices(AdapterStore& store, const std::string&) { return !store.verify().ok(); }

TEST(BitFlips, TenThousandAreAllFoundByVerify) { EXPECT_EQ(unnoticed_flips(10'000, verify_notices), 0); }

// What get() hands out is right or refused, wherever the flip was.
TEST(BitFlips, NoneReachesAnAdapter) {
  const std::string two = small_adapter(2).digest(), three = small_adapter(3).digest();
  const auto right_or_refused = [&](AdapterStore& store, const std::string&) {
    bool right = true;
    for (const auto& [reference, digest] :
         {std::pair<std::string, std::string>{"a@2", two}, {"a@3", three}, {"a", three}}) {
      try {
        right = right && store.get(reference).digest() == digest;
      } catch (const std::runtime_error&) {
      }
    }
    return right;
  };
  EXPECT_EQ(unnoticed_flips(3'000, right_or_refused), 0);
}

// The planted fault: a check that leaves out one file's hash.
TEST(BitFlips, PlantedSkippedHashIsSeen) {
  const auto skips_the_weights = [](AdapterStore& store, const std::string&) {
    for (const StoreProblem& problem : store.verify().problems)
      if (!says(problem.path, "adapter_model.safetensors") && !says(problem.path, "objects/")) return true;
    return false;
  };
  EXPECT_GT(unnoticed_flips(1'000, skips_the_weights), 0);
}

}  // namespace
}  // namespace whorl::store

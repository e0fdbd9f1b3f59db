// SIGKILL at random moments while publishing, promoting, rolling back, deleting and collecting. 100 kills in
// CI; WHORL_KILLS=1000 by hand.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <thread>

#include "base/forwarding_file.h"
#include "base/random.h"
#include "base/temporary_folder.h"
#include "store/store_fixture.h"

namespace whorl::store {
namespace {

using Layer = std::shared_ptr<base::FileSystem>;

int kills() {
  const char* text = std::getenv("WHORL_KILLS");
  return text ? std::atoi(text) : 100;
}

// SIGKILL takes the process, not the page cache, so a disk in memory is as strict here, and saves the wait
// for fsync.
std::string fast_folder() { return std::filesystem::is_directory("/dev/shm") ? "/dev/shm" : ""; }

Adapter wide_adapter(uint64_t seed) {
  adapter::BaseDescription base;
  base.modules["model.layers.0.self_attn.q_proj"] = {512, 512};
  adapter::LoraConfig config;
  config.rank = 16;
  config.init = "false";
  config.targets = adapter::Targets::of_list({"q_proj"});
  return adapter::make_adapter(adapter::create_lora(config, base, seed), "[test]");
}

// Works until it is killed, and says what was acknowledged.
[[noreturn]] void work(const std::string& root, const Layer& layer, int out, uint64_t key) {
  try {
    const Adapter some[] = {wide_adapter(1), wide_adapter(2), wide_adapter(key)};
    AdapterStore store = open_store(root, {}, layer);
    if (::write(out, "\n", 1) != 1) ::_exit(3);  // ready
    for (uint64_t i = 0;; ++i) {
      const AdapterVersion v = store.publish("a", some[i % 3]);
      const std::string line = std::to_string(v.version) + " " + v.digest + "\n";
      if (::write(out, line.data(), line.size()) < 0) ::_exit(3);
      if (i % 4 == 1) store.promote("a", v.version - 1);
      if (i % 4 == 2) store.rollback("a");
      if (i % 8 == 5) {
        store.publish("b", some[0]);
        store.delete_adapter("b");
      }
      if (i % 16 == 9) store.collect_garbage();
    }
  } catch (const std::exception& error) {
    ::dprintf(2, "worker: %s\n", error.what());
    ::_exit(2);
  }
}

// How long one publish takes on this machine and build, so that kills fall into the middle of things on slow
// ones too.
int64_t publish_microseconds() {
  const base::TemporaryFolder folder(fast_folder());
  AdapterStore store = open_store(folder.path() + "/store", {}, base::FileSystem::real());
  const Adapter adapter = wide_adapter(1);
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < 4; ++i) store.publish("a", adapter);
  const auto taken = std::chrono::steady_clock::now() - start;
  return std::chrono::duration_cast<std::chrono::microseconds>(taken).count() / 4 + 1;
}

// What the worker got acknowledged before it was killed, some time within about six publishes, or, one time
// in eight, while it was still starting.
std::map<int64_t, std::string> run_and_kill(const std::string& root, const Layer& layer, uint64_t key) {
  static const auto publish_time = static_cast<uint64_t>(publish_microseconds());
  int pipe[2];
  if (::pipe(pipe) != 0) throw std::runtime_error("pipe");
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::close(pipe[0]);
    work(root, layer, pipe[1], key);
  }
  ::close(pipe[1]);
  char ready = 0;
  if (base::below(key, 1, 8) != 0 && ::read(pipe[0], &ready, 1) != 1)
    ADD_FAILURE() << "the worker did not start";
  std::this_thread::sleep_for(std::chrono::microseconds(base::below(key, 0, 6 * publish_time)));
  ::kill(pid, SIGKILL);
  std::string text;
  char buffer[4096];
  for (ssize_t n; (n = ::read(pipe[0], buffer, sizeof buffer)) > 0;)
    text.append(buffer, static_cast<size_t>(n));
  ::close(pipe[0]);
  int status = 0;
  ::waitpid(pid, &status, 0);
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << "the worker ended by itself";
  std::map<int64_t, std::string> out;
  std::stringstream in(text);
  int64_t version = 0;
  for (std::string line; std::getline(in, line);)
    if (std::stringstream fields(line); fields >> version) fields >> out[version];
  return out;
}

struct Tally {
  int torn = 0;          // verify() found something, or the store did not open
  int lost = 0;          // acknowledged and not there, or another adapter
  int orphans = 0;       // left over by the killed
  int orphans_kept = 0;  // still there after the next open
  int64_t published = 0;
};

size_t staged(const std::string& root) {
  std::vector<std::string> names;
  base::FileSystem::real()->list(root + "/staging", names);
  return names.size();
}

void look_after(const std::string& root, const std::map<int64_t, std::string>& acknowledged, Tally& tally) {
  tally.orphans += staged(root) > 0;
  try {
    AdapterStore store = open_store(root, {}, base::FileSystem::real());
    tally.orphans_kept += staged(root) > 0;
    const StoreReport report = store.verify();
    if (!report.ok()) {
      ++tally.torn;
      if (tally.torn == 1) ::testing::Test::RecordProperty("torn", problems_of(report));
    }
    for (const auto& [version, digest] : acknowledged) {
      if (digest.size() != 64) continue;  // the line itself was cut
      ++tally.published;
      try {
        tally.lost += store.get("a", version).digest() != digest;
      } catch (const std::exception&) {
        ++tally.lost;
      }
    }
  } catch (const std::exception&) {
    ++tally.torn;
  }
}

Tally kill_loop(int count, const Layer& layer, bool stop_at_first) {
  Tally tally;
  for (int i = 0; i < count;) {
    const base::TemporaryFolder folder(fast_folder());
    const std::string root = folder.path() + "/store";
    // Twice in the same store: the second worker starts on what the first left.
    for (int again = 0; again < 2 && i < count; ++again, ++i)
      look_after(root, run_and_kill(root, layer, base::derive(7, static_cast<uint64_t>(i))), tally);
    if (stop_at_first && tally.torn + tally.lost > 0) break;
  }
  return tally;
}

TEST(Kill, NothingTornNothingAcknowledgedLost) {
  const int count = kills();
  const Tally tally = kill_loop(count, base::FileSystem::real(), false);
  std::printf("kills %d, publishes acknowledged %lld, torn %d, lost %d, kills that left orphans %d\n", count,
              static_cast<long long>(tally.published), tally.torn, tally.lost, tally.orphans);
  EXPECT_EQ(tally.torn, 0);
  EXPECT_EQ(tally.lost, 0);
  EXPECT_EQ(tally.orphans_kept, 0);
  EXPECT_GT(tally.orphans, 0) << "the kills must hit the middle of a publish now and then";
  EXPECT_GT(tally.published, count / 2);
}

// The planted fault: a version is built in place instead of being renamed into place.
class InPlace final : public base::ForwardingFileSystem {
 public:
  using ForwardingFileSystem::ForwardingFileSystem;
  int rename_new(const std::string& from, const std::string& to) override {
    base::FileInfo info;
    if (const int rc = inner_.info(from, info)) return rc;
    if (info.kind != base::FileInfo::Kind::directory) return inner_.rename_new(from, to);
    if (const int rc = inner_.make_directory(to)) return rc;
    std::vector<std::string> names;
    inner_.list(from, names);
    for (const std::string& name : names)
      if (const int rc = inner_.rename(base::join(from, name), base::join(to, name))) return rc;
    return inner_.remove_directory(from);
  }
};

TEST(Kill, PlantedPublishingInPlaceIsSeen) {
  const Tally tally = kill_loop(2000, std::make_shared<InPlace>(*base::FileSystem::real()), true);
  EXPECT_GT(tally.torn + tally.lost, 0);
}

}  // namespace
}  // namespace whorl::store

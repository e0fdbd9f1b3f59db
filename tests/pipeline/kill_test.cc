// SIGKILL at any time: nothing that was finished is lost or done twice, and what is left is done.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <set>

#include "base/random.h"
#include "pipeline/run_helper.h"

namespace whorl {
namespace {

constexpr int kSteps = 6;

// Six steps in two chains. Each leaves a line outside when it begins and one when it ends; none may be taken
// from the cache, so only the run's own records can keep a finished one from running again.
Pipeline chains(const Folder& folder) {
  Pipeline p("p");
  for (int i = 0; i < kSteps; ++i) {
    const auto name = "s" + std::to_string(i);
    const auto file = (folder / name).string();
    std::vector<std::string> needs;
    if (i >= 2) needs = {"s" + std::to_string(i - 2)};
    auto step = shell(name,
                      "echo begin >> " + file + "; sleep 0.02; echo end >> " + file + "; echo " +
                          std::to_string(i) + " > out",
                      needs);
    step.cache = false;
    step.outputs = {{"out", {.path = "out"}}};
    p.step(step);
  }
  return p;
}

std::set<std::string> finished(const Folder& folder, const std::string& id) {
  std::set<std::string> names;
  const auto steps = folder / ("runs/runs/" + id + "/steps");
  if (!std::filesystem::exists(steps)) return names;
  for (const auto& entry : std::filesystem::directory_iterator(steps)) {
    const auto text = folder.read("runs/runs/" + id + "/steps/" + entry.path().filename().string());
    if (text.find("\"state\": \"succeeded\"") != std::string::npos) names.insert(entry.path().stem());
  }
  return names;
}

void run_and_kill(const Pipeline& p, const Folder& folder, useconds_t after) {
  const pid_t child = ::fork();
  if (child == 0) {
    try {
      p.run({.folder = folder / "runs", .run_id = "p-1", .budget = {.cpus = 2}});
    } catch (...) {
      ::_exit(1);
    }
    ::_exit(0);
  }
  ::usleep(after);
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
}

TEST(PipelineKill, NothingFinishedIsLostOrDoneTwice) {
  const int rounds = std::getenv("WHORL_KILLS") != nullptr ? std::atoi(std::getenv("WHORL_KILLS")) : 12;
  int kills = 0;
  size_t finished_before = 0;  // steps that a kill found finished: without any, nothing was tested
  for (int round = 0; round < rounds; ++round) {
    const Folder folder;
    const auto p = chains(folder);
    std::map<std::string, int> lines;  // of steps that had finished, at the time of the kill
    for (int kill = 0; kill < 3; ++kill) {
      const auto key = base::derive(7, static_cast<uint64_t>(round * 3 + kill));
      run_and_kill(p, folder, static_cast<useconds_t>(2000 + base::below(key, 0, 700'000)));
      ++kills;
      for (const auto& name : finished(folder, "p-1"))
        if (!lines.contains(name)) lines[name] = lines_of(folder / name);
    }
    finished_before += lines.size();
    const auto result = p.run({.folder = folder / "runs", .run_id = "p-1"});
    ASSERT_EQ(result.state, "succeeded") << result.to_json();
    for (const auto& [name, before] : lines)
      EXPECT_EQ(lines_of(folder / name), before) << name << " had finished, and ran again";
    for (int i = 0; i < kSteps; ++i)
      EXPECT_EQ(folder.read("s" + std::to_string(i)).ends_with("end\n"), true) << i;
  }
  EXPECT_GT(finished_before, static_cast<size_t>(rounds));
  RecordProperty("kills", kills);
}

TEST(PipelineKill, AnUnfinishedRunIsGoneOnWithByItself) {
  const Folder folder;
  Pipeline p("p");
  auto step = shell("a", "echo x >> " + (folder / "a").string());
  step.cache = false;
  p.step(step);
  auto slow = shell("b", "[ -e " + (folder / "go").string() + " ] || sleep 60", {"a"});
  slow.cache = false;
  p.step(slow);
  const pid_t child = ::fork();
  if (child == 0) {
    p.run({.folder = folder / "runs"});
    ::_exit(0);
  }
  for (int i = 0; i < 2000 && !std::filesystem::exists(folder / "a"); ++i) ::usleep(10'000);
  ::usleep(300'000);
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  folder.write("go", "");
  const auto result = p.run({.folder = folder / "runs"});
  EXPECT_EQ(result.state, "succeeded");
  EXPECT_EQ(lines_of(folder / "a"), 1);
  // A finished run is not gone on with: the next is a new one.
  EXPECT_NE(p.run({.folder = folder / "runs"}).run_id, result.run_id);
  EXPECT_EQ(lines_of(folder / "a"), 2);
}

TEST(PipelineKill, ACommandDiesWithTheRun) {
  const Folder folder;
  Pipeline p("p");
  p.step(shell("a", "echo $$ > " + (folder / "pid").string() + "; exec sleep 60"));
  const pid_t child = ::fork();
  if (child == 0) {
    p.run({.folder = folder / "runs"});
    ::_exit(0);
  }
  for (int i = 0; i < 2000 && lines_of(folder / "pid") == 0; ++i) ::usleep(10'000);
  const pid_t command = std::stoi(folder.read("pid"));
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  for (int i = 0; i < 500 && ::kill(command, 0) == 0; ++i) ::usleep(10'000);
  EXPECT_NE(::kill(command, 0), 0) << "the command outlived its run";
}

}  // namespace
}  // namespace whorl

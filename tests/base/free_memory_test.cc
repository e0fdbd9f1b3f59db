// What the host has left, from files as Linux writes them.
#include "base/free_memory.h"

#include <gtest/gtest.h>

#include <fstream>

#include "base/temporary_folder.h"

namespace whorl::base {
namespace {

class FreeMemory : public ::testing::Test {
 protected:
  void write(const std::string& file, const std::string& text) const {
    const auto path = root() / file;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << text;
  }
  std::filesystem::path root() const { return folder.path(); }
  void available(size_t kilobytes) const {
    write("proc/meminfo", "MemTotal:  9000000 kB\nMemFree:  10 kB\nMemAvailable:   " +
                              std::to_string(kilobytes) + " kB\nBuffers:  1 kB\n");
  }
  TemporaryFolder folder;
};

TEST_F(FreeMemory, IsWhatTheSystemCallsAvailable) {
  EXPECT_FALSE(free_memory(root()));
  available(5000);
  EXPECT_EQ(free_memory(root()), 5000u * 1024);
  EXPECT_GT(free_memory().value(), 1u << 20);  // of this machine
}

TEST_F(FreeMemory, IsWhatALimitLeaves) {
  available(5000);
  write("proc/self/cgroup", "0::/\n");
  write("sys/fs/cgroup/memory.max", "1000000\n");
  write("sys/fs/cgroup/memory.current", "700000\n");
  EXPECT_EQ(free_memory(root()), 300000u);
  write("sys/fs/cgroup/memory.stat", "anon 1\nfile 500000\ninactive_file 200000\nactive_file 300000\n");
  EXPECT_EQ(free_memory(root()), 500000u);
  write("sys/fs/cgroup/memory.current", "1200000\n");  // above the limit for a moment
  write("sys/fs/cgroup/memory.stat", "inactive_file 0\n");
  EXPECT_EQ(free_memory(root()), 0u);
  write("sys/fs/cgroup/memory.max", "max\n");
  EXPECT_EQ(free_memory(root()), 5000u * 1024);
}

TEST_F(FreeMemory, IsWhatTheLeastLimitAboveLeaves) {
  available(5000);
  write("proc/self/cgroup", "0::/pods/one\n");
  for (const auto& [group, limit] : {std::pair("", 4000000), {"/pods", 900000}, {"/pods/one", 3000000}}) {
    write("sys/fs/cgroup" + std::string(group) + "/memory.max", std::to_string(limit));
    write("sys/fs/cgroup" + std::string(group) + "/memory.current", "100000");
  }
  EXPECT_EQ(free_memory(root()), 800000u);
  write("sys/fs/cgroup/pods/one/memory.max", "500000");
  EXPECT_EQ(free_memory(root()), 400000u);
  write("sys/fs/cgroup/memory.max", "200000");
  EXPECT_EQ(free_memory(root()), 100000u);
  write("proc/self/cgroup", "0::/elsewhere\n");  // seen from inside: this is the root
  write("sys/fs/cgroup/memory.max", "150000");
  EXPECT_EQ(free_memory(root()), 50000u);
}

TEST_F(FreeMemory, KnowsTheFirstVersionToo) {
  available(5000);
  write("proc/self/cgroup", "5:cpuacct,cpu:/other\n4:memory:/one\n0::/\n");
  const std::string group = "sys/fs/cgroup/memory/one/";
  write(group + "memory.limit_in_bytes", "1000000");
  write(group + "memory.usage_in_bytes", "900000");
  write(group + "memory.stat", "cache 1\ninactive_file 5\ntotal_inactive_file 50000\n");
  EXPECT_EQ(free_memory(root()), 150000u);
  write("proc/self/cgroup", "4:cpu,memory:/one\n");
  EXPECT_EQ(free_memory(root()), 150000u);
}

}  // namespace
}  // namespace whorl::base

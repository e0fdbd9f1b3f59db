#include "base/free_memory.h"

#include <algorithm>
#include <fstream>
#include <limits>
#include <sstream>
#include <string>

namespace whorl::base {

namespace fs = std::filesystem;

namespace {
// The number behind a word, in files of such pairs.
std::optional<size_t> number_behind(const fs::path& file, const std::string& word) {
  std::ifstream in(file);
  std::string line;
  while (std::getline(in, line)) {
    if (!line.starts_with(word + " ") && !line.starts_with(word + ":")) continue;
    const size_t digits = line.find_first_of("0123456789", word.size());
    if (digits != std::string::npos) return std::stoull(line.substr(digits));
  }
  return std::nullopt;
}

std::optional<size_t> number_in(const fs::path& file) {
  std::ifstream in(file);
  size_t number = 0;
  return in >> number ? std::optional(number) : std::nullopt;  // "max" is none
}

// The names of one version's files.
struct Version {
  const char *folder, *limit, *used, *cached;
};
constexpr Version kVersions[] = {
    {"sys/fs/cgroup", "memory.max", "memory.current", "inactive_file"},
    {"sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"}};

bool named_in(const std::string& list, const std::string& name) {
  std::istringstream in(list);
  std::string one;
  while (std::getline(in, one, ','))
    if (one == name) return true;
  return false;
}

// "0::/a/b", or "4:memory:/a/b": the group of this process.
std::string group_of(const fs::path& root, bool second) {
  std::ifstream in(root / "proc/self/cgroup");
  std::string line;
  while (std::getline(in, line)) {
    const size_t first = line.find(':'), last = line.find(':', first + 1);
    if (first == std::string::npos || last == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, last - first - 1);
    if (second ? controllers.empty() : named_in(controllers, "memory")) return line.substr(last + 1);
  }
  return "/";
}

size_t left_in(const fs::path& group, const Version& names) {
  const auto limit = number_in(group / names.limit), used = number_in(group / names.used);
  if (!limit || !used) return std::numeric_limits<size_t>::max();
  const size_t cached = std::min(*used, number_behind(group / "memory.stat", names.cached).value_or(0));
  return *limit - std::min(*limit, *used - cached);
}

// Every group above counts, too. A container may not see its own path: then it sees itself as the root.
size_t left_in_groups(const fs::path& root, const Version& names) {
  const fs::path top = root / names.folder;
  fs::path group = top / fs::path(group_of(root, &names == kVersions)).relative_path();
  std::error_code ignored;
  if (!fs::is_directory(group, ignored)) group = top;
  size_t left = left_in(top, names);
  for (group = group.lexically_normal(); group.native().size() > top.native().size();
       group = group.parent_path())
    left = std::min(left, left_in(group, names));
  return left;
}
}  // namespace

std::optional<size_t> free_memory(const fs::path& root) {
  const auto available = number_behind(root / "proc/meminfo", "MemAvailable");
  if (!available) return std::nullopt;
  size_t left = *available * 1024;
  for (const Version& names : kVersions) left = std::min(left, left_in_groups(root, names));
  return left;
}

}  // namespace whorl::base

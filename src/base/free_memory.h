#pragma once
// How much memory the host could still give this process.
#include <cstddef>
#include <filesystem>
#include <optional>

namespace whorl::base {

// What the system calls available, or what is left of the least of the limits that control groups set, which
// containers are: files that are only cached count as free. Nothing where the system does not say. `root`:
// where /proc and /sys are, another one for tests.
std::optional<size_t> free_memory(const std::filesystem::path& root = "/");

}  // namespace whorl::base

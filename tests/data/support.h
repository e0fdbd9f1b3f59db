#pragma once
// Shared by the data tests: where real data lies, temporary files, and how an error is looked at.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "whorl/dataset.h"

namespace whorl::test {

inline std::filesystem::path shared_data() {
  const char* given = std::getenv("WHORL_SHARED_DATA");
  return given ? std::filesystem::path(given)
               : std::filesystem::path(WHORL_SOURCE_DIR) / ".." / "shared" / "data";
}

// What the call threw as std::invalid_argument, or "" if it threw nothing.
template <class Call>
std::string refusal(Call call) {
  try {
    call();
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "";
}

inline bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

#define EXPECT_REFUSED(call, part)                                        \
  do {                                                                    \
    const std::string said = ::whorl::test::refusal([&] { call; });       \
    EXPECT_TRUE(::whorl::test::contains(said, part)) << "said: " << said; \
  } while (false)

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "whorl_data_XXXXXX").string();
    path_ = mkdtemp(pattern.data());
  }
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }
  std::filesystem::path write(const std::string& name, const std::string& bytes) const {
    const auto file = path_ / name;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file, std::ios::binary) << bytes;
    return file;
  }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

inline std::string read_all(const std::filesystem::path& path) {
  std::ostringstream out;
  out << std::ifstream(path, std::ios::binary).rdbuf();
  return out.str();
}

}  // namespace whorl::test

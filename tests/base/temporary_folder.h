#pragma once
// A folder that is gone when the test is over.
#include <stdlib.h>

#include <filesystem>
#include <stdexcept>
#include <string>

namespace whorl::base {

class TemporaryFolder {
 public:
  // Below `parent`, or where the system keeps such things.
  explicit TemporaryFolder(const std::string& parent = "") {
    const std::filesystem::path above =
        parent.empty() ? std::filesystem::temp_directory_path() : std::filesystem::path(parent);
    std::string pattern = (above / "whorl-test-XXXXXX").string();
    if (!::mkdtemp(pattern.data())) throw std::runtime_error("cannot create a temporary folder");
    path_ = pattern;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace whorl::base

#pragma once
// A folder of its own for each test, and short ways to write pipelines of commands.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "whorl/pipeline.h"

namespace whorl {

class Folder {
 public:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "whorl-pipeline-XXXXXX").string();
    path_ = ::mkdtemp(name.data());
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }
  const std::filesystem::path& path() const { return path_; }
  void write(const std::string& name, const std::string& text) const { std::ofstream(path_ / name) << text; }
  std::string read(const std::string& name) const {
    std::ifstream in(path_ / name);
    std::stringstream out;
    out << in.rdbuf();
    return out.str();
  }

 private:
  std::filesystem::path path_;
};

inline PipelineStep shell(const std::string& name, const std::string& script,
                          const std::vector<std::string>& needs = {}) {
  std::string quoted;
  for (const char c : script) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c == '\n' ? ' ' : c;
  }
  return {.name = name,
          .kind = "command",
          .needs = needs,
          .with = R"({"command": ["/bin/sh", "-c", ")" + quoted + "\"]}"};
}

inline const PipelineStepResult& step_of(const PipelineResult& result, const std::string& name) {
  for (const auto& step : result.steps)
    if (step.name == name) return step;
  throw std::out_of_range(name);
}

inline std::string states(const PipelineResult& result) {
  std::string text;
  for (const auto& step : result.steps)
    text += (text.empty() ? "" : " ") + step.name + "=" + (step.cached ? "cached" : step.state);
  return text;
}

// How often a step left a line in a file outside.
inline int lines_of(const std::filesystem::path& path) {
  std::ifstream in(path);
  int count = 0;
  for (std::string line; std::getline(in, line);) ++count;
  return count;
}

}  // namespace whorl

#pragma once
// Answers as they come, one JSON line each, so that a killed run does not ask again.
#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "base/file.h"
#include "base/json.h"

namespace whorl::eval {

// A line is {"key", "check", "answer"}; `check` is a checksum of the answer's text. A line that a kill cut
// short is taken off when the file is opened again; any other line that is not whole is an error. One process
// writes at a time: another one that opens the file is refused until it ends, however it ends.
class AnswerCache {
 public:
  AnswerCache() = default;  // nothing is kept
  AnswerCache(base::FileSystem& fs, const std::string& path);
  AnswerCache(const AnswerCache&) = delete;
  AnswerCache& operator=(const AnswerCache&) = delete;

  // nullptr if there is none.
  const base::Json* find(const std::string& key) const;
  // The line is with the kernel when it returns: a kill cannot lose it.
  void put(const std::string& key, base::Json answer);
  // Everything put so far survives a power cut.
  void sync();
  size_t size() const { return answers_.size(); }

 private:
  void read(base::FileSystem& fs, const std::string& path);

  std::map<std::string, base::Json> answers_;
  std::unique_ptr<base::File> file_;
};

}  // namespace whorl::eval

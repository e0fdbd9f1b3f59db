#pragma once
// What a step's result is known by, and the results that are known: root/cache/<key>.json. A key says
// everything that can change the result: kind and code, arguments after substitution, contents of what is
// read. Names of runs, times, places and resources are no part of it.
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "pipeline/run_store.h"
#include "pipeline/spec.h"

namespace whorl::pipeline {

// Contents of files outside of the store, each looked at once a run.
class InputDigests {
 public:
  explicit InputDigests(base::FileSystem& fs) : fs_(fs) {}
  std::string of(const std::string& path, const std::string& context);

 private:
  base::FileSystem& fs_;
  std::mutex mutex_;
  std::map<std::string, std::string> known_;
};

struct KeyParts {
  const Step& step;
  const Object& with;   // substituted; artifacts are objects with their digest
  std::string code;     // version of what runs
  std::string folder;   // where relative paths begin
  std::string context;  // opens messages
};
// SHA-256, hex. std::invalid_argument for an input that is not there.
std::string cache_key(const KeyParts& parts, InputDigests& inputs);

// What a kind's own code is known by: raise its number when a kind begins to compute something else.
std::string code_version(const std::string& kind);
// Of a program: its path and content. "" is no program.
std::string find_program(const std::string& name);  // along PATH; std::invalid_argument where there is none

// An absolute path, or one beneath `folder`.
std::string beneath(const std::string& folder, const std::string& path);

struct CachedResult {
  Object outputs;
  double seconds = 0;  // that it took
};

class ResultCache {
 public:
  explicit ResultCache(const RunStore& store);
  // Nothing where an artifact is missing or damaged.
  std::optional<CachedResult> find(const std::string& key) const;
  void put(const std::string& key, const CachedResult& result) const;

 private:
  std::string path_of(const std::string& key) const;
  const RunStore& store_;
};

bool all_intact(const Object& outputs, const RunStore& store);

}  // namespace whorl::pipeline

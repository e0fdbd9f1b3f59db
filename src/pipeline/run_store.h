#pragma once
// Artifacts by content: root/objects/<digest>/<name>, a file or a folder, durable and never changed.
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "base/file.h"
#include "pipeline/value.h"

namespace whorl::pipeline {

struct Artifact {
  std::string digest;  // SHA-256 over names, sizes and contents of its files
  std::string name;    // of the file or folder: "train.jsonl"
};
Value to_value(const Artifact& artifact);  // {"artifact": digest, "name": name}
std::optional<Artifact> artifact_of(const Value& value);

// Links inside a tree: `refuse` for artifacts, whose content must be their own; `follow` for what a user
// names (a folder of links into a cache of blobs is a common way to keep models).
enum class Links : uint8_t { refuse, follow };

// The digest of a file or folder as an artifact called `name` would have it. Sockets and the like, and links
// that lead nowhere or too deep, are std::invalid_argument.
std::string content_digest(base::FileSystem& fs, const std::string& path, const std::string& name,
                           const std::string& context, Links links = Links::refuse);

class RunStore {
 public:
  explicit RunStore(std::string root, std::shared_ptr<base::FileSystem> fs = base::FileSystem::real());

  // Takes the file or folder away from `path` (which must be beneath the root).
  Artifact take(const std::string& path, const std::string& context) const;
  Artifact copy(const std::string& path, const std::string& context) const;
  std::string path_of(const Artifact& artifact) const;
  bool intact(const Artifact& artifact) const;  // reads and compares; false if it is missing

  const std::string& root() const { return root_; }
  base::FileSystem& fs() const { return *fs_; }

 private:
  Artifact adopt(const std::string& staging, const std::string& name, const std::string& context) const;

  std::string root_;
  std::shared_ptr<base::FileSystem> fs_;
};

// Paths instead of artifacts, in lists and objects too.
Value localised(const Value& value, const RunStore& store);

}  // namespace whorl::pipeline

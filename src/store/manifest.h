#pragma once
// What a version consists of. The manifest names every file with its size and SHA-256, and is sealed itself.
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace whorl::store {

struct StoredFile {
  std::string name;
  uint64_t size = 0;
  std::string sha256;
};

struct Manifest {
  std::string name;
  int64_t version = 0;
  int64_t created = 0;  // seconds since 1970
  std::string digest;   // of the adapter
  int64_t rank = 0;
  std::vector<StoredFile> files;
  std::map<std::string, std::string> metadata;

  uint64_t bytes() const;
};

std::string to_sealed(const Manifest& manifest);
// std::runtime_error opening with `context` if the bytes are damaged or speak of another name or version.
Manifest parse_manifest(const std::string& bytes, const std::string& name, int64_t version,
                        const std::string& context);

}  // namespace whorl::store

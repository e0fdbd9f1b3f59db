#pragma once
// The store on disk:
//
//   whorl-store.json                      sealed; marks the folder as a store
//   adapters/NAME/versions/N/             one version: manifest.json (sealed) and the two PEFT files
//   adapters/NAME/pointers/G              sealed; the highest G says which version is `latest`
//   adapters/NAME/deleted/N               sealed; version N is gone for good
//   objects/SHA256                        every file's content once; versions hold hard links to it
//   staging/.tmp-…                        versions being made, versions being removed
//
// There is no database. The index is the folder itself: a version exists when its folder stands under its
// number, which one rename does; a number or a pointer is won by whoever renames first, which the kernel
// decides. So there is nothing that could disagree with the files, no lock that a dead process could hold or
// that a network file system could ignore, and every byte passes the one file layer in which tests make calls
// fail. SQLite would bring faster listings of very many versions and a second truth to keep in step; at
// thousands of versions a listing takes milliseconds.
//
// Hard links make the file system itself count who needs a content: an object that no version links has one
// link left and can go, and a publisher that links it at the same moment keeps it alive. Where a file system
// has no hard links, contents are written again.
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/file.h"
#include "store/manifest.h"
#include "whorl/adapter_store.h"

namespace whorl {

struct AdapterStore::Impl {
  std::shared_ptr<base::FileSystem> fs;
  std::string root;
  std::filesystem::path path;
  StoreOptions options;

  std::string staging() const { return base::join(root, "staging"); }
  std::string objects() const { return base::join(root, "objects"); }
  std::string adapters() const { return base::join(root, "adapters"); }
  std::string adapter(const std::string& name) const { return base::join(adapters(), name); }
  std::string versions(const std::string& name) const { return adapter(name) + "/versions"; }
  std::string pointers(const std::string& name) const { return adapter(name) + "/pointers"; }
  std::string deleted(const std::string& name) const { return adapter(name) + "/deleted"; }
  std::string version(const std::string& name, int64_t n) const {
    return base::join(versions(name), std::to_string(n));
  }
};

namespace store {

using Impl = AdapterStore::Impl;

// For tests: a store on another file system than the real one.
AdapterStore open_store(const std::string& root, const StoreOptions& options,
                        std::shared_ptr<base::FileSystem> fs);

// ---- index.cc: what stands there ----

// Entries of a folder that are numbers, ascending; a missing folder has none.
std::vector<int64_t> numbers_in(const Impl& store, const std::string& folder);
std::vector<int64_t> live_versions(const Impl& store, const std::string& name);
bool is_deleted(const Impl& store, const std::string& name, int64_t version);
std::vector<std::string> adapter_names(const Impl& store);
Manifest read_manifest(const Impl& store, const std::string& name, int64_t version,
                       const std::string& operation);
// The bytes of one file of a version, compared with its SHA-256.
std::string read_verified(const Impl& store, const Manifest& manifest, const StoredFile& file,
                          const std::string& operation);
AdapterVersion to_public(const Manifest& manifest, int64_t latest);

// "name@version" taken apart; version 0 where none is given.
struct Reference {
  std::string name;
  int64_t version = 0;
};
Reference parse_reference(const std::string& text, int64_t version, const std::string& operation);
// The version that a reference means; invalid_argument if there is none.
int64_t find_version(const Impl& store, const Reference& reference, const std::string& operation);

// ---- staging.cc ----

// Puts `bytes` under `path`, which must not exist; false if it does. Durable.
bool create_durably(const Impl& store, const std::string& path, std::string_view bytes,
                    const std::string& operation);
// Renames without ever replacing; false if `to` exists.
bool move_new(const Impl& store, const std::string& from, const std::string& to,
              const std::string& operation);

// ---- pointer.cc: which version is latest ----

struct Pointer {
  int64_t generation = 0;
  int64_t version = 0;           // 0: none
  std::vector<int64_t> history;  // what it was before, oldest first
  bool by_publish = false;       // moved by a publish, not on purpose
};
Pointer read_pointer(const Impl& store, const std::string& name, const std::string& operation);
Pointer parse_pointer(const std::string& bytes, int64_t generation, const std::string& context);
// Reads, asks `next` for the new value (false: leave it), and writes it under the next generation; starts
// over when somebody else was faster.
Pointer move_pointer(const Impl& store, const std::string& name, const std::string& operation,
                     const std::function<bool(Pointer&)>& next);

// ---- publish.cc, garbage.cc, verify.cc ----

struct Content {
  std::string config, weights;  // the two PEFT files
  std::string digest;
  int64_t rank = 0;
};
Manifest publish(const Impl& store, const std::string& name, const Content& content,
                 const PublishOptions& options);
void promote(const Impl& store, const std::string& name, int64_t version);
int64_t rollback(const Impl& store, const std::string& name);
void remove_version(const Impl& store, const std::string& name, int64_t version);
void remove_adapter(const Impl& store, const std::string& name);
int64_t finish_deletions(const Impl& store, const std::string& name);

void prepare_folder(const Impl& store);
// Leftovers of the dead, and deletions that were cut short.
GarbageReport recover(const Impl& store);
GarbageReport collect_garbage(const Impl& store);
StoreReport verify(const Impl& store);

}  // namespace store
}  // namespace whorl

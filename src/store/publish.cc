// Publishing by the recipe: write everything beside, make it durable, rename the whole version into place,
// make that durable, and only then tell anybody.
#include <algorithm>
#include <cerrno>

#include "adapter/peft.h"
#include "base/check.h"
#include "base/hash.h"
#include "store/sealed.h"
#include "store/store_impl.h"

namespace whorl::store {

namespace {

using base::File;

// The folder in which a version is made. Whatever goes wrong, it does not stay.
class Staging {
 public:
  Staging(const Impl& store, const std::string& operation)
      : store_(store), path_(base::join(store.staging(), base::temporary_name())) {
    base::make_directories(*store.fs, path_, operation);
  }
  ~Staging() {
    try {
      base::remove_tree(*store_.fs, path_);
    } catch (const std::exception&) {
      // It carries our name and is collected once we are gone.
    }
  }
  Staging(const Staging&) = delete;
  Staging& operator=(const Staging&) = delete;
  const std::string& path() const { return path_; }

 private:
  const Impl& store_;
  std::string path_;
};

void write_new(const Impl& store, const std::string& path, std::string_view bytes,
               const std::string& operation) {
  File file = File::create(*store.fs, path, operation);
  if (const int rc = store.fs->allocate(file.descriptor(), bytes.size()); rc < 0)
    throw base::FileError(base::concat("[", operation, "] ", path, ": no space for ", bytes.size(), " bytes"),
                          -rc);
  file.write(bytes.data(), bytes.size());
  file.fsync();
  file.close();
}

// Tries to take the content from the pool instead of writing it again. What is there may be rotten, or not
// yet durable, so it is read and synced like our own.
bool take_from_pool(const Impl& store, const std::string& object, const std::string& path,
                    const StoredFile& content, const std::string& operation) {
  if (store.fs->link(object, path) < 0) return false;
  try {
    File file = File::open(*store.fs, path, operation);
    std::string bytes(static_cast<size_t>(file.size()), '\0');
    file.read_at(bytes.data(), bytes.size(), 0);
    if (base::sha256_hex(bytes) == content.sha256) {
      file.fsync();
      file.close();
      return true;
    }
    store.fs->unlink(object);
  } catch (const std::exception&) {
    // Unreadable is as good as rotten: write our own.
  }
  if (const int rc = store.fs->unlink(path); rc < 0)
    throw base::FileError(base::concat("[", operation, "] ", path, ": cannot remove a damaged link"), -rc);
  return false;
}

StoredFile put(const Impl& store, const std::string& folder, const std::string& name,
               const std::string& bytes, const std::string& operation) {
  const StoredFile file{name, bytes.size(), base::sha256_hex(bytes)};
  const std::string path = base::join(folder, name), object = base::join(store.objects(), file.sha256);
  if (take_from_pool(store, object, path, file, operation)) return file;
  write_new(store, path, bytes, operation);
  store.fs->link(path, object);  // only a saving: a pool without it costs space, nothing else
  return file;
}

int64_t next_number(const Impl& store, const std::string& name) {
  // In this order: a version leaves `versions` only after it stands in `deleted`.
  const std::vector<int64_t> there = numbers_in(store, store.versions(name)),
                             gone = numbers_in(store, store.deleted(name));
  return std::max(there.empty() ? 0 : there.back(), gone.empty() ? 0 : gone.back()) + 1;
}

// Makes sure that every folder above a version is there and stays there; another process may have made it
// a moment ago and not synced yet, so finding it is not enough.
void make_adapter_folders(const Impl& store, const std::string& name, const std::string& operation) {
  for (const std::string& folder : {store.versions(name), store.pointers(name), store.deleted(name)})
    base::make_directories(*store.fs, folder, operation);
  for (const std::string& folder : {store.adapter(name), store.adapters(), store.root})
    base::fsync_directory(*store.fs, folder, operation);
}

// One attempt at a number. False: somebody else has it, or had it.
bool place(const Impl& store, const std::string& staged, const Manifest& manifest,
           const std::string& operation) {
  const std::string path = base::join(staged, "manifest.json");
  if (const int rc = store.fs->unlink(path); rc < 0 && rc != -ENOENT)
    throw base::FileError(base::concat("[", operation, "] ", path, ": cannot replace"), -rc);
  write_new(store, path, to_sealed(manifest), operation);
  base::fsync_directory(*store.fs, staged, operation);
  const std::string target = store.version(manifest.name, manifest.version);
  if (!move_new(store, staged, target, operation)) return false;
  // A number that was published and deleted while we looked is used up.
  const std::vector<int64_t> gone = numbers_in(store, store.deleted(manifest.name));
  if (!gone.empty() && gone.back() >= manifest.version) {
    if (!move_new(store, target, staged, operation))
      base::failed("[", operation, "] ", staged, ": stands in the way");
    return false;
  }
  base::fsync_directory(*store.fs, store.versions(manifest.name), operation);
  return true;
}

// A publish and a delete at the same moment can leave `latest` on a version that is gone; then there is none.
void drop_dead_pointer(const Impl& store, const std::string& name, const std::string& operation) {
  move_pointer(store, name, operation, [&](Pointer& pointer) {
    if (pointer.version == 0 || !is_deleted(store, name, pointer.version)) return false;
    pointer.version = 0;
    pointer.by_publish = true;
    return true;
  });
}

}  // namespace

Manifest publish(const Impl& store, const std::string& name, const Content& content,
                 const PublishOptions& options) {
  const std::string operation = "AdapterStore.publish";
  make_adapter_folders(store, name, operation);
  const Staging staging(store, operation);
  Manifest manifest;
  manifest.name = name;
  manifest.created = store.fs->now() / 1'000'000'000;
  manifest.digest = content.digest;
  manifest.rank = content.rank;
  manifest.metadata = options.metadata;
  manifest.files = {put(store, staging.path(), adapter::config_file, content.config, operation),
                    put(store, staging.path(), adapter::weights_file, content.weights, operation)};
  do manifest.version = next_number(store, name);
  while (!place(store, staging.path(), manifest, operation));
  if (!options.promote) return manifest;
  move_pointer(store, name, operation, [&](Pointer& pointer) {
    // A publisher that started later may already be further.
    if (pointer.by_publish && pointer.version > manifest.version) return false;
    pointer.version = manifest.version;
    pointer.by_publish = true;
    return true;
  });
  drop_dead_pointer(store, name, operation);
  return manifest;
}

void promote(const Impl& store, const std::string& name, int64_t version) {
  const std::string operation = "AdapterStore.promote";
  find_version(store, {name, version}, operation);
  move_pointer(store, name, operation, [&](Pointer& pointer) {
    if (pointer.version == version) return false;
    pointer.version = version;
    pointer.by_publish = false;
    return true;
  });
  // The other half of remove_version(): one of the two sees the other, and steps back.
  if (is_deleted(store, name, version)) {
    rollback(store, name);
    base::failed("[", operation, "] ", name, "@", version, " was deleted at the same time");
  }
}

int64_t rollback(const Impl& store, const std::string& name) {
  const std::string operation = "AdapterStore.rollback";
  const std::vector<int64_t> live = live_versions(store, name);
  if (live.empty()) base::invalid("[", operation, "] there is no adapter '", name, "' in ", store.root);
  return move_pointer(
             store, name, operation,
             [&](Pointer& pointer) {
               while (!pointer.history.empty()) {
                 const int64_t before = pointer.history.back();
                 pointer.history.pop_back();
                 if (before == pointer.version || !std::binary_search(live.begin(), live.end(), before))
                   continue;
                 pointer.version = before;
                 pointer.by_publish = false;
                 return true;
               }
               base::invalid("[", operation, "] '", name, "' has no version before ", pointer.version);
             })
      .version;
}

namespace {

// The tombstone first: from then on the number is used up and the version gone, whatever happens next.
void bury(const Impl& store, const std::string& name, int64_t version, const std::string& operation) {
  const std::string tombstone = base::join(store.deleted(name), std::to_string(version));
  create_durably(store, tombstone, seal(base::concat("{\"version\": ", version, "}\n")), operation);
}

void clear(const Impl& store, const std::string& name, int64_t version, const std::string& operation) {
  const std::string trash = base::join(store.staging(), base::temporary_name());
  const int rc = store.fs->rename(store.version(name, version), trash);
  if (rc == -ENOENT) return;
  if (rc < 0)
    throw base::FileError(base::concat("[", operation, "] ", store.version(name, version), ": cannot remove"),
                          -rc);
  base::fsync_directory(*store.fs, store.versions(name), operation);
  base::remove_tree(*store.fs, trash, operation);
}

}  // namespace

void remove_version(const Impl& store, const std::string& name, int64_t version) {
  const std::string operation = "AdapterStore.delete_version";
  if (version < 1) base::invalid("[", operation, "] expected a version from 1 on, got ", version);
  find_version(store, {name, version}, operation);
  const auto refuse_latest = [&] {
    if (read_pointer(store, name, operation).version != version) return;
    base::invalid("[", operation, "] ", name, "@", version, " is `latest`; promote another version first");
  };
  refuse_latest();
  bury(store, name, version, operation);
  try {
    refuse_latest();
  } catch (const std::invalid_argument&) {
    store.fs->unlink(base::join(store.deleted(name), std::to_string(version)));
    base::fsync_directory(*store.fs, store.deleted(name), operation);
    throw;
  }
  clear(store, name, version, operation);
}

void remove_adapter(const Impl& store, const std::string& name) {
  const std::string operation = "AdapterStore.delete_adapter";
  const std::vector<int64_t> live = live_versions(store, name);
  if (live.empty()) base::invalid("[", operation, "] there is no adapter '", name, "' in ", store.root);
  move_pointer(store, name, operation, [](Pointer& pointer) {
    pointer.version = 0;
    pointer.history.clear();
    pointer.by_publish = true;
    return true;
  });
  for (const int64_t version : live) {
    bury(store, name, version, operation);
    clear(store, name, version, operation);
  }
  drop_dead_pointer(store, name, operation);
}

// Deletions that a crash cut short: the tombstone decides.
int64_t finish_deletions(const Impl& store, const std::string& name) {
  int64_t finished = 0;
  const std::vector<int64_t> gone = numbers_in(store, store.deleted(name));
  for (const int64_t version : numbers_in(store, store.versions(name))) {
    if (!std::binary_search(gone.begin(), gone.end(), version)) continue;
    clear(store, name, version, "AdapterStore.open");
    ++finished;
  }
  return finished;
}

}  // namespace whorl::store

// Opening a store, and cleaning up after those who died in it.
#include <cerrno>

#include "base/check.h"
#include "store/sealed.h"
#include "store/store_impl.h"

namespace whorl::store {

namespace {

constexpr const char* format_file = "whorl-store.json";
constexpr const char* format_text = "{\"format\": 1}\n";
constexpr size_t pointers_kept = 32;

// Files and bytes below `path`.
void weigh(const Impl& store, const std::string& path, GarbageReport& report) {
  base::FileInfo info;
  if (store.fs->info(path, info) < 0) return;
  ++report.removed;
  if (info.kind != base::FileInfo::Kind::directory) {
    report.bytes += info.links <= 1 ? info.size : 0;
    return;
  }
  for (const std::string& name : base::list_directory(*store.fs, path, "AdapterStore"))
    weigh(store, base::join(path, name), report);
}

bool is_abandoned(const Impl& store, const std::string& folder, const std::string& name) {
  switch (base::temporary_owner(name)) {
    case base::TemporaryOwner::not_temporary:
    case base::TemporaryOwner::alive:
      return false;
    case base::TemporaryOwner::dead:
      return true;
    case base::TemporaryOwner::elsewhere:
      break;
  }
  base::FileInfo info;
  if (store.fs->info(base::join(folder, name), info) < 0) return false;
  const int64_t grace =
      std::chrono::duration_cast<std::chrono::nanoseconds>(store.options.foreign_grace).count();
  return store.fs->now() - info.modified > grace;
}

void remove_abandoned(const Impl& store, const std::string& folder, GarbageReport& report) {
  for (const std::string& name : base::list_directory(*store.fs, folder, "AdapterStore.open")) {
    if (!is_abandoned(store, folder, name)) continue;
    const std::string path = base::join(folder, name);
    weigh(store, path, report);
    base::remove_tree(*store.fs, path, "AdapterStore.open");
  }
}

}  // namespace

void prepare_folder(const Impl& store) {
  const std::string operation = "AdapterStore.open", marker = base::join(store.root, format_file);
  base::FileSystem& fs = *store.fs;
  if (!base::exists(fs, marker)) {
    if (!store.options.create)
      base::invalid("[", operation, "] ", store.root, ": is no adapter store (there is no ", format_file,
                    ")");
    base::make_directories(fs, store.root, operation);
    for (const std::string& name : base::list_directory(fs, store.root, operation))
      if (base::temporary_owner(name) == base::TemporaryOwner::not_temporary && name != format_file)
        base::invalid("[", operation, "] ", store.root,
                      ": expected an adapter store or an empty folder, it holds '", base::printable(name),
                      "'");
    base::fsync_directory(fs, base::parent_of(store.root), operation);
    base::write_file_durably(fs, marker, seal(format_text), operation);
  }
  const std::string text =
      unseal(base::read_file(fs, marker, 4096, operation), "[" + operation + "] " + marker);
  if (text != format_text) base::failed("[", operation, "] ", marker, ": written by a newer Whorl");
  for (const std::string& folder : {store.staging(), store.objects(), store.adapters()})
    if (!base::exists(fs, folder)) base::make_directories(fs, folder, operation);
}

GarbageReport recover(const Impl& store) {
  GarbageReport report;
  remove_abandoned(store, store.staging(), report);
  remove_abandoned(store, store.root, report);
  for (const std::string& name : adapter_names(store)) report.removed += finish_deletions(store, name);
  return report;
}

GarbageReport collect_garbage(const Impl& store) {
  const std::string operation = "AdapterStore.collect_garbage";
  GarbageReport report = recover(store);
  for (const std::string& name : base::list_directory(*store.fs, store.objects(), operation)) {
    const std::string path = base::join(store.objects(), name);
    base::FileInfo info;
    if (store.fs->info(path, info) < 0 || info.kind != base::FileInfo::Kind::file || info.links > 1) continue;
    if (store.fs->unlink(path) < 0) continue;
    ++report.removed;
    report.bytes += info.size;
  }
  for (const std::string& name : adapter_names(store)) {
    const std::vector<int64_t> generations = numbers_in(store, store.pointers(name));
    for (size_t i = 0; i + pointers_kept < generations.size(); ++i) {
      const std::string path = base::join(store.pointers(name), std::to_string(generations[i]));
      report.removed += store.fs->unlink(path) == 0;
    }
  }
  return report;
}

}  // namespace whorl::store

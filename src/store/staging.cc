// Making things appear whole under a name that must be new.
#include <cerrno>
#include <cstring>

#include "base/check.h"
#include "store/store_impl.h"

namespace whorl::store {

bool move_new(const Impl& store, const std::string& from, const std::string& to,
              const std::string& operation) {
  int rc = store.fs->rename_new(from, to);
  // A file system without RENAME_NOREPLACE: link() refuses to replace as well, and rename() of a folder
  // cannot replace one that holds files, which every version does.
  if (rc == -EINVAL || rc == -ENOSYS) {
    base::FileInfo info;
    rc = store.fs->info(from, info);
    if (rc == 0 && info.kind == base::FileInfo::Kind::directory) {
      rc = store.fs->rename(from, to);
    } else if (rc == 0) {
      rc = store.fs->link(from, to);
      if (rc == 0) store.fs->unlink(from);
    }
  }
  if (rc == -EEXIST || rc == -ENOTEMPTY) return false;
  if (rc < 0) {
    char text[128];
    throw base::FileError(base::concat("[", operation, "] ", to,
                                       ": cannot put in place: ", ::strerror_r(-rc, text, sizeof text)),
                          -rc);
  }
  return true;
}

bool create_durably(const Impl& store, const std::string& path, std::string_view bytes,
                    const std::string& operation) {
  const std::string temporary = base::join(store.staging(), base::temporary_name());
  bool created = false;
  try {
    base::File file = base::File::create(*store.fs, temporary, operation);
    file.write(bytes.data(), bytes.size());
    file.fsync();
    file.close();
    created = move_new(store, temporary, path, operation);
  } catch (...) {
    store.fs->unlink(temporary);
    throw;
  }
  if (!created) store.fs->unlink(temporary);
  if (created) base::fsync_directory(*store.fs, base::parent_of(path), operation);
  return created;
}

}  // namespace whorl::store

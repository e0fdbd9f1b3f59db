#include "model/save_folder.h"

#include <array>
#include <cerrno>
#include <cstring>

#include "base/check.h"
#include "tensor/safetensors.h"

namespace whorl::model {

using base::FileSystem;

namespace {

bool ends_with(const std::string& text, const char* end) {
  const size_t n = std::strlen(end);
  return text.size() >= n && text.compare(text.size() - n, n, end) == 0;
}

bool belongs_to_a_model(const std::string& name) {
  for (const char* end : {".json", ".safetensors", ".jinja", "merges.txt"})
    if (ends_with(name, end)) return true;
  return base::temporary_owner(name) == base::TemporaryOwner::dead;
}

void check_target(FileSystem& fs, const std::string& folder, const std::string& operation) {
  base::FileInfo info;
  if (fs.info(folder, info) < 0) return;
  base::check_argument(info.kind == base::FileInfo::Kind::directory, "[", operation, "] ", folder,
                       " is not a folder");
  for (const std::string& name : base::list_directory(fs, folder, operation))
    base::check_argument(belongs_to_a_model(name), "[", operation, "] ", folder, " holds '",
                         base::printable(name),
                         "', which is no file of a model and would be lost: choose another folder");
}

[[noreturn]] void swap_failed(const std::string& operation, const std::string& folder, int rc) {
  throw base::FileError(base::concat("[", operation, "] ", folder, ": ", std::strerror(-rc)), -rc);
}

// The new folder takes the name; the old one, if any, is left under `temporary`.
void swap_in(FileSystem& fs, const std::string& temporary, const std::string& folder,
             const std::string& operation) {
  int rc = fs.rename_new(temporary, folder);
  if (rc == -EEXIST || rc == -ENOTEMPTY) rc = fs.exchange(temporary, folder);
  if (rc == -ENOSYS || rc == -EINVAL) {
    // A file system that cannot swap: between the two renames the name is missing, but nothing is ever half
    // there.
    const std::string aside = temporary + ".old";
    rc = fs.rename(folder, aside);
    if (rc == 0 || rc == -ENOENT) rc = fs.rename(temporary, folder);
    if (rc == 0) base::remove_tree(fs, aside, operation);
  }
  if (rc < 0) swap_failed(operation, folder, rc);
  base::fsync_directory(fs, base::parent_of(folder), operation);
}

std::string without_slash(std::string folder) {
  while (folder.size() > 1 && folder.back() == '/') folder.pop_back();
  return folder;
}

}  // namespace

void write_model_folder(const std::string& target, const std::map<std::string, std::string>& files,
                        const std::map<std::string, Tensor>& tensors, const std::string& operation,
                        FileSystem& fs) {
  const std::string folder = without_slash(target);
  base::check_argument(!folder.empty(), "[", operation, "] expected a folder, got an empty path");
  check_target(fs, folder, operation);
  const std::string parent = base::parent_of(folder);
  base::make_directories(fs, parent, operation);
  const std::string temporary = base::join(parent, base::temporary_name());
  base::make_directories(fs, temporary, operation);
  try {
    for (const auto& [name, bytes] : files)
      base::write_file_durably(fs, base::join(temporary, name), bytes, operation);
    tensor::write_safetensors_model(temporary, tensors);
    base::fsync_directory(fs, temporary, operation);
    swap_in(fs, temporary, folder, operation);
  } catch (...) {
    try {
      base::remove_tree(fs, temporary, operation);
    } catch (const std::exception&) {  // the first error is the one to tell
    }
    throw;
  }
  base::remove_tree(fs, temporary, operation);
}

}  // namespace whorl::model

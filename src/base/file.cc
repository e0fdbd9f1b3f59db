#include "base/file.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/check.h"

namespace whorl::base {

namespace {

[[noreturn]] void fail(std::string_view context, const std::string& path, std::string_view what, int64_t rc) {
  const int code = static_cast<int>(-rc);
  char text[128];
  const char* reason = ::strerror_r(code, text, sizeof text);
  throw FileError(concat("[", context, "] ", path, ": ", what, ": ", reason), code);
}

void require_ok(int64_t rc, std::string_view context, const std::string& path, std::string_view what) {
  if (rc < 0) fail(context, path, what, rc);
}

}  // namespace

int FileSystem::exchange(const std::string&, const std::string&) { return -ENOSYS; }

File File::open(FileSystem& fs, const std::string& path, std::string_view context) {
  const int fd = fs.open_read(path);
  require_ok(fd, context, path, "cannot open");
  return File(fs, path, fd);
}

File File::create(FileSystem& fs, const std::string& path, std::string_view context) {
  const int fd = fs.create(path);
  require_ok(fd, context, path, "cannot create");
  return File(fs, path, fd);
}

File File::append(FileSystem& fs, const std::string& path, std::string_view context) {
  const int fd = fs.append(path);
  require_ok(fd, context, path, "cannot open for appending");
  return File(fs, path, fd);
}

File::File(File&& other) noexcept : fs_(other.fs_), path_(std::move(other.path_)), fd_(other.fd_) {
  other.fd_ = -1;
}

File::~File() {
  if (fd_ >= 0) fs_->close(fd_);
}

uint64_t File::size() const {
  const int64_t size = fs_->size(fd_);
  require_ok(size, "File.size", path_, "cannot tell the size");
  return static_cast<uint64_t>(size);
}

void File::read_at(void* buffer, size_t size, uint64_t offset) const {
  auto* out = static_cast<char*>(buffer);
  while (size > 0) {
    const int64_t n = fs_->read_at(fd_, out, size, offset);
    require_ok(n, "File.read", path_, "cannot read");
    if (n == 0)
      failed("[File.read] ", path_, ": expected ", size, " more bytes at ", offset, ", the file ends");
    out += n;
    offset += static_cast<uint64_t>(n);
    size -= static_cast<size_t>(n);
  }
}

void File::write(const void* data, size_t size) {
  const auto* in = static_cast<const char*>(data);
  while (size > 0) {
    const int64_t n = fs_->write(fd_, in, size);
    require_ok(n, "File.write", path_, "cannot write");
    if (n == 0) fail("File.write", path_, "cannot write", -ENOSPC);
    in += n;
    size -= static_cast<size_t>(n);
  }
}

void File::fsync() { require_ok(fs_->fsync(fd_), "File.fsync", path_, "cannot make durable"); }

// Quota and network file systems report lost writes here, so it is checked like a write.
void File::close() {
  const int fd = fd_;
  fd_ = -1;
  if (fd >= 0) require_ok(fs_->close(fd), "File.close", path_, "cannot close");
}

std::shared_ptr<const void> File::map() const {
  std::shared_ptr<const void> memory;
  require_ok(fs_->map(fd_, size(), memory), "File.map", path_, "cannot map");
  return memory;
}

std::string read_file(FileSystem& fs, const std::string& path, uint64_t max, std::string_view context) {
  const File file = File::open(fs, path, context);
  const uint64_t size = file.size();
  if (size > max) invalid("[", context, "] ", path, ": expected at most ", max, " bytes, got ", size);
  std::string bytes(static_cast<size_t>(size), '\0');
  file.read_at(bytes.data(), bytes.size(), 0);
  return bytes;
}

std::string read_file(const std::string& path, uint64_t max) {
  return read_file(*FileSystem::real(), path, max, "read_file");
}

DurableFile::DurableFile(FileSystem& fs, std::string path, std::string_view context)
    : fs_(fs),
      path_(std::move(path)),
      temporary_(join(parent_of(path_), temporary_name())),
      context_(context) {
  file_ = std::make_unique<File>(File::create(fs_, temporary_, context_));
  pending_ = true;
}

DurableFile::~DurableFile() {
  file_.reset();
  if (pending_) fs_.unlink(temporary_);
}

void DurableFile::reserve(uint64_t size) {
  require_ok(fs_.allocate(file_->descriptor(), size), context_, path_, "cannot reserve space");
}

void DurableFile::write(const void* data, size_t size) { file_->write(data, size); }

void DurableFile::commit() {
  file_->fsync();
  file_->close();
  require_ok(fs_.rename(temporary_, path_), context_, path_, "cannot replace");
  pending_ = false;
  fsync_directory(fs_, parent_of(path_), context_);
}

void write_file_durably(FileSystem& fs, const std::string& path, std::string_view bytes,
                        std::string_view context) {
  DurableFile file(fs, path, context);
  file.reserve(bytes.size());
  file.write(bytes);
  file.commit();
}

void write_file_durably(const std::string& path, std::string_view bytes) {
  write_file_durably(*FileSystem::real(), path, bytes, "write_file_durably");
}

void make_directories(FileSystem& fs, const std::string& path, std::string_view context) {
  int rc = fs.make_directory(path);
  if (rc == -ENOENT) {
    make_directories(fs, parent_of(path), context);
    rc = fs.make_directory(path);
  }
  if (rc == -EEXIST) {
    FileInfo info;
    require_ok(fs.info(path, info), context, path, "cannot look at");
    if (info.kind == FileInfo::Kind::directory) return;
    // A link to a folder is fine; whether it can be listed tells.
    std::vector<std::string> names;
    require_ok(fs.list(path, names), context, path, "cannot use as a folder");
    return;
  }
  require_ok(rc, context, path, "cannot create folder");
  fsync_directory(fs, parent_of(path), context);
}

void remove_tree(FileSystem& fs, const std::string& path, std::string_view context) {
  FileInfo info;
  const int rc = fs.info(path, info);
  if (rc == -ENOENT) return;
  require_ok(rc, context, path, "cannot look at");
  if (info.kind != FileInfo::Kind::directory) {
    const int gone = fs.unlink(path);
    if (gone != -ENOENT) require_ok(gone, context, path, "cannot remove");
    return;
  }
  for (const std::string& name : list_directory(fs, path, context))
    remove_tree(fs, join(path, name), context);
  const int gone = fs.remove_directory(path);
  if (gone != -ENOENT) require_ok(gone, context, path, "cannot remove");
}

void fsync_directory(FileSystem& fs, const std::string& path, std::string_view context) {
  require_ok(fs.fsync_directory(path), context, path, "cannot make durable");
}

bool exists(FileSystem& fs, const std::string& path) {
  FileInfo info;
  const int rc = fs.info(path, info);
  if (rc == -ENOENT || rc == -ENOTDIR) return false;
  require_ok(rc, "exists", path, "cannot look at");
  return true;
}

std::vector<std::string> list_directory(FileSystem& fs, const std::string& path, std::string_view context) {
  std::vector<std::string> names;
  require_ok(fs.list(path, names), context, path, "cannot list");
  return names;
}

}  // namespace whorl::base

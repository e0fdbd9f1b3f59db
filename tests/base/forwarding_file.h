#pragma once
// A FileSystem that passes every call on. Tests override what they want to spoil.
#include "base/file.h"

namespace whorl::base {

class ForwardingFileSystem : public FileSystem {
 public:
  explicit ForwardingFileSystem(FileSystem& inner) : inner_(inner) {}

  int open_read(const std::string& path) override { return inner_.open_read(path); }
  int create(const std::string& path) override { return inner_.create(path); }
  int append(const std::string& path) override { return inner_.append(path); }
  int64_t read_at(int fd, void* buffer, size_t size, uint64_t offset) override {
    return inner_.read_at(fd, buffer, size, offset);
  }
  int64_t write(int fd, const void* data, size_t size) override { return inner_.write(fd, data, size); }
  int allocate(int fd, uint64_t size) override { return inner_.allocate(fd, size); }
  int truncate(int fd, uint64_t size) override { return inner_.truncate(fd, size); }
  int fsync(int fd) override { return inner_.fsync(fd); }
  int close(int fd) override { return inner_.close(fd); }
  int64_t size(int fd) override { return inner_.size(fd); }
  int map(int fd, uint64_t size, std::shared_ptr<const void>& out) override {
    return inner_.map(fd, size, out);
  }
  int rename(const std::string& from, const std::string& to) override { return inner_.rename(from, to); }
  int rename_new(const std::string& from, const std::string& to) override {
    return inner_.rename_new(from, to);
  }
  int exchange(const std::string& from, const std::string& to) override { return inner_.exchange(from, to); }
  int link(const std::string& from, const std::string& to) override { return inner_.link(from, to); }
  int unlink(const std::string& path) override { return inner_.unlink(path); }
  int make_directory(const std::string& path) override { return inner_.make_directory(path); }
  int remove_directory(const std::string& path) override { return inner_.remove_directory(path); }
  int fsync_directory(const std::string& path) override { return inner_.fsync_directory(path); }
  int list(const std::string& path, std::vector<std::string>& names) override {
    return inner_.list(path, names);
  }
  int info(const std::string& path, FileInfo& out) override { return inner_.info(path, out); }
  int64_t now() override { return inner_.now(); }

 protected:
  FileSystem& inner_;
};

}  // namespace whorl::base

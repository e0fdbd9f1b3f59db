#pragma once
// A disk in memory that forgets, when the power is cut, whatever was not made durable: a file's bytes since
// its last fsync, and a folder's entries since the last fsync of the folder. Stricter than real file systems,
// which persist more than they must.
#include <map>
#include <mutex>

#include "base/file.h"

namespace whorl::base {

class MemoryFileSystem final : public FileSystem {
 public:
  MemoryFileSystem();

  enum class Cut : uint8_t {
    all,   // nothing unsynced survives
    data,  // names survive (a journal was flushed), unsynced bytes do not: files of length zero
    some   // every unsynced name and file survives, is lost or is cut short, by `seed`
  };
  void cut_power(Cut cut, uint64_t seed = 0);

  // Flips one bit of the file behind `path`.
  void flip(const std::string& path, uint64_t bit);
  // Every file's path, sorted.
  std::vector<std::string> files() const;

  int open_read(const std::string& path) override;
  int create(const std::string& path) override;
  int append(const std::string& path) override;
  int64_t read_at(int fd, void* buffer, size_t size, uint64_t offset) override;
  int64_t write(int fd, const void* data, size_t size) override;
  int allocate(int, uint64_t) override { return 0; }
  int truncate(int fd, uint64_t size) override;
  int fsync(int fd) override;
  int close(int fd) override;
  int64_t size(int fd) override;
  int map(int fd, uint64_t size, std::shared_ptr<const void>& out) override;
  int rename(const std::string& from, const std::string& to) override { return move(from, to, true); }
  int rename_new(const std::string& from, const std::string& to) override { return move(from, to, false); }
  int exchange(const std::string& from, const std::string& to) override;
  int link(const std::string& from, const std::string& to) override;
  int unlink(const std::string& path) override;
  int make_directory(const std::string& path) override;
  int remove_directory(const std::string& path) override;
  int fsync_directory(const std::string& path) override;
  int list(const std::string& path, std::vector<std::string>& names) override;
  int info(const std::string& path, FileInfo& out) override;
  int64_t now() override { return FileSystem::real()->now(); }

 private:
  struct Node {
    bool directory = false;
    std::string bytes, durable_bytes;
    std::map<std::string, std::shared_ptr<Node>> entries, durable_entries;
    int64_t modified = 0;
    uint64_t links = 0;
  };
  using NodePointer = std::shared_ptr<Node>;

  NodePointer find(const std::string& path) const;
  int parent(const std::string& path, NodePointer& folder, std::string& name) const;
  int open_node(NodePointer node);
  NodePointer opened(int fd) const;
  int move(const std::string& from, const std::string& to, bool replace);
  void cut(Node& node, Cut how, uint64_t seed, uint64_t& draw);

  mutable std::mutex mutex_;
  NodePointer root_;
  std::map<int, NodePointer> open_;
  int next_ = 1000;
};

}  // namespace whorl::base

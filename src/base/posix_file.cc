// The operating system behind FileSystem. Every call retries EINTR, except fsync and close: after a failed
// fsync the kernel may have dropped the pages, and after close the descriptor is gone whatever it says.
#include <dirent.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "base/file.h"

namespace whorl::base {

namespace {

template <class Call>
auto retried(Call call) {
  for (;;) {
    const auto result = call();
    if (result >= 0) return result;
    if (errno != EINTR) return static_cast<decltype(result)>(-errno);
  }
}

int result_of(int rc) { return rc < 0 ? -errno : 0; }

class PosixFileSystem final : public FileSystem {
 public:
  int open_read(const std::string& path) override {
    return retried([&] { return ::open(path.c_str(), O_RDONLY | O_CLOEXEC); });
  }
  int create(const std::string& path) override {
    return retried([&] { return ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644); });
  }
  int append(const std::string& path) override {
    return retried([&] { return ::open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0644); });
  }
  int64_t read_at(int fd, void* buffer, size_t size, uint64_t offset) override {
    return retried([&]() -> int64_t { return ::pread(fd, buffer, size, static_cast<off_t>(offset)); });
  }
  int64_t write(int fd, const void* data, size_t size) override {
    return retried([&]() -> int64_t { return ::write(fd, data, size); });
  }
  // Some file systems cannot reserve; that is no reason to fail before the write itself does.
  int allocate(int fd, uint64_t size) override {
    if (size == 0) return 0;
    const int rc = retried([&] { return ::fallocate(fd, 0, 0, static_cast<off_t>(size)); });
    return rc == -EOPNOTSUPP || rc == -ENOSYS ? 0 : rc;
  }
  int truncate(int fd, uint64_t size) override {
    return retried([&] { return ::ftruncate(fd, static_cast<off_t>(size)); });
  }
  int fsync(int fd) override { return result_of(::fsync(fd)); }
  int close(int fd) override { return result_of(::close(fd)); }

  int map(int fd, uint64_t size, std::shared_ptr<const void>& out) override {
    if (size == 0) {
      out = std::make_shared<char>();
      return 0;
    }
    void* memory = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (memory == MAP_FAILED) return -errno;
    out = std::shared_ptr<const void>(memory, [size](void* p) { ::munmap(p, size); });
    return 0;
  }

  int rename(const std::string& from, const std::string& to) override {
    return result_of(::rename(from.c_str(), to.c_str()));
  }
  int rename_new(const std::string& from, const std::string& to) override {
    return result_of(static_cast<int>(
        ::syscall(SYS_renameat2, AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE)));
  }
  int exchange(const std::string& from, const std::string& to) override {
    return result_of(static_cast<int>(
        ::syscall(SYS_renameat2, AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_EXCHANGE)));
  }
  int link(const std::string& from, const std::string& to) override {
    return result_of(::link(from.c_str(), to.c_str()));
  }
  int unlink(const std::string& path) override { return result_of(::unlink(path.c_str())); }
  int make_directory(const std::string& path) override { return result_of(::mkdir(path.c_str(), 0755)); }
  int remove_directory(const std::string& path) override { return result_of(::rmdir(path.c_str())); }

  int fsync_directory(const std::string& path) override {
    const int fd = retried([&] { return ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); });
    if (fd < 0) return fd;
    const int rc = result_of(::fsync(fd));
    ::close(fd);
    return rc;
  }

  int list(const std::string& path, std::vector<std::string>& names) override {
    names.clear();
    DIR* directory = ::opendir(path.c_str());
    if (!directory) return -errno;
    errno = 0;
    while (const dirent* entry = ::readdir(directory)) {
      const std::string name = entry->d_name;
      if (name != "." && name != "..") names.push_back(name);
      errno = 0;
    }
    const int rc = -errno;
    ::closedir(directory);
    std::sort(names.begin(), names.end());
    return rc;
  }

  int info(const std::string& path, FileInfo& out) override {
    struct stat status {};
    if (::lstat(path.c_str(), &status) < 0) return -errno;
    out.kind = S_ISREG(status.st_mode)   ? FileInfo::Kind::file
               : S_ISDIR(status.st_mode) ? FileInfo::Kind::directory
               : S_ISLNK(status.st_mode) ? FileInfo::Kind::link
                                         : FileInfo::Kind::other;
    out.size = static_cast<uint64_t>(status.st_size);
    out.links = status.st_nlink;
    out.modified = int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec;
    return 0;
  }

  int64_t size(int fd) override {
    struct stat status {};
    if (::fstat(fd, &status) < 0) return -errno;
    return S_ISDIR(status.st_mode) ? -EISDIR : static_cast<int64_t>(status.st_size);
  }

  int64_t now() override {
    timespec t{};
    ::clock_gettime(CLOCK_REALTIME, &t);
    return int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec;
  }
};

}  // namespace

const std::shared_ptr<FileSystem>& FileSystem::real() {
  static const std::shared_ptr<FileSystem> instance = std::make_shared<PosixFileSystem>();
  return instance;
}

void release_mapped(const void* begin, uint64_t size) {
  const auto page = static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE));
  const auto at = reinterpret_cast<uintptr_t>(begin);
  const uintptr_t first = (at + page - 1) / page * page, last = (at + size) / page * page;
  // A wish: what the system keeps costs memory, nothing else.
  if (first < last) ::madvise(reinterpret_cast<void*>(first), last - first, MADV_DONTNEED);
}

}  // namespace whorl::base

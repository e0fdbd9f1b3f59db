#pragma once
// Makes the Nth call of a run fail, so that a test can sweep N over everything an operation does to the disk.
//
//   for (int64_t n = 1;; ++n) {
//     MemoryFileSystem disk; FaultFileSystem faults(disk);
//     faults.arm({.at = n, .kind = Fault::Kind::error, .code = EIO});
//     … run the operation on `faults`, expecting success or a typed error …
//     … open again on `disk`, expecting everything that was acknowledged …
//     if (!faults.fired()) break;   // the operation needs fewer than n calls
//   }
#include <atomic>
#include <cerrno>

#include "base/forwarding_file.h"

namespace whorl::base {

struct Fault {
  enum class Kind : uint8_t {
    none,
    error,         // the call does nothing and returns -code
    short_write,   // a write writes half; any other call passes
    crash_before,  // the process dies before the call: nothing from here on reaches the disk
    crash_after    // … after it
  };
  int64_t at = 0;  // 1 is the first call
  Kind kind = Kind::none;
  int code = EIO;
  bool sticky = false;  // every call from `at` on
};

class FaultFileSystem final : public ForwardingFileSystem {
 public:
  using ForwardingFileSystem::ForwardingFileSystem;

  void arm(const Fault& fault) {
    fault_ = fault;
    calls_ = 0;
    fired_ = dead_ = false;
  }
  int64_t calls() const { return calls_; }
  bool fired() const { return fired_; }

  int open_read(const std::string& path) override {
    return run([&] { return inner_.open_read(path); });
  }
  int create(const std::string& path) override {
    return run([&] { return inner_.create(path); });
  }
  int append(const std::string& path) override {
    return run([&] { return inner_.append(path); });
  }
  int64_t read_at(int fd, void* buffer, size_t size, uint64_t offset) override {
    return run([&] { return inner_.read_at(fd, buffer, size, offset); });
  }
  int64_t write(int fd, const void* data, size_t size) override {
    return run([&] { return inner_.write(fd, data, halve_ && size > 1 ? size / 2 : size); });
  }
  int allocate(int fd, uint64_t size) override {
    return run([&] { return inner_.allocate(fd, size); });
  }
  int truncate(int fd, uint64_t size) override {
    return run([&] { return inner_.truncate(fd, size); });
  }
  int fsync(int fd) override {
    return run([&] { return inner_.fsync(fd); });
  }
  int64_t size(int fd) override {
    return run([&] { return inner_.size(fd); });
  }
  int map(int fd, uint64_t size, std::shared_ptr<const void>& out) override {
    return run([&] { return inner_.map(fd, size, out); });
  }
  // Gives the descriptor back even when it reports an error, as the kernel does.
  int close(int fd) override {
    const int rc = run([] { return 0; });
    inner_.close(fd);
    return rc;
  }
  int rename(const std::string& from, const std::string& to) override {
    return run([&] { return inner_.rename(from, to); });
  }
  int rename_new(const std::string& from, const std::string& to) override {
    return run([&] { return inner_.rename_new(from, to); });
  }
  int exchange(const std::string& from, const std::string& to) override {
    return run([&] { return inner_.exchange(from, to); });
  }
  int link(const std::string& from, const std::string& to) override {
    return run([&] { return inner_.link(from, to); });
  }
  int unlink(const std::string& path) override {
    return run([&] { return inner_.unlink(path); });
  }
  int make_directory(const std::string& path) override {
    return run([&] { return inner_.make_directory(path); });
  }
  int remove_directory(const std::string& path) override {
    return run([&] { return inner_.remove_directory(path); });
  }
  int fsync_directory(const std::string& path) override {
    return run([&] { return inner_.fsync_directory(path); });
  }
  int list(const std::string& path, std::vector<std::string>& names) override {
    return run([&] { return inner_.list(path, names); });
  }
  int info(const std::string& path, FileInfo& out) override {
    return run([&] { return inner_.info(path, out); });
  }

 private:
  template <class Call>
  auto run(Call call) -> decltype(call()) {
    using Result = decltype(call());
    const int64_t n = ++calls_;
    if (dead_) return static_cast<Result>(-EIO);
    const bool hit = fault_.kind != Fault::Kind::none && (fault_.sticky ? n >= fault_.at : n == fault_.at);
    if (!hit) return call();
    fired_ = true;
    switch (fault_.kind) {
      case Fault::Kind::error:
        return static_cast<Result>(-fault_.code);
      case Fault::Kind::crash_before:
        dead_ = true;
        return static_cast<Result>(-EIO);
      case Fault::Kind::crash_after: {
        dead_ = true;
        call();
        return static_cast<Result>(-EIO);
      }
      case Fault::Kind::short_write: {
        halve_ = true;
        const Result result = call();
        halve_ = false;
        return result;
      }
      case Fault::Kind::none:
        break;
    }
    return call();
  }

  Fault fault_;
  std::atomic<int64_t> calls_{0};
  bool fired_ = false, dead_ = false, halve_ = false;
};

}  // namespace whorl::base

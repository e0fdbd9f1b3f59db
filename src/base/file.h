#pragma once
// The one file layer. Everything Whorl keeps on disk goes through a FileSystem, so a test can make any
// single call fail, crash the process around it, or cut the power (tests/base/fault_file.h).
//
// FileSystem speaks like the kernel: results >= 0, or -errno. The free functions below it throw FileError,
// whose message names the operation, the path and the reason.
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace whorl::base {

class FileError : public std::runtime_error {
 public:
  FileError(const std::string& message, int code) : std::runtime_error(message), code_(code) {}
  int code() const { return code_; }  // errno

 private:
  int code_;
};

struct FileInfo {
  enum class Kind : uint8_t { file, directory, link, other };
  Kind kind = Kind::other;
  uint64_t size = 0;     // bytes
  int64_t modified = 0;  // nanoseconds since 1970
  uint64_t links = 1;    // names of the file
};

class FileSystem {
 public:
  virtual ~FileSystem() = default;

  virtual int open_read(const std::string& path) = 0;  // a descriptor
  virtual int create(const std::string& path) = 0;     // a descriptor; -EEXIST if there is one
  virtual int append(const std::string& path) = 0;     // a descriptor that writes at the end; creates
  virtual int64_t read_at(int fd, void* buffer, size_t size, uint64_t offset) = 0;
  virtual int64_t write(int fd, const void* data, size_t size) = 0;  // may write less than asked
  virtual int allocate(int fd, uint64_t size) = 0;  // reserve space; -ENOSPC now, not half way
  virtual int truncate(int fd, uint64_t size) = 0;
  virtual int fsync(int fd) = 0;
  virtual int close(int fd) = 0;     // the descriptor is gone even on error
  virtual int64_t size(int fd) = 0;  // bytes; -EISDIR for a folder
  // Maps the whole file read-only. The file must not shrink while the mapping lives.
  virtual int map(int fd, uint64_t size, std::shared_ptr<const void>& out) = 0;

  virtual int rename(const std::string& from, const std::string& to) = 0;      // replaces files
  virtual int rename_new(const std::string& from, const std::string& to) = 0;  // -EEXIST, never replaces
  virtual int exchange(const std::string& from, const std::string& to);  // swaps two names; may be -ENOSYS
  virtual int link(const std::string& from, const std::string& to) = 0;  // -EEXIST, never replaces
  virtual int unlink(const std::string& path) = 0;
  virtual int make_directory(const std::string& path) = 0;    // -EEXIST
  virtual int remove_directory(const std::string& path) = 0;  // empty ones only
  virtual int fsync_directory(const std::string& path) = 0;
  virtual int list(const std::string& path, std::vector<std::string>& names) = 0;  // sorted, without . and ..
  virtual int info(const std::string& path, FileInfo& out) = 0;                    // does not follow links
  virtual int64_t now() = 0;  // ns since 1970, as `modified`

  // The operating system's. Lives as long as the process.
  static const std::shared_ptr<FileSystem>& real();
};

// A descriptor that closes itself. `close()` reports what the kernel says, the destructor cannot.
class File {
 public:
  static File open(FileSystem& fs, const std::string& path, std::string_view context = "File.open");
  static File create(FileSystem& fs, const std::string& path, std::string_view context = "File.create");
  static File append(FileSystem& fs, const std::string& path, std::string_view context = "File.append");
  ~File();
  File(File&& other) noexcept;
  File& operator=(File&&) = delete;
  File(const File&) = delete;

  uint64_t size() const;                                           // bytes, as of now
  void read_at(void* buffer, size_t size, uint64_t offset) const;  // all of it, or an error
  void write(const void* data, size_t size);                       // all of it, or an error
  void fsync();                                                    // an error is final: never retried
  void close();
  std::shared_ptr<const void> map() const;
  const std::string& path() const { return path_; }
  int descriptor() const { return fd_; }

 private:
  File(FileSystem& fs, std::string path, int fd) : fs_(&fs), path_(std::move(path)), fd_(fd) {}

  FileSystem* fs_;
  std::string path_;
  int fd_;
};

// Lets go of the whole pages of a part of what File::map gave on the operating system's files: they no longer
// count as this process's memory. Reading them again is allowed and takes them from the file.
void release_mapped(const void* begin, uint64_t size);

// A file that comes into being whole or not at all: written under a temporary name in the same directory,
// and put in place by commit(). Without a commit the destructor removes the temporary.
class DurableFile {
 public:
  DurableFile(FileSystem& fs, std::string path, std::string_view context);
  ~DurableFile();
  DurableFile(const DurableFile&) = delete;
  DurableFile& operator=(const DurableFile&) = delete;

  void reserve(uint64_t size);  // fails now rather than half way when the disk is full
  void write(const void* data, size_t size);
  void write(std::string_view bytes) { write(bytes.data(), bytes.size()); }
  // fsync, close, rename over `path`, fsync of the directory. Durable when it returns.
  void commit();

 private:
  FileSystem& fs_;
  std::string path_, temporary_, context_;
  bool pending_ = false;
  std::unique_ptr<File> file_;
};

// The whole file as bytes; one larger than `max` bytes is refused before it is read.
std::string read_file(const std::string& path, uint64_t max = uint64_t{1} << 30);
std::string read_file(FileSystem& fs, const std::string& path, uint64_t max, std::string_view context);

// On return the bytes stand under `path`, whole, and survive a power cut: a temporary file in the same
// directory, a checked loop, fsync, rename, fsync of the directory. On error the old file is untouched.
void write_file_durably(const std::string& path, std::string_view bytes);
void write_file_durably(FileSystem& fs, const std::string& path, std::string_view bytes,
                        std::string_view context);

// Creates `path` and its missing parents, each made durable in its own parent.
void make_directories(FileSystem& fs, const std::string& path, std::string_view context = "make_directories");

// Removes files and folders below and including `path`; what is missing is no error. Links are removed,
// not followed.
void remove_tree(FileSystem& fs, const std::string& path, std::string_view context = "remove_tree");

void fsync_directory(FileSystem& fs, const std::string& path, std::string_view context = "fsync_directory");
bool exists(FileSystem& fs, const std::string& path);
std::vector<std::string> list_directory(FileSystem& fs, const std::string& path,
                                        std::string_view context = "list_directory");

// A name for a temporary beside its target that no other thread, process or host uses. It carries the
// owner's machine, process id and start time, so that leftovers can be told from work in progress.
std::string temporary_name();
// `dead` and `alive` are known for owners on this machine (same boot, same process namespace) only.
enum class TemporaryOwner : uint8_t { not_temporary, alive, dead, elsewhere };
TemporaryOwner temporary_owner(std::string_view name);

std::string join(std::string_view directory, std::string_view name);  // one slash between
std::string parent_of(const std::string& path);                       // "." for a bare name
std::string base_name_of(const std::string& path);

// Refuses absolute names, "..", empty parts, backslashes and control characters in a name that a file gave
// us.
void check_relative_name(std::string_view name, std::string_view context);

// `root`/`name` for such a name; refuses links that lead outside of `root` as well.
std::string path_beneath(const std::string& root, std::string_view name, std::string_view context);

// ^[a-z0-9][a-z0-9._-]{0,95}$ without ".." and without "--": safe as a folder, a URL segment and an S3 key.
bool valid_name(std::string_view name);
void check_name(std::string_view name, std::string_view context);

// Foreign text for an error message: control characters escaped, cut at `max` bytes.
std::string printable(std::string_view text, size_t max = 200);

}  // namespace whorl::base

// Names of files: joining, temporaries, and the guards against names that somebody else chose.
#include <fcntl.h>
#include <linux/openat2.h>
#include <signal.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>

#include "base/check.h"
#include "base/file.h"
#include "base/hash.h"

namespace whorl::base {

namespace {

constexpr std::string_view temporary_prefix = ".tmp-";

std::string slurp_small(const char* path) {
  std::string out;
  if (FILE* file = std::fopen(path, "re")) {
    char buffer[4096];
    out.assign(buffer, std::fread(buffer, 1, sizeof buffer, file));
    std::fclose(file);
  }
  return out;
}

// Field 22 of /proc/PID/stat, in clock ticks since boot; "" when there is no such process. The command
// name in field 2 may hold spaces and brackets, so counting starts after the last bracket.
std::string start_time_of(const std::string& pid) {
  const std::string text = slurp_small(("/proc/" + pid + "/stat").c_str());
  size_t at = text.rfind(')');
  if (at == std::string::npos) return "";
  for (int field = 2; field < 22; ++field) {
    at = text.find(' ', at + 1);
    if (at == std::string::npos) return "";
  }
  return text.substr(at + 1, text.find(' ', at + 1) - at - 1);
}

// Process ids mean something only within one boot and one process namespace (containers share volumes).
std::string machine() {
  char space[128];
  const ssize_t n = ::readlink("/proc/self/ns/pid", space, sizeof space);
  const std::string key = slurp_small("/proc/sys/kernel/random/boot_id") +
                          std::string(space, n > 0 ? static_cast<size_t>(n) : 0) +
                          slurp_small("/proc/sys/kernel/hostname");
  return sha256_hex(key).substr(0, 12);
}

}  // namespace

std::string temporary_name() {
  static std::atomic<uint64_t> counter{0};
  uint64_t random = 0;
  if (::getrandom(&random, sizeof random, 0) != sizeof random) random = static_cast<uint64_t>(::clock());
  const std::string pid = std::to_string(::getpid());
  char tail[64];
  std::snprintf(tail, sizeof tail, "-%llu-%016llx", static_cast<unsigned long long>(counter.fetch_add(1)),
                static_cast<unsigned long long>(random));
  return concat(temporary_prefix, machine(), "-", pid, "-", start_time_of(pid), tail);
}

TemporaryOwner temporary_owner(std::string_view name) {
  if (name.substr(0, temporary_prefix.size()) != temporary_prefix) return TemporaryOwner::not_temporary;
  name.remove_prefix(temporary_prefix.size());
  std::string part[3];
  for (std::string& p : part) {
    const size_t dash = name.find('-');
    if (dash == std::string_view::npos) return TemporaryOwner::elsewhere;
    p = std::string(name.substr(0, dash));
    name.remove_prefix(dash + 1);
  }
  if (part[0] != machine() || part[1].empty() || part[1].find_first_not_of("0123456789") != std::string::npos)
    return TemporaryOwner::elsewhere;
  return start_time_of(part[1]) == part[2] && !part[2].empty() ? TemporaryOwner::alive : TemporaryOwner::dead;
}

std::string join(std::string_view directory, std::string_view name) {
  std::string out(directory);
  if (!out.empty() && out.back() != '/') out += '/';
  return out += name;
}

std::string parent_of(const std::string& path) {
  size_t end = path.size();
  while (end > 1 && path[end - 1] == '/') --end;
  const size_t slash = path.rfind('/', end - 1);
  if (slash == std::string::npos || end == 0) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

std::string base_name_of(const std::string& path) {
  size_t end = path.size();
  while (end > 1 && path[end - 1] == '/') --end;
  const size_t slash = path.rfind('/', end - 1);
  return path.substr(slash == std::string::npos ? 0 : slash + 1,
                     slash == std::string::npos ? end : end - slash - 1);
}

namespace {
// Callers give "AdapterStore.publish" or, where they have more to say, "[Model.load] config.json:".
std::string bracketed(std::string_view context) {
  return context.substr(0, 1) == "[" ? std::string(context) : concat("[", context, "]");
}
}  // namespace

void check_relative_name(std::string_view name, std::string_view context) {
  bool ok = !name.empty() && name.size() <= 4096 && name.front() != '/';
  size_t begin = 0;
  for (size_t i = 0; ok && i <= name.size(); ++i) {
    if (i == name.size() || name[i] == '/') {
      const std::string_view part = name.substr(begin, i - begin);
      ok = !part.empty() && part != "." && part != "..";
      begin = i + 1;
    } else {
      ok = static_cast<unsigned char>(name[i]) >= 0x20 && name[i] != 0x7f && name[i] != '\\';
    }
  }
  if (!ok)
    invalid(bracketed(context), " expected a relative file name beneath the folder, got '", printable(name),
            "'");
}

std::string path_beneath(const std::string& root, std::string_view name, std::string_view context) {
  check_relative_name(name, context);
  const int folder = ::open(root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0) return join(root, name);  // opening it will say why
  open_how how{};
  how.flags = O_PATH | O_CLOEXEC;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
  const std::string text(name);
  const long fd = ::syscall(SYS_openat2, folder, text.c_str(), &how, sizeof how);
  const int code = errno;
  ::close(folder);
  if (fd >= 0) ::close(static_cast<int>(fd));
  if (fd < 0 && (code == EXDEV || code == ELOOP))
    invalid(bracketed(context), " '", printable(name), "' leads outside of ", root);
  return join(root, name);
}

bool valid_name(std::string_view name) {
  if (name.empty() || name.size() > 96) return false;
  for (size_t i = 0; i < name.size(); ++i) {
    const char c = name[i];
    const bool letter = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    if (!letter && (i == 0 || (c != '.' && c != '_' && c != '-'))) return false;
    if (i > 0 && c == name[i - 1] && (c == '.' || c == '-')) return false;
  }
  return true;
}

void check_name(std::string_view name, std::string_view context) {
  if (!valid_name(name))
    invalid(bracketed(context),
            " expected a name of 1 to 96 characters from a-z 0-9 . _ - that starts with a letter ",
            "or digit and has no '..' or '--', got '", printable(name), "'");
}

std::string printable(std::string_view text, size_t max) {
  std::string out;
  for (const char c : text.substr(0, max)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte != 0x7f) {
      out += c;
    } else {
      char escape[8];
      std::snprintf(escape, sizeof escape, "\\x%02x", byte);
      out += escape;
    }
  }
  return text.size() > max ? out + "…" : out;
}

}  // namespace whorl::base

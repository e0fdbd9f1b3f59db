#include "pipeline/steps_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>

#include "base/check.h"

namespace whorl::pipeline {
namespace {

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> made;
  for (auto& text : texts) made.push_back(text.data());
  made.push_back(nullptr);
  return made;
}

// Everything the child needs, made before the fork: between fork and exec of a threaded program only calls
// that a signal handler may make are allowed.
struct Launch {
  const char* program;
  char* const* arguments;
  char* const* environment;
  const char* folder;
  int input, output, errors, report;
  pid_t parent;
};

[[noreturn]] void child(const Launch& launch) {
  const auto give_up = [&] {
    const int error = errno;
    [[maybe_unused]] const auto told = ::write(launch.report, &error, sizeof error);
    ::_exit(127);
  };
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != launch.parent) ::_exit(127);  // it died in between
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  for (const int signal : {SIGINT, SIGQUIT, SIGTERM, SIGPIPE, SIGHUP, SIGCHLD}) ::signal(signal, SIG_DFL);
  if (::chdir(launch.folder) != 0) give_up();
  if (::dup2(launch.input, 0) < 0 || ::dup2(launch.output, 1) < 0 || ::dup2(launch.errors, 2) < 0) give_up();
  ::execve(launch.program, launch.arguments, launch.environment);
  give_up();
  ::_exit(127);
}

struct Descriptor {
  int fd;
  explicit Descriptor(int value) : fd(value) {}
  ~Descriptor() { reset(); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  void reset() {
    if (fd >= 0) ::close(fd);
    fd = -1;
  }
};

int open_log(const std::string& path) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  if (fd < 0) base::failed("cannot write ", path, ": ", std::strerror(errno));
  return fd;
}

// True when it has ended within the time.
bool wait_some(pid_t pid, int pidfd, int milliseconds, int& status) {
  if (pidfd >= 0) {
    pollfd wait{pidfd, POLLIN, 0};
    ::poll(&wait, 1, milliseconds);
  } else {
    ::usleep(5000);
  }
  return ::waitpid(pid, &status, WNOHANG) == pid;
}

ProcessEnd watch(pid_t pid, const std::function<bool()>& stop, double grace_seconds) {
  const Descriptor pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  ProcessEnd end;
  int status = 0;
  auto deadline = std::chrono::steady_clock::time_point::max();
  bool killed = false;
  while (!wait_some(pid, pidfd.fd, 50, status)) {
    const auto now = std::chrono::steady_clock::now();
    if (!end.stopped && stop()) {
      end.stopped = true;
      ::kill(-pid, SIGTERM);
      deadline = now + std::chrono::milliseconds(static_cast<int64_t>(grace_seconds * 1000));
    } else if (end.stopped && !killed && now >= deadline) {
      killed = true;
      ::kill(-pid, SIGKILL);
    }
  }
  ::kill(-pid, SIGKILL);  // what it left running
  if (WIFSIGNALED(status)) end.signal = WTERMSIG(status);
  if (WIFEXITED(status)) end.status = WEXITSTATUS(status);
  return end;
}

}  // namespace

ProcessEnd run_process(const Process& process, const std::function<bool()>& stop, double grace_seconds) {
  std::vector<std::string> arguments = process.arguments, environment;
  for (const auto& [name, value] : process.environment) environment.push_back(name + "=" + value);
  const auto argv = pointers(arguments), envp = pointers(environment);
  const Descriptor input(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  const Descriptor output(open_log(process.output)), errors(open_log(process.errors));
  int pipe[2];
  if (::pipe2(pipe, O_CLOEXEC) != 0) base::failed("cannot make a pipe: ", std::strerror(errno));
  const Descriptor read_end(pipe[0]);
  Descriptor write_end(pipe[1]);
  const Launch launch{process.program.c_str(),
                      argv.data(),
                      envp.data(),
                      process.folder.c_str(),
                      input.fd,
                      output.fd,
                      errors.fd,
                      pipe[1],
                      ::getpid()};
  const pid_t pid = ::fork();
  if (pid < 0) base::failed("cannot start ", process.program, ": ", std::strerror(errno));
  if (pid == 0) child(launch);
  ::setpgid(pid, pid);  // whoever comes first
  write_end.reset();
  int error = 0;
  ssize_t told = 0;
  do {
    told = ::read(read_end.fd, &error, sizeof error);
  } while (told < 0 && errno == EINTR);
  if (told == sizeof error) {
    ::waitpid(pid, nullptr, 0);
    base::invalid("cannot run ", process.program, ": ", std::strerror(error));
  }
  return watch(pid, stop, grace_seconds);
}

}  // namespace whorl::pipeline

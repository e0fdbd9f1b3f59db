#pragma once
// A child process in a process group of its own, without a shell.
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace whorl::pipeline {

struct Process {
  std::string program;                 // path
  std::vector<std::string> arguments;  // argv, with the program's name first
  std::map<std::string, std::string> environment;
  std::string folder;
  std::string output, errors;  // files to append to
};

struct ProcessEnd {
  bool stopped = false;  // `stop` said so
  int status = 0;        // of exit
  int signal = 0;        // that ended it, or 0
};

// Runs it to its end. `stop` is asked some twenty times a second; when it says so the whole group gets
// SIGTERM, and SIGKILL after `grace_seconds`. Whatever the child left running in its group is killed when it
// ends. The child dies with this process. std::runtime_error where it cannot be started.
ProcessEnd run_process(const Process& process, const std::function<bool()>& stop, double grace_seconds = 5);

}  // namespace whorl::pipeline

// command: a program, its arguments as given, its output in the step's log.
#include <unistd.h>

#include <cstdlib>
#include <cstring>

#include "base/check.h"
#include "pipeline/steps.h"
#include "pipeline/steps_process.h"

namespace whorl::pipeline {
namespace {

std::map<std::string, std::string> environment_of(const Object& with) {
  std::map<std::string, std::string> made;
  for (const char* name : {"PATH", "HOME", "LANG", "TMPDIR", "USER"})
    if (const char* value = std::getenv(name)) made[name] = value;
  if (const auto* given = object_or_null(with, "environment"))
    for (const auto& [name, value] : *given) {
      base::check_argument(
          !name.empty() && name.find('=') == std::string::npos && name.find('\0') == std::string::npos,
          "argument 'environment': '", base::printable(name, 60), "' is no variable's name");
      made[name] = plain_text(value);
    }
  return made;
}

std::string signal_text(int signal) {
  const char* name = ::sigabbrev_np(signal);
  return name != nullptr ? std::string("SIG") + name : "signal " + std::to_string(signal);
}

void judge(JobContext& job, const ProcessEnd& end) {
  if (end.stopped) job.check_stop();
  if (end.signal != 0) throw StepError(fault_of_signal(end.signal), "ended by " + signal_text(end.signal));
  const Fault fault = fault_of_exit(end.status);
  if (fault != Fault::none)
    throw StepError(fault, "exit status " + std::to_string(end.status) + ", see its log");
}

}  // namespace

Object run_command(JobContext& job) {
  const Object& with = job.with();
  Process process;
  process.arguments = texts_or(with, "command", {});
  base::check_argument(!process.arguments.empty(), job.where(), ": argument 'command' is empty");
  for (const auto& argument : process.arguments)
    base::check_argument(argument.find('\0') == std::string::npos, job.where(),
                         ": an argument holds a zero byte");
  process.program = find_program(process.arguments[0]);
  process.environment = environment_of(with);
  const auto scratch = std::filesystem::absolute(job.scratch()).string();
  const auto folder = text_or(with, "folder", "");
  process.folder = folder.empty() ? scratch : beneath(job.services.folder, folder);
  process.environment["WHORL_OUTPUT_FOLDER"] = scratch;
  process.errors = job.log_path;
  bool wants_output = false;
  for (const auto& [key, output] : job.step.outputs) wants_output = wants_output || output.path == "-";
  process.output = wants_output ? scratch + "/.standard-output" : job.log_path;
  judge(job, run_process(process, [&] { return job.stopped(); }));
  std::string text;
  if (wants_output) {
    text = base::read_file(process.output, uint64_t{64} << 20);
    job.log(text);
    base::remove_tree(job.services.store.fs(), process.output, job.where());
  }
  return collect_outputs(job, scratch, {}, text);
}

}  // namespace whorl::pipeline

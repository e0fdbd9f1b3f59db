// python: a function that the host program registered.
#include "base/check.h"
#include "base/json.h"
#include "pipeline/steps.h"

namespace whorl::pipeline {
namespace {

class Context final : public PipelineContext {
 public:
  explicit Context(JobContext& job, std::string folder) : job_(job), folder_(std::move(folder)) {}
  std::string step() const override { return job_.only().name; }
  int64_t attempt() const override { return job_.attempt; }
  std::string arguments() const override {
    const auto* given = object_or_null(job_.with(), "arguments");
    return compact(given != nullptr ? Value(*given) : Value(Object{}));
  }
  std::map<std::string, std::filesystem::path> inputs() const override {
    std::map<std::string, std::filesystem::path> made;
    if (const auto* given = object_or_null(job_.with(), "inputs"))
      for (const auto& [name, path] : *given) made[name] = std::filesystem::absolute(plain_text(path));
    return made;
  }
  std::filesystem::path folder() const override { return std::filesystem::absolute(folder_); }
  void log(const std::string& line) const override { job_.log(line); }
  void progress(double share, const std::string& message) const override {
    job_.progress({.share = share, .message = message});
  }
  bool cancelled() const override { return job_.stopped(); }

 private:
  JobContext& job_;
  std::string folder_;
};

}  // namespace

Object run_python(JobContext& job) {
  const auto& function = job.services.functions.at(text_or(job.with(), "function", ""));
  const Context context(job, job.scratch());
  const auto text = function.call(context);
  job.check_stop();
  const Value returned =
      text.empty() ? Value(Object{}) : parse_value(text, job.where() + ": what the function returned");
  base::check_argument(returned.object() != nullptr, job.where(), ": the function returned ",
                       kind_of(returned), ", expected an object of outputs");
  return collect_outputs(job, job.scratch(), *returned.object(), "");
}

}  // namespace whorl::pipeline

#include "pipeline/steps.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <limits>
#include <new>
#include <system_error>

#include "base/check.h"
#include "base/file.h"
#include "base/hash.h"

namespace whorl::pipeline {

Model ModelCache::get(const std::string& path, const std::string& digest, int64_t threads) {
  std::scoped_lock lock(mutex_);
  const auto key = digest + " " + std::to_string(threads);
  const auto found = models_.find(key);
  if (found != models_.end()) return found->second;
  return models_.emplace(key, Model::load(path, {.threads = static_cast<int>(threads)})).first->second;
}

JobContext::JobContext(const JobServices& shared, const Step& of, std::vector<JobItem> instances,
                       int64_t attempt_number, std::string log)
    : services(shared),
      step(of),
      items(std::move(instances)),
      attempt(attempt_number),
      log_path(std::move(log)) {}

JobContext::~JobContext() {
  if (lock_ >= 0) ::close(lock_);
  if (scratch_.empty()) return;
  try {
    base::remove_tree(services.store.fs(), scratch_);
  } catch (const std::exception&) {
    // Left behind for the next run's cleaning: what the step made is safe already, or has failed anyway.
  }
}

std::string JobContext::where() const { return "[Pipeline.run] step '" + only().name + "'"; }

const std::string& JobContext::scratch() {
  if (scratch_.empty()) {
    scratch_ = base::join(base::join(services.store.root(), "work"), base::temporary_name());
    base::make_directories(services.store.fs(), scratch_, where());
  }
  return scratch_;
}

// Known by what is done, not by the run: whoever does the same work goes on with it.
const std::string& JobContext::kept_folder() {
  if (!kept_.empty()) return kept_;
  std::string keys;
  for (const auto& item : items) keys += item.key + " ";
  const auto work = base::join(services.store.root(), "work");
  base::make_directories(services.store.fs(), work, where());
  kept_ = base::join(work, "kept-" + base::sha256_hex(keys));
  lock_ = ::open((kept_ + ".lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (lock_ < 0 || ::flock(lock_, LOCK_EX | LOCK_NB) != 0) kept_ = base::join(scratch(), "kept");
  base::make_directories(services.store.fs(), kept_, where());
  return kept_;
}

void JobContext::forget() {
  if (kept_.empty()) return;
  base::remove_tree(services.store.fs(), kept_, where());
  base::remove_tree(services.store.fs(), kept_ + ".lock", where());
}

void JobContext::log(const std::string& line) const {
  auto file = base::File::append(services.store.fs(), log_path, where());
  const std::string text = line + "\n";
  file.write(text.data(), text.size());
  file.close();
}

double JobContext::seconds_left() const {
  if (step.timeout_seconds <= 0) return std::numeric_limits<double>::infinity();
  const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - begun_;
  return step.timeout_seconds - spent.count();
}

bool JobContext::stopped() const { return services.cancelled.load() || seconds_left() <= 0; }

void JobContext::check_stop() const {
  if (services.cancelled.load()) throw StepError(Fault::cancelled, "cancelled");
  if (seconds_left() <= 0)
    throw StepError(Fault::timeout, base::concat("not done after ", step.timeout_seconds, " s"));
}

Fault fault_of(const std::exception& error) {
  if (const auto* known = dynamic_cast<const StepError*>(&error)) return known->fault();
  const bool world = dynamic_cast<const std::runtime_error*>(&error) != nullptr ||
                     dynamic_cast<const std::bad_alloc*>(&error) != nullptr;
  return world ? Fault::infrastructure : Fault::code;
}

std::vector<Object> run_kind(JobContext& job) {
  const auto& kind = job.step.kind;
  if (kind == "train") return run_train(job);
  if (kind == "curate") return {run_curate(job)};
  if (kind == "evaluate") return {run_evaluate(job)};
  if (kind == "gate") return {run_gate(job)};
  if (kind == "publish") return {run_publish(job)};
  if (kind == "guard_check") return {run_guard_check(job)};
  if (kind == "python") return {run_python(job)};
  return {run_command(job)};
}

namespace {

const Value* given(const Object& with, const char* name) {
  const auto found = with.find(name);
  return found == with.end() || found->second.is_null() ? nullptr : &found->second;
}

}  // namespace

std::string text_or(const Object& with, const char* name, const std::string& fallback) {
  const Value* found = given(with, name);
  return found != nullptr && found->text() != nullptr ? *found->text() : fallback;
}

int64_t integer_or(const Object& with, const char* name, int64_t fallback) {
  const Value* found = given(with, name);
  return found != nullptr && found->get<int64_t>() != nullptr ? *found->get<int64_t>() : fallback;
}

double number_or(const Object& with, const char* name, double fallback) {
  const Value* found = given(with, name);
  return found != nullptr && found->is_number() ? found->number() : fallback;
}

bool boolean_or(const Object& with, const char* name, bool fallback) {
  const Value* found = given(with, name);
  return found != nullptr && found->get<bool>() != nullptr ? *found->get<bool>() : fallback;
}

std::vector<std::string> texts_or(const Object& with, const char* name, std::vector<std::string> fallback) {
  const Value* found = given(with, name);
  if (found == nullptr) return fallback;
  if (found->text() != nullptr) return {*found->text()};
  std::vector<std::string> made;
  if (const auto* list = found->list())
    for (const auto& entry : *list)
      if (!entry.is_null()) made.push_back(plain_text(entry));
  return made;
}

const Object* object_or_null(const Object& with, const char* name) {
  const Value* found = given(with, name);
  return found == nullptr ? nullptr : found->object();
}

namespace {

constexpr uint64_t kMostValueBytes = 64 << 10;  // what a cluster passes on as a value; files carry the rest

Value read_value(const std::string& text, const PipelineOutput& output, const std::string& label) {
  base::check_argument(text.size() <= kMostValueBytes, label, ": ", text.size(),
                       " bytes; a value has at most 65536, make it an artifact");
  if (output.type == "json") return parse_value(text, label);
  std::string trimmed = text;
  while (!trimmed.empty() && (trimmed.back() == '\n' || trimmed.back() == '\r')) trimmed.pop_back();
  return trimmed;
}

}  // namespace

Object collect_outputs(JobContext& job, const std::string& folder, const Object& returned,
                       const std::string& standard_output) {
  Object made;
  auto& fs = job.services.store.fs();
  for (const auto& [key, output] : job.step.outputs) {
    const auto label = job.where() + ": output '" + key + "'";
    if (output.path.empty()) {
      const auto found = returned.find(key);
      base::check_argument(found != returned.end(), label, ": the function did not return it");
      made[key] = found->second;
      continue;
    }
    if (output.path == "-") {
      made[key] = read_value(standard_output, output, label);
      continue;
    }
    const auto path = base::path_beneath(folder, output.path, label);
    base::check_argument(base::exists(fs, path), label, ": the step left no '", output.path, "'");
    if (output.type == "artifact")
      made[key] = to_value(job.services.store.copy(path, label));
    else
      made[key] = read_value(base::read_file(fs, path, kMostValueBytes, label), output, label);
  }
  for (const auto& [key, unused] : returned)
    base::check_argument(job.step.outputs.contains(key), job.where(), ": the function returned '", key,
                         "', which is no output of the step", "");
  return made;
}

}  // namespace whorl::pipeline

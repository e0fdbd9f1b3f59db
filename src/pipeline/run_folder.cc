#include "pipeline/run_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "base/check.h"
#include "base/hash.h"
#include "base/json.h"

namespace whorl::pipeline {
namespace {

constexpr const char* kContext = "[Pipeline.run]";
constexpr uint64_t kMostBytes = uint64_t{1} << 28;

std::string text_of(const Value& value, const char* key) {
  const Value* found = value.find(key);
  return found != nullptr && found->text() != nullptr ? *found->text() : std::string();
}
double number_of(const Value& value, const char* key) {
  const Value* found = value.find(key);
  return found != nullptr && found->is_number() ? found->number() : 0;
}
Object object_of(const Value& value, const char* key) {
  const Value* found = value.find(key);
  return found != nullptr && found->object() != nullptr ? *found->object() : Object();
}

}  // namespace

Value to_value(const StepRecord& r) {
  return Object{{"name", r.name},
                {"step", r.step},
                {"kind", r.kind},
                {"index", r.index},
                {"item", r.item},
                {"state", name_of(r.state)},
                {"fault", name_of(r.fault)},
                {"message", r.message},
                {"key", r.key},
                {"attempts", r.attempts},
                {"started", r.started},
                {"seconds", r.seconds},
                {"cached", r.cached},
                {"outputs", r.outputs}};
}

StepRecord record_from(const Value& value, const std::string& context) {
  StepRecord made;
  made.name = text_of(value, "name");
  made.step = text_of(value, "step");
  made.kind = text_of(value, "kind");
  made.index = static_cast<int64_t>(number_of(value, "index"));
  if (const Value* item = value.find("item")) made.item = *item;
  const auto state = state_named(text_of(value, "state"));
  base::check_argument(state.has_value() && !made.name.empty(), context, ": not the record of a step");
  made.state = *state;
  for (const Fault fault :
       {Fault::code, Fault::infrastructure, Fault::timeout, Fault::rejected, Fault::cancelled})
    if (text_of(value, "fault") == name_of(fault)) made.fault = fault;
  made.message = text_of(value, "message");
  made.key = text_of(value, "key");
  made.attempts = static_cast<int64_t>(number_of(value, "attempts"));
  made.started = number_of(value, "started");
  made.seconds = number_of(value, "seconds");
  if (const Value* cached = value.find("cached"); cached != nullptr && cached->get<bool>() != nullptr)
    made.cached = *cached->get<bool>();
  made.outputs = object_of(value, "outputs");
  return made;
}

RunFolder::RunFolder(base::FileSystem& fs, const std::string& root, const std::string& id) : fs_(fs) {
  base::check_name(id, "[Pipeline.run] run_id");
  path_ = base::join(base::join(root, "runs"), id);
  base::make_directories(fs_, base::join(path_, "steps"), kContext);
  base::make_directories(fs_, base::join(path_, "logs"), kContext);
}

RunFolder::~RunFolder() {
  if (lock_ >= 0) ::close(lock_);
}

bool RunFolder::lock() {
  if (lock_ >= 0) return true;
  const int fd = ::open(base::join(path_, "lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (fd < 0) throw base::FileError(base::concat(kContext, ": cannot lock ", path_), errno);
  // Keeps two walks of one run apart where the file system has locks; without, steps are still published
  // whole and known by content.
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    ::close(fd);
    return false;
  }
  lock_ = fd;
  return true;
}

std::optional<RunRecord> RunFolder::read_run() const {
  const auto path = base::join(path_, "run.json");
  if (!base::exists(fs_, path)) return std::nullopt;
  const auto context = std::string(kContext) + " " + path;
  const Value value = parse_value(base::read_file(fs_, path, kMostBytes, kContext), context);
  RunRecord made;
  made.run_id = text_of(value, "run_id");
  made.pipeline = text_of(value, "pipeline");
  made.digest = text_of(value, "digest");
  made.state = text_of(value, "state");
  made.parameters = object_of(value, "parameters");
  made.started_at = number_of(value, "started_at");
  made.seconds = number_of(value, "seconds");
  if (const Value* plan = value.find("plan")) made.plan = base::to_sorted_json(to_json(*plan));
  return made;
}

void RunFolder::write_run(const RunRecord& r) const {
  const Value value = Object{{"run_id", r.run_id},         {"pipeline", r.pipeline},
                             {"digest", r.digest},         {"state", r.state},
                             {"parameters", r.parameters}, {"started_at", r.started_at},
                             {"seconds", r.seconds},       {"plan", parse_value(r.plan, kContext)}};
  base::write_file_durably(fs_, base::join(path_, "run.json"), base::to_sorted_json(to_json(value)),
                           kContext);
}

std::optional<StepRecord> RunFolder::read_step(const std::string& name) const {
  const auto path = base::join(base::join(path_, "steps"), name + ".json");
  if (!base::exists(fs_, path)) return std::nullopt;
  const auto context = std::string(kContext) + " " + path;
  return record_from(parse_value(base::read_file(fs_, path, kMostBytes, kContext), context), context);
}

void RunFolder::write_step(const StepRecord& record) const {
  const auto path = base::join(base::join(path_, "steps"), record.name + ".json");
  base::write_file_durably(fs_, path, base::to_sorted_json(to_json(to_value(record))), kContext);
}

std::string RunFolder::log_path(const std::string& name) const {
  return base::join(base::join(path_, "logs"), name + ".log");
}

std::vector<std::string> run_ids(base::FileSystem& fs, const std::string& root) {
  const auto runs = base::join(root, "runs");
  if (!base::exists(fs, runs)) return {};
  return base::list_directory(fs, runs, kContext);
}

std::string new_run_id(const std::string& pipeline) {
  return pipeline + "-" + base::sha256_hex(base::temporary_name()).substr(0, 8);
}

}  // namespace whorl::pipeline

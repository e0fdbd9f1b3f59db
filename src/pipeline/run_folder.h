#pragma once
// A run on disk: runs/<id>/run.json, steps/<instance>.json, logs/<instance>.log. Every record is replaced
// whole, so that a kill leaves the one before or the one after.
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "pipeline/run_store.h"
#include "pipeline/walk.h"

namespace whorl::pipeline {

struct StepRecord {
  std::string name, step, kind;
  int64_t index = -1;
  Value item;
  State state = State::waiting;
  Fault fault = Fault::none;
  std::string message, key;
  int64_t attempts = 0;
  double started = 0, seconds = 0;
  bool cached = false;
  Object outputs;
};
Value to_value(const StepRecord& record);
StepRecord record_from(const Value& value, const std::string& context);

struct RunRecord {
  std::string run_id, pipeline, digest, state;  // "running" until it has ended
  Object parameters;
  double started_at = 0;  // seconds since 1970
  double seconds = 0;
  std::string plan;  // canonical JSON of the pipeline
};

class RunFolder {
 public:
  // The folder of the run `id`; created if need be.
  RunFolder(base::FileSystem& fs, const std::string& root, const std::string& id);
  ~RunFolder();
  RunFolder(const RunFolder&) = delete;
  RunFolder& operator=(const RunFolder&) = delete;

  // Whether this process now is the only one that walks this run. Kept until the end.
  bool lock();

  std::optional<RunRecord> read_run() const;
  void write_run(const RunRecord& record) const;
  std::optional<StepRecord> read_step(const std::string& name) const;
  void write_step(const StepRecord& record) const;
  std::string log_path(const std::string& name) const;
  const std::string& path() const { return path_; }

 private:
  base::FileSystem& fs_;
  std::string path_;
  int lock_ = -1;
};

// Ids of the runs below `root`, sorted.
std::vector<std::string> run_ids(base::FileSystem& fs, const std::string& root);
std::string new_run_id(const std::string& pipeline);  // "tickets-3f9a01c2"

}  // namespace whorl::pipeline

#include "train/metrics.h"

#include <nlohmann/json.hpp>

#include "base/check.h"
#include "train/progress_json.h"

namespace whorl::train {

Metrics::Metrics(const std::string& path, std::optional<uint64_t> keep) {
  if (path.empty()) return;
  base::FileSystem& fs = *base::FileSystem::real();
  base::make_directories(fs, base::parent_of(path), "Trainer.fit");
  file_.emplace(base::File::append(fs, path, "Trainer.fit"));
  const uint64_t size = file_->size();
  bytes_ = keep && *keep <= size ? *keep : 0;
  if (bytes_ != size && fs.truncate(file_->descriptor(), bytes_) < 0)
    base::failed("[Trainer.fit] ", path, ": cannot shorten the metrics file");
}

void Metrics::write(const Progress& progress) {
  if (!file_) return;
  const std::string line = to_json(progress).dump() + "\n";
  file_->write(line.data(), line.size());
  bytes_ += line.size();
}

}  // namespace whorl::train

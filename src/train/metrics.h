#pragma once
// The metrics file: one JSON object a line, appended. A resumed run first takes back the lines of steps that
// it will do again.
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/file.h"
#include "whorl/trainer.h"

namespace whorl::train {

class Metrics {
 public:
  // Empty path: nothing is written. `keep`: bytes to keep of a file that is there; none = a file is begun
  // anew.
  Metrics(const std::string& path, std::optional<uint64_t> keep);

  void write(const Progress& progress);
  uint64_t bytes() const { return bytes_; }

 private:
  std::optional<base::File> file_;
  uint64_t bytes_ = 0;
};

}  // namespace whorl::train

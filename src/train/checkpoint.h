#pragma once
// A checkpoint is one safetensors file, replaced whole: parameters and moments of every learner, and beside
// them, as JSON, how far the run is and whose it is. Random numbers are functions of (seed, step), so no
// generator has a state to save.
#include <memory>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/json.h"
#include "train/learner.h"

namespace whorl::train {

struct RunPosition {
  int64_t step = 0;    // optimizer steps done
  double seconds = 0;  // spent so far
  uint64_t metrics_bytes = 0;
};

class Checkpoint {
 public:
  // `identity`: everything that decides the numbers of this run, as JSON (see run_identity).
  Checkpoint(std::string folder, std::string identity, ops::Backend& backend,
             base::FileSystem& fs = *base::FileSystem::real());

  // Durable when it returns.
  void save(const RunPosition& position, const std::vector<std::unique_ptr<Learner>>& learners) const;
  // False where there is none. A checkpoint of another run, or a damaged one, is std::invalid_argument;
  // nothing has changed then.
  bool load(RunPosition& position, std::vector<std::unique_ptr<Learner>>& learners) const;
  // Removes what killed processes left behind.
  void remove_leftovers() const;

 private:
  std::string path() const;

  std::string folder_;
  std::string identity_;
  ops::Backend& backend_;
  base::FileSystem& fs_;
};

// The position and the learners' states (without their tensors) as JSON text, as a checkpoint holds them.
std::string progress_text(const RunPosition& position, const std::vector<std::unique_ptr<Learner>>& learners);
// `text`: of as many learners. The best values that a state may hold are not touched.
void read_progress_text(const std::string& text, RunPosition& position,
                        const std::vector<std::unique_ptr<Learner>>& learners);

// The first place where two identities differ: "options.batch_size was 8 and is 4", or "".
std::string first_difference(const base::Json& was, const base::Json& is);

}  // namespace whorl::train

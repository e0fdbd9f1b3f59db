#include "train/schedule.h"

#include <algorithm>
#include <cmath>

namespace whorl::train {

int64_t warmup_steps(const TrainOptions& options, int64_t total_steps) {
  if (options.warmup_steps > 0) return options.warmup_steps;
  return static_cast<int64_t>(std::ceil(static_cast<double>(total_steps) * options.warmup_ratio));
}

double schedule_factor(const TrainOptions& options, int64_t step, int64_t total_steps) {
  const int64_t warmup = warmup_steps(options, total_steps);
  if (step < warmup) return static_cast<double>(step) / static_cast<double>(std::max<int64_t>(1, warmup));
  if (options.lr_scheduler == "constant") return 1;
  const double progress =
      static_cast<double>(step - warmup) / static_cast<double>(std::max<int64_t>(1, total_steps - warmup));
  const double factor = options.lr_scheduler == "linear"
                            ? 1 - progress
                            : 0.5 * (1 + std::cos(3.14159265358979323846 * progress));
  return std::max(0.0, factor) * (1 - options.min_lr_ratio) + options.min_lr_ratio;
}

}  // namespace whorl::train

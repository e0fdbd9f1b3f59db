#include "train/recompute_choice.h"

#include <limits>

namespace whorl::train {

using model::RecomputeLevels;

RecomputeLevels levels_of(size_t first, size_t layers, size_t mlp, size_t projections, size_t whole) {
  RecomputeLevels out(layers, model::kKeepAll);
  for (size_t i = first; i < layers; ++i) {
    const size_t above = i - first;
    out[i] = (above < mlp) + (above < projections) + (above < whole);
  }
  return out;
}

RecomputeLevels choose_levels(size_t first, size_t layers,
                              const std::function<bool(const RecomputeLevels&)>& fits,
                              const std::function<double(const RecomputeLevels&)>& cost) {
  if (fits({})) return {};
  const size_t most = layers - first;
  RecomputeLevels best;
  double least = std::numeric_limits<double>::infinity();
  const auto consider = [&](const RecomputeLevels& levels) {
    if (const double c = cost(levels); c < least) least = c, best = levels;
  };
  for (size_t whole = 0; whole <= most; ++whole) {
    // The more layers forget their projections, the fewer need forget their MLP: one walk down.
    size_t mlp = most;
    for (size_t projections = whole; projections <= most; ++projections) {
      if (mlp < projections) break;
      if (!fits(levels_of(first, layers, mlp, projections, whole))) continue;
      while (mlp > projections && fits(levels_of(first, layers, mlp - 1, projections, whole))) --mlp;
      consider(levels_of(first, layers, mlp, projections, whole));
    }
  }
  return best;
}

}  // namespace whorl::train

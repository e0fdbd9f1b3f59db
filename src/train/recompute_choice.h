#pragma once
// Which layers forget how much, so that a run fits its budget with the least extra computation.
#include <functional>

#include "model/recompute.h"

namespace whorl::train {

// Layers [first, layers) keep something. `fits` must not become false when a level rises; `cost` is what the
// levels compute again. All adapted layers of a decoder are alike, so that only the numbers of layers on each
// level count: every useful triple of numbers is tried, and the cheapest that fits is the result. Empty when
// nothing need be forgotten. Undefined when not even the highest level everywhere fits.
model::RecomputeLevels choose_levels(size_t first, size_t layers,
                                     const std::function<bool(const model::RecomputeLevels&)>& fits,
                                     const std::function<double(const model::RecomputeLevels&)>& cost);

// The lowest `mlp` of the layers on level 1 or above, `projections` of them on 2 or above, `whole` on 3.
model::RecomputeLevels levels_of(size_t first, size_t layers, size_t mlp, size_t projections, size_t whole);

}  // namespace whorl::train

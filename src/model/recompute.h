#pragma once
// What a layer forgets after its forward pass and computes again, bit for bit, when the backward pass comes.
#include <cstdint>
#include <vector>

namespace whorl::model {

// Every level forgets what the ones before it do. All layers that forget a part share one buffer for it.
enum RecomputeLevel : int {
  kKeepAll,
  kRecomputeMlp,          // gate and up
  kRecomputeProjections,  // also q, k and v; attention's output stays
  kRecomputeLayer         // all but the layer's input (and the down projection's x a^T, which is small)
};
inline constexpr int kRecomputeLevels = 4;

// By layer; empty = everything is kept.
using RecomputeLevels = std::vector<int>;

// Which parts of one layer are gone when its backward pass begins. The highest layer of those that share a
// buffer still finds its numbers there.
struct Forgotten {
  bool mlp = false, projections = false, middle = false;
};

}  // namespace whorl::model

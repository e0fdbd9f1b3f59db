#include "cuda/calls.h"

#include <algorithm>

namespace whorl::cuda {

void Calls::perform(Runtime& runtime) const {
  for (const Call& call : list_) call.function(runtime, bytes_.data() + call.begin);
}

bool Calls::alike(const Calls& other) const {
  return std::equal(list_.begin(), list_.end(), other.list_.begin(), other.list_.end(),
                    [](const Call& a, const Call& b) { return a.function == b.function; });
}

}  // namespace whorl::cuda

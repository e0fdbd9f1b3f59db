// Any bytes through the normalised views and every rail without a model, cut at places that the first eight
// bytes choose: the stream decides and releases what the whole text does, and nothing forbidden leaves.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "base/random.h"
#include "guard/law.h"

namespace {

// Masks, and an injection rail that takes out and looks again.
const whorl::guard::TextGuard& masking() {
  using whorl::guard::Action;
  static const whorl::guard::TextGuard guard(
      whorl::guard::all_rails(Action::mask, Action::mask, Action::mask));
  return guard;
}

}  // namespace

// Automata take seconds to make under sanitizers; no input shall be blamed for it.
extern "C" int LLVMFuzzerInitialize(int*, char***) {
  masking();
  whorl::guard::all_guard();
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 9) return 0;
  uint64_t key = 0;
  for (size_t i = 0; i < 8; ++i) key = key << 8 | data[i];
  const std::string text(reinterpret_cast<const char*>(data) + 8, size - 8);
  const uint64_t longest = 1 + whorl::base::below(key, 0, 1 + text.size());
  whorl::guard::Cuts cuts;
  for (size_t at = whorl::base::below(key, 1, longest); at < text.size();
       at += 1 + whorl::base::below(key, 2 + at, longest))
    cuts.push_back(at);
  const auto& guard = key % 2 ? masking() : whorl::guard::all_guard();
  const std::string broken = whorl::guard::law_broken_by(guard, text, cuts);
  if (broken.empty()) return 0;
  std::fprintf(stderr, "the law is broken: %s\n", broken.c_str());
  std::abort();
}

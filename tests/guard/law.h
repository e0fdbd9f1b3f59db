#pragma once
// The law of the guard room as a checker: however a text is cut, what leaves and what is said of it is the
// same, and nothing that a rail forbids leaves. Shared by the tests, their planted faults and the fuzzer.
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "guard/rail.h"

namespace whorl::guard {

// Everything that needs no model, as a service would switch it on.
Rails all_rails(Action pii = Action::mask, Action secrets = Action::block, Action injection = Action::block);
const TextGuard& all_guard();

struct Streamed {
  bool blocked = false;
  std::string released;
  std::vector<Finding> findings;
};
// `cuts`: offsets at which the text is cut, in order.
using Cuts = std::vector<size_t>;
Streamed stream(const TextGuard& guard, std::string_view text, const Cuts& cuts);
Streamed stream_every(const TextGuard& guard, std::string_view text, size_t size);

using Streamer = std::function<Streamed(const TextGuard&, std::string_view, const Cuts&)>;
// "" or which part of the law `streamer` breaks on this text.
std::string law_broken_by(const TextGuard& guard, std::string_view text, const Cuts& cuts,
                          const Streamer& streamer = stream);

std::string describe(const std::vector<Finding>& findings);

}  // namespace whorl::guard

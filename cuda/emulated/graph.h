#pragma once
// Captures and graphs of the emulated device: pieces of work that are kept and done at a graph's launch, in
// order. What CUDA refuses while work is captured is refused with a sentence.
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "cuda/runtime.h"

namespace whorl::cuda::emulated {

// How often the host has, since the library was opened: captured, brought a graph up to date, made one,
// launched one; launched a kernel or the library's product, each captured one included.
struct Counts {
  int64_t captures = 0, updates = 0, instantiations = 0, graph_launches = 0, launches = 0, captured = 0;
};
Counts counts();

// Does the work, or keeps it where the calling thread captures. `kind`: what a graph's node cannot change.
void queued(const std::string& kind, std::function<void()> work);
// The same, counted as a launch.
void launched(const std::string& kind, std::function<void()> work);
// Refuses `what` ("a wait for the queue") where the calling thread captures.
void check_not_capturing(const char* what);
// The same for who cannot throw: the capture is refused at its end.
void note_if_capturing(const char* what) noexcept;

// Runtime::capture and launch_graph. With WHORL_EMULATED_CAPTURES=refused no capture succeeds.
std::unique_ptr<Graph> capture(std::unique_ptr<Graph> known, const std::function<void()>& calls);
void launch_graph(const Graph& graph);

}  // namespace whorl::cuda::emulated

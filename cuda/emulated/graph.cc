#include "cuda/emulated/graph.h"

#include <algorithm>
#include <atomic>
#include <cstdlib>

#include "base/check.h"

namespace whorl::cuda::emulated {

namespace {
struct Node {
  std::string kind;
  std::function<void()> work;
};
struct CapturedGraph final : Graph {
  std::vector<Node> nodes;
};

// What one thread captures.
struct Capture {
  std::vector<Node> nodes;
  std::string misuse;
};
thread_local Capture* capturing = nullptr;

std::atomic<int64_t> captures = 0, updates = 0, instantiations = 0, graph_launches = 0, launches = 0,
                     captured = 0;

std::string refusal(const char* what) {
  return base::concat(
      "[emulation] expected launches, products, copies and zeroing alone while work is captured, got ", what);
}

std::vector<Node> nodes_of(const std::function<void()>& calls) {
  Capture mine;
  capturing = &mine;
  try {
    calls();
  } catch (...) {
    capturing = nullptr;
    throw;
  }
  capturing = nullptr;
  if (!mine.misuse.empty()) base::failed(mine.misuse);
  return std::move(mine.nodes);
}
}  // namespace

Counts counts() { return {captures, updates, instantiations, graph_launches, launches, captured}; }

void queued(const std::string& kind, std::function<void()> work) {
  if (!capturing) return work();
  capturing->nodes.push_back({kind, std::move(work)});
}

namespace {
// For those who measure what the host takes beside a device: kernels and products are counted and not done.
bool skips_work() {
  static const bool skips = [] {
    const char* const asked = std::getenv("WHORL_EMULATED_WORK");
    return asked && std::string(asked) == "skipped";
  }();
  return skips;
}
}  // namespace

void launched(const std::string& kind, std::function<void()> work) {
  ++(capturing ? captured : launches);
  if (skips_work()) work = [] {};
  queued(kind, std::move(work));
}

void check_not_capturing(const char* what) {
  if (capturing) base::failed(refusal(what));
}

void note_if_capturing(const char* what) noexcept {
  if (capturing && capturing->misuse.empty()) capturing->misuse = refusal(what);
}

std::unique_ptr<Graph> capture(std::unique_ptr<Graph> known, const std::function<void()>& calls) {
  check_not_capturing("another capture");
  ++captures;
  std::vector<Node> nodes = nodes_of(calls);
  const char* const asked = std::getenv("WHORL_EMULATED_CAPTURES");
  if (asked && std::string(asked) == "refused") return nullptr;
  auto* const old = static_cast<CapturedGraph*>(known.get());
  const auto same_kind = [](const Node& a, const Node& b) { return a.kind == b.kind; };
  if (old && std::equal(old->nodes.begin(), old->nodes.end(), nodes.begin(), nodes.end(), same_kind)) {
    ++updates;
    old->nodes = std::move(nodes);
    return known;
  }
  ++instantiations;
  auto made = std::make_unique<CapturedGraph>();
  made->nodes = std::move(nodes);
  return made;
}

void launch_graph(const Graph& graph) {
  check_not_capturing("a graph's launch");
  ++graph_launches;
  for (const Node& node : static_cast<const CapturedGraph&>(graph).nodes) node.work();
}

}  // namespace whorl::cuda::emulated

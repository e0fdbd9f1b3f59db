#include "cuda/repeats.h"

#include <algorithm>
#include <cstdlib>
#include <string>
#include <utility>

#include "base/check.h"

namespace whorl::cuda {

bool graphs_wanted() {
  const char* const given = std::getenv("WHORL_CUDA_GRAPHS");
  const std::string word = given ? given : "";
  base::check_argument(
      word.empty() || word == "off",
      "[cuda] expected the environment variable WHORL_CUDA_GRAPHS to be 'off' or not set, got '",
      word.substr(0, 40), "'");
  return word.empty();
}

Repeats::Entries Repeats::take(uint64_t key) {
  const std::lock_guard lock(mutex_);
  Entries one;
  const auto found =
      std::find_if(entries_.begin(), entries_.end(), [key](const Entry& e) { return e.key == key; });
  if (found == entries_.end())
    one.emplace_back().key = key;
  else
    one.splice(one.begin(), entries_, found);
  Entry& entry = one.front();
  // Its own, where nobody has it: addresses stay what they were.
  auto place = std::find(free_.begin(), free_.end(), entry.working);
  if (place == free_.end() && !free_.empty()) place = free_.end() - 1;
  if (place == free_.end()) {
    entry.working = std::make_shared<Workspace>(runtime_);
  } else {
    entry.working = std::move(*place);
    free_.erase(place);
  }
  return one;
}

void Repeats::give_back(Entries one) {
  Entries gone;  // graphs end outside the lock
  const std::lock_guard lock(mutex_);
  free_.push_back(one.front().working);
  entries_.splice(entries_.begin(), one);
  if (entries_.size() > kKept) gone.splice(gone.begin(), entries_, std::prev(entries_.end()));
}

void Repeats::run(uint64_t key, const std::function<void()>& body) {
  if (Recording::of(*runtime_)) return body();  // a part of what is written down
  Entries one = take(key);
  try {
    record(one.front(), body);
  } catch (...) {
    give_back(std::move(one));
    throw;
  }
  give_back(std::move(one));
}

void Repeats::record(Entry& entry, const std::function<void()>& body) {
  if (entry.hopeless) return body();
  Recording recording(*runtime_, *entry.working, std::move(entry.spare));
  body();
  if (recording.open()) return send(entry, recording.finish());
  entry.hopeless = recording.hopeless();
  entry.calls = {};
  entry.graph.reset();
}

void Repeats::send(Entry& entry, Calls calls) {
  if (calls.empty()) return;
  const bool known = entry.graph && calls.same(entry.calls), alike = calls.alike(entry.calls);
  entry.spare = std::exchange(entry.calls, std::move(calls));
  const auto all = [&] { entry.calls.perform(*runtime_); };
  if (!known) entry.graph = alike ? runtime_->capture(std::move(entry.graph), all) : nullptr;
  if (entry.graph) return runtime_->launch_graph(*entry.graph);
  entry.hopeless = alike;
  all();
}

}  // namespace whorl::cuda

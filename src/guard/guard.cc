#include <algorithm>

#include "guard/rail.h"
#include "guard/rule_rail.h"
#include "guard/stage.h"

namespace whorl::guard {

namespace {

constexpr int more_looks = 3;  // at what is left after something was taken out; the last one blocks

// All rails once; then, as often as said, those that take things out; then the same as blockers.
std::vector<Rails> looks_of(const Rails& rails) {
  std::vector<Rails> out{merged(rails)};
  Rails again, last;
  for (const auto& rail : rails) {
    if (const auto blocker = rail->last_look()) {
      again.push_back(rail);
      last.push_back(blocker);
    }
  }
  if (again.empty()) return out;
  for (int i = 0; i + 1 < more_looks; ++i) out.push_back(again);
  out.push_back(last);
  return out;
}

// Findings of the stage `at`, from its own text to that of the first.
void to_original(const std::vector<std::unique_ptr<Stage>>& stages, size_t at, std::vector<Finding>* findings,
                 size_t first) {
  for (size_t i = first; i < findings->size(); ++i) {
    Finding& finding = (*findings)[i];
    for (size_t s = at; s-- > 0;)
      std::tie(finding.begin, finding.end) = stages[s]->origin(finding.begin, finding.end);
  }
}

}  // namespace

struct StreamGuard::Impl {
  std::vector<std::unique_ptr<Stage>> stages;
  bool blocked = false;

  Step take(std::string_view bytes, bool finish, bool whole) {
    Step out;
    std::string data(bytes);
    for (size_t s = 0; s < stages.size() && !blocked; ++s) {
      std::string next;
      const size_t known = out.findings.size();
      if (whole) {
        stages[s]->whole(data, &next, &out.findings);
      } else {
        stages[s]->feed(data, &next, &out.findings);
        if (finish) stages[s]->finish(&next, &out.findings);
      }
      to_original(stages, s, &out.findings, known);
      if (s > 0) stages[s - 1]->forget_output(stages[s]->released());
      data = std::move(next);
    }
    for (const auto& stage : stages) blocked = blocked || stage->blocked();
    out.released = std::move(data);
    std::sort(out.findings.begin(), out.findings.end(), earlier);
    out.blocked = blocked;
    out.consumed = consumed();
    return out;
  }

  size_t consumed() const {
    size_t at = stages.back()->released();
    for (size_t s = stages.size() - 1; s-- > 0;) at = stages[s]->origin(at, at).first;
    return at;
  }
};

StreamGuard::StreamGuard(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
StreamGuard::StreamGuard(StreamGuard&&) noexcept = default;
StreamGuard& StreamGuard::operator=(StreamGuard&&) noexcept = default;
StreamGuard::~StreamGuard() = default;

StreamGuard::Step StreamGuard::feed(std::string_view bytes) {
  if (impl_->blocked) return {"", {}, true, impl_->consumed()};
  return impl_->take(bytes, false, false);
}

StreamGuard::Step StreamGuard::finish() {
  if (impl_->blocked) return {"", {}, true, impl_->consumed()};
  return impl_->take({}, true, false);
}

TextGuard::TextGuard(Rails rails) : rails_(std::move(rails)), looks_(looks_of(rails_)) {}

StreamGuard TextGuard::stream() const {
  auto impl = std::make_unique<StreamGuard::Impl>();
  for (const Rails& rails : looks_) impl->stages.push_back(std::make_unique<Stage>(rails));
  return StreamGuard(std::move(impl));
}

Outcome TextGuard::check(std::string_view text) const {
  StreamGuard guard = stream();
  StreamGuard::Step step = guard.impl_->take(text, true, true);
  return {step.blocked, std::move(step.findings), step.blocked ? std::string() : std::move(step.released)};
}

}  // namespace whorl::guard

// A token of each row of logits: parts of a row side by side, a launch for each round of looking for the
// border of top_k and top_p, and none of these where no row asks for them.
#include "cuda/draw.h"

#include <memory>
#include <vector>

#include "cuda/backend.h"
#include "cuda/kernels/draw.h"
#include "cuda/views.h"
#include "ops/checks.h"
#include "target/launch.h"

namespace whorl::cuda {

namespace {
// What is borrowed, each part at a multiple of 16 bytes.
struct DrawMemory {
  int64_t tops, masses, sums, states, bytes = 0;
  DrawMemory(int64_t rows, int64_t parts, bool chance, int64_t rounds) {
    const auto place = [&](int64_t size) {
      const int64_t begin = bytes;
      bytes += (size + 15) / 16 * 16;
      return begin;
    };
    tops = place(rows * parts * 3 * 4);
    masses = place(chance ? rows * parts * 2 * 8 : 0);
    sums = place(rounds > 0 ? 2 * rows * parts * DrawSearch::kCandidates * 8 : 0);
    states = place(rounds > 0 ? (rounds + 1) * rows * static_cast<int64_t>(sizeof(Narrowed)) : 0);
  }
};

// The rounds that any row asks for.
std::vector<DrawSearch> searches(std::span<const ops::Draw> draws, int64_t vocabulary) {
  bool top_k = false, top_p = false;
  for (const ops::Draw& d : draws) {
    if (d.temperature == 0) continue;
    top_k = top_k || (d.top_k > 0 && d.top_k < vocabulary), top_p = top_p || d.top_p < 1;
  }
  std::vector<DrawSearch> out;
  for (const bool mass : {false, true})
    for (int32_t round = 0; round < DrawSearch::kRounds && (mass ? top_p : top_k); ++round)
      out.push_back({mass, round});
  return out;
}

// The launches of a draw and what they work in.
class DrawCall {
 public:
  DrawCall(Runtime& runtime, const DrawRows& rows, int64_t count, bool chance, std::vector<DrawSearch> rounds)
      : runtime_(runtime),
        rows_(rows),
        count_(count),
        chance_(chance),
        rounds_(std::move(rounds)),
        at_(count, rows.parts, chance, std::ssize(rounds_)),
        memory_(runtime, static_cast<size_t>(at_.bytes)) {
    rows_.tops = global<int32_t>(at_.tops);
  }

  void run(const Dense<int32_t>& out) const {
    DrawTops tops;
    tops.rows = rows_;
    launch(runtime_, {count_, rows_.parts, TopsRoom::kBytes}, tops);
    DrawFind find;
    find.rows = rows_, find.out = out;
    if (chance_) {
      narrow(), weigh();
      find.masses = global<uint64_t>(at_.masses);
      if (!rounds_.empty()) find.states = global<Narrowed>(at_.states) + std::ssize(rounds_) * count_;
    }
    launch(runtime_, {count_, 1, DrawFind::shared_bytes(rows_.parts)}, find);
  }

 private:
  template <class T>
  Global<T> global(int64_t begin) const {
    return Global<T>(reinterpret_cast<T*>(memory_.get<char>() + begin));
  }
  // Of one round; the two halves take turns.
  Global<uint64_t> sums(size_t round) const {
    return global<uint64_t>(at_.sums) +
           static_cast<int64_t>(round % 2) * count_ * rows_.parts * DrawSearch::kCandidates;
  }
  DrawState state(size_t index) const {
    DrawState out;
    out.index = static_cast<int64_t>(index), out.rows = count_;
    if (!rounds_.empty()) out.states = global<Narrowed>(at_.states);
    if (index > 0) out.sums = sums(index - 1), out.last = rounds_[index - 1];
    return out;
  }
  void narrow() const {
    for (size_t i = 0; i < rounds_.size(); ++i) {
      DrawNarrow kernel;
      kernel.rows = rows_, kernel.before = state(i), kernel.search = rounds_[i], kernel.out = sums(i);
      launch(runtime_, {count_, rows_.parts, DrawNarrow::kShared}, kernel);
    }
  }
  void weigh() const {
    DrawMasses kernel;
    kernel.rows = rows_, kernel.before = state(rounds_.size()), kernel.out = global<uint64_t>(at_.masses);
    launch(runtime_, {count_, rows_.parts, DrawMasses::kShared}, kernel);
  }

  Runtime& runtime_;
  DrawRows rows_;
  int64_t count_;
  bool chance_;
  std::vector<DrawSearch> rounds_;
  DrawMemory at_;
  Scratch memory_;
};

// What a draw reads: how rows are drawn, and what is changed of them before. Penalties come last, as they
// become more with every token: the rest keeps its places.
class DrawLists {
 public:
  DrawLists(Lists& lists, std::span<const ops::Draw> draws) {
    std::vector<DrawRow> rows;
    for (const ops::Draw& d : draws) {
      rows.push_back({d.top_p, d.min_p, d.uniform, d.top_k, d.temperature, 0});
      changed_ = changed_ || d.changes(), chance_ = chance_ || d.temperature > 0;
    }
    Packed packed;
    packed.add(rows);
    if (changed_) add_changes(packed, draws);
    sent_ = std::make_unique<Sent>(lists, packed);
  }
  bool chance() const { return chance_; }
  Global<const DrawRow> rows() const { return Global<const DrawRow>(sent_->at<DrawRow>()); }

  // Before the first kernel that reads the logits.
  void change(Runtime& runtime, const DrawRows& rows, const Tensor& logits) const {
    if (!changed_) return;
    DrawChange kernel;
    kernel.rows = rows, kernel.logits = rows_of<float>(logits);
    kernel.changes = Global<const DrawChanges>(sent_->at<DrawChanges>(changes_));
    kernel.penalties = Global<const ops::Penalty>(sent_->at<ops::Penalty>(penalties_));
    kernel.allowed = Global<const uint32_t>(sent_->at<uint32_t>(allowed_));
    launch(runtime, {logits.dim(0), rows.parts, 0}, kernel);
  }

 private:
  void add_changes(Packed& packed, std::span<const ops::Draw> draws) {
    std::vector<DrawChanges> changes;
    std::vector<ops::Penalty> penalties;
    std::vector<uint32_t> allowed;
    for (const ops::Draw& d : draws) {
      changes.push_back({d.repetition, d.presence, d.frequency, d.allowed.empty() ? -1 : std::ssize(allowed),
                         static_cast<int32_t>(penalties.size()), static_cast<int32_t>(d.penalties.size())});
      penalties.insert(penalties.end(), d.penalties.begin(), d.penalties.end());
      allowed.insert(allowed.end(), d.allowed.begin(), d.allowed.end());
    }
    changes_ = packed.add(changes), allowed_ = packed.add(allowed), penalties_ = packed.add(penalties);
  }

  bool changed_ = false, chance_ = false;
  size_t changes_ = 0, penalties_ = 0, allowed_ = 0;  // where they begin
  std::unique_ptr<Sent> sent_;
};
}  // namespace

size_t draw_bytes(int64_t rows, int64_t vocabulary) {
  const int64_t parts = pieces(vocabulary, DrawRows::kPart);
  return static_cast<size_t>(DrawMemory(rows, parts, true, 2 * DrawSearch::kRounds).bytes);
}
// A sequence has no more tokens to penalise than positions.
size_t draw_list_bytes(int64_t rows, int64_t vocabulary, int64_t positions) {
  const int64_t penalties = std::min({vocabulary, positions, ops::kMostPenalties});
  const auto each = sizeof(DrawRow) + sizeof(DrawChanges) +
                    4 * static_cast<size_t>(ops::mask_words(vocabulary)) +
                    sizeof(ops::Penalty) * static_cast<size_t>(penalties);
  return static_cast<size_t>(rows) * each + 64;
}

void CudaBackend::draw(const Tensor& logits, std::span<const ops::Draw> draws, const Tensor& out) {
  ops::expect_draw(logits, draws, out);
  if (draws.empty()) return;
  const DrawLists lists(lists_, draws);
  DrawRows rows;
  rows.logits = rows_of<const float>(logits), rows.vocabulary = logits.dim(1);
  rows.parts = pieces(logits.dim(1), DrawRows::kPart), rows.how = lists.rows();
  lists.change(*runtime_, rows, logits);
  DrawCall(*runtime_, rows, logits.dim(0), lists.chance(), searches(draws, logits.dim(1)))
      .run(rows_of<int32_t>(out));
}

}  // namespace whorl::cuda

// Rows taken through several ops piece by piece: a piece's numbers stay near its core from op to op, and
// threads meet once for all ops, not once an op.
#include <exception>
#include <thread>

#include "cpu/backend.h"
#include "cpu/linear_parts.h"
#include "cpu/rows_in_turn.h"

namespace whorl::cpu {

RowsInTurn::RowsInTurn(int64_t pieces, int threads) : has_ended_(static_cast<size_t>(pieces)) {
  for (int64_t place = threads; place-- > 0;) places_.push_back(place);
}

// Spins, as it is a matter of microseconds, then lets other processes have the core.
void RowsInTurn::wait_for(const std::atomic<int64_t>& added, int64_t piece) const {
  constexpr int kSpins = 4000;
  for (int spin = 0;; ++spin) {
    if (added.load(std::memory_order_acquire) >= piece || ended_.load(std::memory_order_acquire) >= piece)
      return;
    if (abandoned_.load(std::memory_order_acquire)) throw Abandoned();
    if (spin < kSpins)
      __builtin_ia32_pause();
    else
      std::this_thread::yield();
  }
}

void RowsInTurn::add_in_order(int64_t piece, const PackedWeight* weight, const std::function<void()>& add) {
  std::unique_lock lock(mutex_);
  std::atomic<int64_t>& added = added_[weight];
  lock.unlock();
  wait_for(added, piece);
  add();
  added.store(piece + 1, std::memory_order_release);
}

int64_t RowsInTurn::take_place() {
  const std::lock_guard lock(mutex_);
  const int64_t place = places_.back();
  places_.pop_back();
  return place;
}

void RowsInTurn::ended(int64_t piece, int64_t place) {
  const std::lock_guard lock(mutex_);
  places_.push_back(place);
  has_ended_[static_cast<size_t>(piece)] = true;
  int64_t first = ended_.load(std::memory_order_relaxed);
  while (first < static_cast<int64_t>(has_ended_.size()) && has_ended_[static_cast<size_t>(first)]) ++first;
  ended_.store(first, std::memory_order_release);
}

PieceOfRows*& this_piece() {
  thread_local PieceOfRows* piece = nullptr;
  return piece;
}

void in_row_order(const PackedWeight* weight, const std::function<void()>& add) {
  if (const PieceOfRows* piece = this_piece()) return piece->all->add_in_order(piece->index, weight, add);
  add();
}

const float* turned_for_rows(const CpuWeight& weight) {
  const PieceOfRows* piece = this_piece();
  if (!piece) return nullptr;
  const auto found = piece->all->turned.find(&weight);
  return found == piece->all->turned.end() ? nullptr : found->second;
}

namespace {
// The thread is at this piece as long as this lives.
class AtPiece {
 public:
  explicit AtPiece(PieceOfRows piece) : piece_(piece) { this_piece() = &piece_; }
  ~AtPiece() { this_piece() = nullptr; }
  AtPiece(const AtPiece&) = delete;
  AtPiece& operator=(const AtPiece&) = delete;

 private:
  PieceOfRows piece_;
};
}  // namespace

// One piece of memory for all: many small ones would each keep a larger one from those who need it.
std::unique_ptr<ScratchPool::Lease> CpuBackend::turn_for_rows(std::span<const Weight> weights,
                                                              RowsInTurn& rows) {
  struct Panel {
    const CpuWeight* weight;
    int64_t panel, at;
  };
  std::vector<Panel> panels;
  std::map<const CpuWeight*, int64_t> begins;
  int64_t floats = 0;
  for (const Weight& w : weights) {
    const CpuWeight& weight = as_cpu(*w);
    if (!weight.kept().empty() || !begins.try_emplace(&weight, floats).second) continue;
    lay_out(weight);
    const Turned turned(weight, kernels_);
    for (int64_t i = 0; i < turned.all_panels; ++i, floats += turned.panel_floats)
      panels.push_back({&weight, i, floats});
  }
  if (panels.empty()) return nullptr;
  auto memory = std::make_unique<Lease>(scratch_, static_cast<size_t>(floats));
  for (const auto& [weight, at] : begins) rows.turned[weight] = memory->get() + at;
  pool_->run(static_cast<int64_t>(panels.size()), [&](int64_t i) {
    const Panel& p = panels[static_cast<size_t>(i)];
    turn_panel(*p.weight, p.panel, memory->get() + p.at);
  });
  return memory;
}

// Of all pieces that are under way together.
int64_t CpuBackend::working_rows(int64_t n) const {
  return pool_->size() > kMostPieceThreads ? n : std::min(n, pool_->size() * Cut::kRows);
}

void CpuBackend::by_rows(int64_t n, std::span<const Weight> weights, const RowsBody& body) {
  if (n <= 0) return;
  const int threads = pool_->width();
  // As many pieces for each thread: with two and more there is room for a long one at every place.
  const int64_t pieces = pieces_of_rows(n, threads), most = (n + pieces - 1) / pieces;
  if (pieces == 1) return body({0, n, 0});
  RowsInTurn rows(pieces, threads);
  const auto memory = turn_for_rows(weights, rows);
  std::mutex mutex;
  std::exception_ptr error;
  pool_->run_in_turns(pieces, [&](int64_t i) {
    const int64_t place = rows.take_place();
    try {
      const AtPiece here({&rows, i});
      const int64_t begin = n * i / pieces, end = n * (i + 1) / pieces;
      body({begin, end, pieces == threads ? begin : place * most});
    } catch (const RowsInTurn::Abandoned&) {
    } catch (...) {
      const std::lock_guard lock(mutex);
      if (!error) error = std::current_exception();
      rows.abandon();
    }
    rows.ended(i, place);
  });
  if (error) std::rethrow_exception(error);
}

}  // namespace whorl::cpu

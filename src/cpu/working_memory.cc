// What the pool of working memory grows to in a pass: the ops' requests in their order, on a pool of sizes.
#include <numeric>

#include "cpu/backend.h"
#include "cpu/linear_parts.h"

namespace whorl::cpu {

namespace {

// ScratchPool without memory.
class PoolOfSizes {
 public:
  int64_t take(int64_t floats) {
    auto best = free_.end();
    for (auto it = free_.begin(); it != free_.end(); ++it)
      if (*it >= floats && (best == free_.end() || *it < *best)) best = it;
    if (best == free_.end()) {
      held_ += floats;
      return floats;
    }
    const int64_t found = *best;
    free_.erase(best);
    return found;
  }
  void give_back(int64_t floats) { free_.push_back(floats); }
  int64_t held() const { return held_; }

 private:
  std::vector<int64_t> free_;
  int64_t held_ = 0;
};

// How ops are called: with how many rows, on how many threads each, and how many at once. Whole batches one
// by one on all threads, or pieces of rows (Backend::by_rows) one on each.
struct Calls {
  int64_t rows;
  int width;
  int64_t at_once;
};

struct Pass {
  const ops::PassShape& shape;
  const Kernels& kernels;
  int threads;
  PoolOfSizes pool;
  Calls calls{};

  // Requests that are held together, `times` over.
  template <class Then>
  void hold(std::initializer_list<int64_t> sizes, int64_t times, const Then& then) {
    std::vector<int64_t> taken;
    for (int64_t i = 0; i < times; ++i)
      for (const int64_t floats : sizes) taken.push_back(pool.take(floats));
    then();
    for (const int64_t floats : taken) pool.give_back(floats);
  }
  // An op's; a task's, of which every thread has one.
  template <class Then>
  void op(int64_t floats, const Then& then) {
    hold({floats}, calls.at_once, then);
  }
  void tasks(std::initializer_list<int64_t> sizes) {
    hold(sizes, threads, [] {});
  }
  bool adapted() const { return shape.rank > 0 && shape.segment_rows > 0; }
  int64_t segment() const { return std::min(calls.rows, shape.segment_rows); }
  // Numbers of the branch of an adapter with dropout, of this many rows at once; else a lease of one.
  int64_t dropped(int64_t rows, int64_t columns) const { return shape.dropout ? rows * columns : 1; }
  // The longest of the pieces that n rows are cut into evenly, of at most `most` each.
  static int64_t longest_piece(int64_t n, int64_t most) {
    const int64_t count = (n + most - 1) / most;
    return (n + count - 1) / count;
  }

  // x w^T, as every task makes it.
  void product(const CpuWeight& w) {
    tasks({w.whole() ? kernels.gemm_scratch : kernels.gemm_quantised_scratch(w.inputs())});
  }
  void forward(const CpuWeight& w) {
    const int64_t k = w.inputs();
    const bool once = ready_once(kernels, w, calls.rows),
               packs = packed_once(kernels, calls.rows) && w.dtype() == DType::bfloat16 &&
                       (w.whole() || (adapted() && !shape.dropout));
    const auto rounded = [&](const auto& then) {
      once && !w.whole() ? op(kernels.gemm_quantised_scratch(k), then) : then();
    };
    const auto packed = [&](const auto& then) { packs ? op(packed_floats(calls.rows, k), then) : then(); };
    const auto run = [&] {
      const int64_t down = rows_down_at_once(calls.rows, calls.width, kernels.fewest_rows);
      if (adapted() && shape.dropout) tasks({longest_piece(segment(), down) * k, kernels.gemm_scratch});
      if (adapted()) tasks({kernels.gemm_scratch});
      if (!once || w.whole()) product(w);
      tasks({kernels.gemm_scratch});
    };
    op(shape.gradients ? 1 : calls.rows * shape.rank + 1, [&] { rounded([&] { packed(run); }); });
  }
  void loss(const CpuWeight& head) {
    const int64_t most = std::min(loss_chunk_rows(head.outputs()), shape.trained_rows);
    hold({most * head.inputs() + 1, most * head.outputs() + 1}, 1, [&] {
      product(head);
      if (shape.gradients) back(head, true, [&] { tasks({kernels.gemm_scratch}); });
    });
  }
  bool keeps(const CpuWeight& w, bool kept) const { return w.whole() && (kept || !w.kept().empty()); }
  // Through w, and through its transpose when that is made in passing.
  template <class Products>
  void back(const CpuWeight& w, bool kept, const Products& products) {
    if (keeps(w, kept)) return products();
    const Turned turned(w, kernels);
    hold({turned.panels * turned.panel_floats}, 1, products);
  }
  void backward(const CpuWeight& w, bool turned) {
    const int64_t k = w.inputs();
    op(calls.rows * shape.rank + 1, [&] {
      const int64_t blocks = Cut::blocks_of(calls.rows, calls.width);
      const int64_t rows = std::min(segment(), (calls.rows + blocks - 1) / blocks);
      const auto products = [&] {
        tasks({kernels.gemm_scratch});
        if (adapted()) tasks({kernels.gemm_scratch, dropped(rows, k)});
      };
      turned ? products() : back(w, shape.kept_layouts, products);
      if (!adapted()) return;
      tasks({kernels.over_rows_scratch});
      op(dropped(segment(), k), [&] { tasks({kernels.over_rows_scratch}); });
    });
  }
  // All transposes that pieces of rows share.
  int64_t turned_floats() const {
    int64_t floats = 0;
    for (const Weight& weight : shape.linears) {
      const CpuWeight& w = as_cpu(*weight);
      const Turned turned(w, kernels);
      if (!keeps(w, shape.kept_layouts)) floats += turned.all_panels * turned.panel_floats;
    }
    return floats;
  }
  void all_backward() {
    const bool pieces = calls.rows < shape.rows;
    const auto through = [&] {
      for (auto w = shape.linears.rbegin(); w != shape.linears.rend(); ++w) backward(as_cpu(**w), pieces);
    };
    const int64_t floats = pieces ? turned_floats() : 0;
    floats > 0 ? hold({floats}, 1, through) : through();
  }
  void run() {
    const int64_t pieces = pieces_of_rows(shape.rows, threads);
    calls =
        pieces == 1 ? Calls{shape.rows, threads, 1} : Calls{(shape.rows + pieces - 1) / pieces, 1, threads};
    const AttentionShape& a = shape.attention;
    const int64_t group = a.heads / a.kv_heads;
    const int64_t queries = std::min(shape.rows, std::max<int64_t>(1, kTileQueries / group)) * group;
    for (const Weight& w : shape.linears) forward(as_cpu(*w));
    tasks({kernels.attention_scratch(queries, a.head_size)});
    loss(as_cpu(*shape.head));
    if (!shape.gradients) return;
    tasks({kernels.attention_gradient_scratch(a.head_size)});
    all_backward();
  }
};

}  // namespace

size_t CpuBackend::working_bytes(const ops::PassShape& shape) const {
  Pass pass{shape, kernels_, pool_->size(), {}};
  for (int times = 0; times < 2; ++times) pass.run();  // what the first leaves free serves the second
  return static_cast<size_t>(pass.pool.held()) * sizeof(float);
}

}  // namespace whorl::cpu

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

struct Pass {
  const ops::PassShape& shape;
  const Kernels& kernels;
  int threads;
  PoolOfSizes pool;

  // Requests that are held together; on every thread at once when they are a task's.
  template <class Then>
  void hold(std::initializer_list<int64_t> sizes, int64_t times, const Then& then) {
    std::vector<int64_t> taken;
    for (int64_t i = 0; i < times; ++i)
      for (const int64_t floats : sizes) taken.push_back(pool.take(floats));
    then();
    for (const int64_t floats : taken) pool.give_back(floats);
  }
  void tasks(std::initializer_list<int64_t> sizes) {
    hold(sizes, threads, [] {});
  }
  bool adapted() const { return shape.rank > 0 && shape.segment_rows > 0; }
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
    const int64_t k = w.inputs(), segment = std::min(shape.rows, shape.segment_rows);
    const bool once = !w.whole() && shape.rows <= kQuantRows;  // see rounded_once.h
    const auto run = [&] {
      const int64_t at_once = rows_down_at_once(shape.rows, threads, kernels.fewest_rows);
      if (adapted() && shape.dropout) tasks({longest_piece(segment, at_once) * k, kernels.gemm_scratch});
      if (adapted()) tasks({kernels.gemm_scratch});
      if (!once) product(w);
      tasks({kernels.gemm_scratch});
    };
    hold({shape.gradients ? 1 : shape.rows * shape.rank + 1}, 1,
         [&] { once ? hold({kernels.gemm_quantised_scratch(k)}, 1, run) : run(); });
  }
  void loss(const CpuWeight& head) {
    const int64_t most = std::min(loss_chunk_rows(head.outputs()), shape.trained_rows);
    hold({most * head.inputs() + 1, most * head.outputs() + 1}, 1, [&] {
      product(head);
      if (shape.gradients) back(head, true, [&] { tasks({kernels.gemm_scratch}); });
    });
  }
  // Through w, and through its transpose when that is made in passing.
  template <class Products>
  void back(const CpuWeight& w, bool kept, const Products& products) {
    if (w.whole() && (kept || !w.kept().empty())) return products();
    const Turned turned(w, kernels);
    hold({turned.panels * turned.panel_floats}, 1, products);
  }
  void backward(const CpuWeight& w) {
    const int64_t k = w.inputs(), segment = std::min(shape.rows, shape.segment_rows);
    hold({shape.rows * shape.rank + 1}, 1, [&] {
      const int64_t blocks = Cut::blocks_of(shape.rows, threads);
      const int64_t rows = std::min(segment, (shape.rows + blocks - 1) / blocks);
      back(w, shape.kept_layouts, [&] {
        tasks({kernels.gemm_scratch});
        if (adapted()) tasks({kernels.gemm_scratch, dropped(rows, k)});
      });
      if (!adapted()) return;
      tasks({kernels.over_rows_scratch});
      hold({dropped(segment, k)}, 1, [&] { tasks({kernels.over_rows_scratch}); });
    });
  }
  void run() {
    const AttentionShape& a = shape.attention;
    const int64_t group = a.heads / a.kv_heads;
    const int64_t queries = std::min(shape.rows, std::max<int64_t>(1, kTileQueries / group)) * group;
    for (const Weight& w : shape.linears) forward(as_cpu(*w));
    tasks({kernels.attention_scratch(queries, a.head_size)});
    loss(as_cpu(*shape.head));
    if (!shape.gradients) return;
    tasks({kernels.attention_gradient_scratch(a.head_size)});
    for (auto w = shape.linears.rbegin(); w != shape.linears.rend(); ++w) backward(as_cpu(**w));
  }
};

}  // namespace

size_t CpuBackend::working_bytes(const ops::PassShape& shape) const {
  Pass pass{shape, kernels_, pool_->size(), {}};
  for (int times = 0; times < 2; ++times) pass.run();  // what the first leaves free serves the second
  return static_cast<size_t>(pass.pool.held()) * sizeof(float);
}

}  // namespace whorl::cpu

// A row does not know its neighbours: bits are equal alone and in a batch, beside other adapters, whole and
// in chunks, and (backend_test.cc) on one thread and several.
#include "ops/attention_cases.h"

namespace whorl::ops {

namespace {
Tensor linear(Backend& backend, const Tensor& x, const PackedWeight& w,
              std::span<const LoraSegment> segments) {
  const Tensor y = Tensor::zeros(DType::float32, {x.dim(0), w.outputs()});
  backend.linear(x, w, Tensor(), segments, Tensor(), y);
  return y;
}
}  // namespace

void check_rows_alone(Backend& backend, const Setting& setting, Report& report) {
  Random random(8);
  for (const auto& [k, o] : {std::pair<int64_t, int64_t>{67, 83}, {600, 40}}) {
    const auto x = random.matrix(211, k), dy = random.matrix(211, o);
    const Tensor tx = to_tensor(x), tdy = to_tensor(dy);
    const Weight w =
        backend.pack(to_tensor(random.matrix(o, k, 0.3, setting.weights), setting.weights), true);
    const Tensor y = linear(backend, tx, *w, {});
    const Tensor dx = Tensor::zeros(DType::float32, {211, k});
    backend.linear_backward(tdy, tx, *w, {}, Tensor(), {}, dx, false);
    for (const int64_t rows : {1, 2, 5, 12, 13, 100}) {
      report.enter("linear " + to_string({211, k, o}) + ", " + std::to_string(rows) + " rows alone");
      const int64_t begin = 211 - rows - rows % 3;
      report.same_bits("y", linear(backend, tx.rows(begin, begin + rows), *w, {}),
                       y.rows(begin, begin + rows));
      const Tensor part = Tensor::zeros(DType::float32, {rows, k});
      backend.linear_backward(tdy.rows(begin, begin + rows), Tensor(), *w, {}, Tensor(), {}, part, false);
      report.same_bits("dx", part, dx.rows(begin, begin + rows));
    }
  }
  const auto h = random.matrix(60, 24);
  const Weight head =
      backend.pack(to_tensor(random.matrix(90, 24, 0.3, setting.weights), setting.weights), true);
  std::vector<int32_t> targets;
  for (int i = 0; i < 60; ++i) targets.push_back(static_cast<int32_t>(random.below(90)));
  const std::vector<float> weights(60, 0.5f);
  const Tensor th = to_tensor(h), losses = Tensor::zeros(DType::float32, {60}), dh = to_tensor(h);
  backend.cross_entropy(th, *head, targets, weights, losses, dh, Tensor());
  for (int64_t i : {0, 31, 59}) {
    report.enter("cross_entropy, row " + std::to_string(i) + " alone");
    const Tensor loss = Tensor::zeros(DType::float32, {1}), gradient = Tensor::zeros(DType::float32, {1, 24});
    backend.cross_entropy(th.rows(i, i + 1), *head, std::span(targets).subspan(static_cast<size_t>(i), 1),
                          std::span(weights).first(1), loss, gradient, Tensor());
    report.same_bits("loss", loss, losses.rows(i, i + 1));
    report.same_bits("dh", gradient, dh.rows(i, i + 1));
  }
}

void check_segments_alone(Backend& backend, const Setting& setting, Report& report) {
  Random random(9);
  const int64_t k = 70, o = 45;
  const Tensor x = to_tensor(random.matrix(30, k));
  const Weight w = backend.pack(to_tensor(random.matrix(o, k, 0.3, setting.weights), setting.weights), false);
  std::vector<Lora> loras;
  for (const int64_t rank : {4, 17, 8})
    loras.push_back(backend.pack_lora(to_tensor(random.matrix(rank, k)), to_tensor(random.matrix(o, rank)),
                                      0.7f, setting.weights));
  const std::vector<LoraSegment> segments = {{0, 3, loras[0].get(), 0.25f, 11},
                                             {3, 4, loras[1].get()},
                                             {4, 9, nullptr},
                                             {11, 29, loras[2].get()},
                                             {29, 30, loras[0].get()}};
  const Tensor y = linear(backend, x, *w, segments);
  for (const auto& segment : segments) {
    report.enter("segment " + std::to_string(segment.begin) + ".." + std::to_string(segment.end));
    LoraSegment alone = segment;
    alone.begin = 0, alone.end = segment.end - segment.begin;
    report.same_bits("y", linear(backend, x.rows(segment.begin, segment.end), *w, std::span(&alone, 1)),
                     y.rows(segment.begin, segment.end));
  }
  report.enter("three products at once");
  const Weight narrow =
      backend.pack(to_tensor(random.matrix(9, k, 0.3, setting.weights), setting.weights), false);
  const Tensor at_once = Tensor::zeros(DType::float32, y.shape()),
               kept = Tensor::zeros(DType::float32, {30, 17}), aside = Tensor::zeros(DType::float32, {30, 9}),
               again = Tensor::zeros(DType::float32, y.shape());
  const Tensor none;
  const std::vector<LinearJob> jobs = {{*w, none, segments, none, at_once},
                                       {*narrow, none, {}, none, aside},
                                       {*w, none, segments, kept, again}};
  backend.linears(x, jobs);
  report.same_bits("first y", at_once, y);
  report.same_bits("second y", aside, linear(backend, x, *narrow, {}));
  report.same_bits("third y", again, y);
  report.enter("rows of no segment");
  report.same_bits("y", linear(backend, x.rows(9, 11), *w, {}), y.rows(9, 11));
}

void check_chunked_attention(Backend& backend, const Setting& setting, Report& report) {
  for (const auto& c : attention_cases(setting.weights)) {
    const AttentionNumbers in(c, 6, DType::float32);
    const Tensor whole = Tensor::zeros(DType::float32, {in.q.rows, in.q.columns});
    backend.attention(to_tensor(in.q), to_tensor(in.k), to_tensor(in.v), {c.starts}, c.shape, whole,
                      Tensor());
    for (const auto& [page_size, chunk] :
         {std::pair<int64_t, int64_t>{16, 1}, {16, 7}, {3, 64}, {32, 9}, {16, 1000}}) {
      report.enter("attention, " + c.name + ", pages of " + std::to_string(page_size) + ", chunks of " +
                   std::to_string(chunk));
      report.same_bits("out", run_paged(backend, c, in, page_size, chunk, report), whole);
    }
  }
}

}  // namespace whorl::ops

// Speed of single ops on the shapes of the training and serving benchmarks (S: hidden 512, M: hidden 896),
// beside what the machine can do: memory read bandwidth, and Eigen's product as the portable yardstick.
// Eigen is measured, never used: its order of additions depends on the number of rows.
//   ops_benchmark --benchmark_filter=linear
#include <benchmark/benchmark.h>

#include <Eigen/Core>
#include <atomic>
#include <cmath>
#include <fstream>
#include <thread>
#include <vector>

#include "base/random.h"
#include "base/thread_pool.h"
#include "ops/device.h"

namespace {
using namespace whorl;

ops::Backend& backend() {
  static const auto made = [] {
    const char* threads = std::getenv("WHORL_THREADS");
    return ops::make_backend("cpu", threads ? std::atoi(threads) : 0);
  }();
  return *made;
}

Tensor random_tensor(DType dtype, Shape shape) {
  Tensor t = Tensor::zeros(dtype, std::move(shape));
  for (int64_t i = 0; i < t.numel(); ++i) {
    const float x = static_cast<float>(base::uniform(7, static_cast<uint64_t>(i)) - 0.5);
    if (dtype == DType::bfloat16)
      t.data<uint16_t>()[i] = float_to_bf16(x);
    else
      t.data<float>()[i] = x;
  }
  return t;
}

void rates(benchmark::State& state, double flops, double bytes) {
  const double n = static_cast<double>(state.iterations());
  if (flops > 0)
    state.counters["GFLOP/s"] = benchmark::Counter(flops * n * 1e-9, benchmark::Counter::kIsRate);
  if (bytes > 0) state.counters["GB/s"] = benchmark::Counter(bytes * n * 1e-9, benchmark::Counter::kIsRate);
}

// What a decode step is bound by: all threads read 256 MB.
void memory_read(benchmark::State& state) {
  const Tensor memory = Tensor::zeros(DType::float32, {64 << 20});
  base::ThreadPool pool(backend().threads());
  const int64_t pieces = 64 * pool.size(), size = memory.numel() / pieces;
  for (auto _ : state)
    pool.run(pieces, [&](int64_t i) {
      Eigen::Map<const Eigen::ArrayXf> part(memory.data<float>() + i * size, size);
      benchmark::DoNotOptimize(part.sum());
    });
  rates(state, 0, static_cast<double>(memory.nbytes()));
}

// What it costs to give every thread nothing to do, while so many other threads keep the machine busy.
void fork_join(benchmark::State& state) {
  std::atomic<bool> stop = false;
  std::vector<std::thread> others;
  for (int64_t i = 0; i < state.range(0); ++i)
    others.emplace_back([&] {
      while (!stop.load(std::memory_order_relaxed)) {
      }
    });
  base::ThreadPool pool(backend().threads());
  for (auto _ : state) pool.run(pool.size(), [](int64_t i) { benchmark::DoNotOptimize(i); });
  stop = true;
  for (std::thread& t : others) t.join();
}

DType type_of(const benchmark::State& state) { return state.range(3) ? DType::bfloat16 : DType::float32; }

// y = x w^T; rows, inputs, outputs, bf16.
void linear(benchmark::State& state) {
  const int64_t n = state.range(0), k = state.range(1), o = state.range(2);
  const auto w = backend().pack(random_tensor(type_of(state), {o, k}), false);
  const Tensor x = random_tensor(DType::float32, {n, k}), y = backend().allocate(DType::float32, {n, o});
  for (auto _ : state) backend().linear(x, *w, Tensor(), {}, Tensor(), y);
  rates(state, 2.0 * static_cast<double>(n * k * o), n <= 32 ? static_cast<double>(w->nbytes()) : 0);
}

ops::Quantize rounding_of(const benchmark::State& state) {
  return state.range(3) == 8   ? ops::Quantize::int8
         : state.range(3) == 4 ? ops::Quantize::int4
                               : ops::Quantize::none;
}

ops::Weight packed(const benchmark::State& state, const Tensor& w) {
  const ops::Quantize rounding = rounding_of(state);
  return rounding == ops::Quantize::none ? backend().pack(w, false) : backend().pack_quantized(w, rounding);
}

// Many rows by whole numbers: rows, inputs, outputs, bits. The same for the gradient towards the rows.
void linear_quantised(benchmark::State& state) {
  const int64_t n = state.range(0), k = state.range(1), o = state.range(2);
  const auto w = packed(state, random_tensor(DType::bfloat16, {o, k}));
  const Tensor x = random_tensor(DType::float32, {n, k}), y = backend().allocate(DType::float32, {n, o});
  for (auto _ : state) backend().linear(x, *w, Tensor(), {}, Tensor(), y);
  rates(state, 2.0 * static_cast<double>(n * k * o), 0);
}
void gradient_quantised(benchmark::State& state) {
  const int64_t n = state.range(0), k = state.range(1), o = state.range(2);
  const auto w = packed(state, random_tensor(DType::bfloat16, {o, k}));
  const Tensor dy = random_tensor(DType::float32, {n, o}), dx = backend().allocate(DType::float32, {n, k});
  for (auto _ : state) backend().linear_backward(dy, dy, *w, {}, Tensor(), {}, dx, false);
  rates(state, 2.0 * static_cast<double>(n * k * o), 0);
}

// Decode: rows through enough layers' weights that no cache holds them; the last number is 0 (float32), 1
// (bfloat16), 8 or 4 (bits of a whole number).
void decode(benchmark::State& state) {
  const int64_t n = state.range(0), k = state.range(1), o = state.range(2);
  std::vector<ops::Weight> layers;
  double bytes = 0;
  const Tensor w = random_tensor(type_of(state), {o, k});
  layers.push_back(packed(state, w));
  while ((bytes = static_cast<double>(layers.size() * layers[0]->nbytes())) < 200e6)
    layers.push_back(packed(state, w));
  const Tensor x = random_tensor(DType::float32, {n, k}), y = backend().allocate(DType::float32, {n, o});
  for (auto _ : state)
    for (const auto& layer : layers) backend().linear(x, *layer, Tensor(), {}, Tensor(), y);
  rates(state, 2.0 * static_cast<double>(n * k * o) * static_cast<double>(layers.size()), bytes);
}

// Forward, or backward with adapter gradients, of one linear with a rank-16 adapter.
void lora(benchmark::State& state) {
  const int64_t n = state.range(0), k = state.range(1), o = state.range(2), r = 16;
  const auto w = backend().pack(random_tensor(type_of(state), {o, k}), true);
  const auto adapter = backend().pack_lora(random_tensor(DType::float32, {r, k}),
                                           random_tensor(DType::float32, {o, r}), 1, type_of(state));
  const Tensor x = random_tensor(DType::float32, {n, k}), dy = random_tensor(DType::float32, {n, o});
  const Tensor y = backend().allocate(DType::float32, {n, o}),
               dx = backend().allocate(DType::float32, {n, k});
  const Tensor s = backend().allocate(DType::float32, {n, r});
  const std::vector<ops::LoraSegment> segments = {{0, n, adapter.get()}};
  const std::vector<ops::LoraGradient> gradients = {
      {backend().allocate(DType::float32, {r, k}), backend().allocate(DType::float32, {o, r})}};
  for (auto _ : state) {
    backend().linear(x, *w, Tensor(), segments, s, y);
    backend().linear_backward(dy, x, *w, segments, s, gradients, dx, false);
  }
  rates(state, static_cast<double>(n) * static_cast<double>(4 * k * o + 6 * r * (k + o)), 0);
}

void weight_gradient(benchmark::State& state) {
  const int64_t n = state.range(0), k = state.range(1), o = state.range(2);
  const Tensor x = random_tensor(DType::float32, {n, k}), dy = random_tensor(DType::float32, {n, o});
  const Tensor dw = backend().allocate(DType::float32, {o, k});
  for (auto _ : state) backend().linear_backward_weight(dy, x, dw, Tensor());
  rates(state, 2.0 * static_cast<double>(n * k * o), 0);
}

void eigen(benchmark::State& state) {
  using RowMajor = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  const int64_t n = state.range(0), k = state.range(1), o = state.range(2);
  const RowMajor x = RowMajor::Random(n, k), w = RowMajor::Random(o, k);
  RowMajor y(n, o);
  for (auto _ : state) {
    y.noalias() = x * w.transpose();
    benchmark::DoNotOptimize(y.data());
  }
  rates(state, 2.0 * static_cast<double>(n * k * o), 0);
}

struct Attention {
  ops::AttentionShape shape;
  std::vector<int32_t> starts;
  Tensor q, k, v, out, lse, dq, dk, dv;
  double flops = 0;  // forward; causal

  explicit Attention(const benchmark::State& state) {
    const int64_t sequences = state.range(0), t = state.range(1), n = sequences * t;
    shape = {
        state.range(2), state.range(3), 64, 0.125f, 0, state.range(4) ? DType::bfloat16 : DType::float32};
    for (int64_t i = 0; i <= sequences; ++i) starts.push_back(static_cast<int32_t>(i * t));
    q = random_tensor(DType::float32, {n, shape.heads * 64}),
    out = backend().allocate(DType::float32, q.shape());
    k = random_tensor(DType::float32, {n, shape.kv_heads * 64}), v = random_tensor(DType::float32, k.shape());
    lse = backend().allocate(DType::float32, {n, shape.heads}),
    dq = backend().allocate(DType::float32, q.shape());
    dk = backend().allocate(DType::float32, k.shape()), dv = backend().allocate(DType::float32, k.shape());
    flops = 2.0 * static_cast<double>(n * t * shape.heads * 64);
  }
  void forward() { backend().attention(q, k, v, {starts}, shape, out, lse); }
};

void attention(benchmark::State& state) {
  Attention a(state);
  for (auto _ : state) a.forward();
  rates(state, a.flops, 0);
}

void attention_backward(benchmark::State& state) {
  Attention a(state);
  a.forward();
  for (auto _ : state)
    backend().attention_backward(a.q, a.q, a.k, a.v, a.out, a.lse, {a.starts}, a.shape, a.dq, a.dk, a.dv);
  rates(state, 2.5 * a.flops, 0);
}

// One new row per stream over `past` cached positions; bytes are those of the keys and values read.
void attention_decode(benchmark::State& state) {
  const int64_t streams = state.range(0), past = state.range(1), heads = state.range(2), kv = state.range(3);
  const int64_t page = 16, pages = past / page + 1;
  const ops::PagedCache cache{backend().allocate(DType::float32, {streams * pages, page, kv * 64}),
                              backend().allocate(DType::float32, {streams * pages, page, kv * 64}), page};
  std::vector<std::vector<int32_t>> tables;
  std::vector<ops::PagedSequence> sequences;
  for (int64_t s = 0; s < streams; ++s) {
    tables.emplace_back();
    for (int64_t p = 0; p < pages; ++p) tables.back().push_back(static_cast<int32_t>(s * pages + p));
  }
  for (int64_t s = 0; s < streams; ++s) sequences.push_back({s, s + 1, past, tables[static_cast<size_t>(s)]});
  const Tensor q = random_tensor(DType::float32, {streams, heads * 64}),
               k = random_tensor(DType::float32, {streams, kv * 64});
  const Tensor out = backend().allocate(DType::float32, {streams, heads * 64});
  for (auto _ : state) backend().attention_paged(q, k, k, sequences, {heads, kv, 64, 0.125f, 0}, cache, out);
  rates(state, 0, static_cast<double>(streams * past * kv * 64 * 8));
}

// Rows, channels, vocabulary, bf16; losses and dh.
void cross_entropy(benchmark::State& state) {
  const int64_t n = state.range(0), c = state.range(1), v = state.range(2);
  const auto head = backend().pack(random_tensor(type_of(state), {v, c}), true);
  const Tensor h = random_tensor(DType::float32, {n, c}), dh = backend().allocate(DType::float32, {n, c});
  const Tensor losses = backend().allocate(DType::float32, {n});
  std::vector<int32_t> targets;
  for (int64_t i = 0; i < n; ++i) targets.push_back(static_cast<int32_t>(i % v));
  const std::vector<float> weights(static_cast<size_t>(n), 1.0f);
  for (auto _ : state) backend().cross_entropy(h, *head, targets, weights, losses, dh, Tensor());
  rates(state, 4.0 * static_cast<double>(n * c * v), 0);
}

void swiglu(benchmark::State& state) {
  const int64_t n = state.range(0), c = state.range(1);
  const Tensor gate = random_tensor(DType::float32, {n, c}), up = random_tensor(DType::float32, {n, c});
  const Tensor h = backend().allocate(DType::float32, {n, c});
  for (auto _ : state) backend().swiglu(gate, up, h);
  rates(state, 0, static_cast<double>(12 * n * c));
}

void rms_norm(benchmark::State& state) {
  const int64_t n = state.range(0), c = state.range(1);
  const Tensor x = random_tensor(DType::float32, {n, c}), gain = random_tensor(DType::float32, {c});
  const Tensor y = backend().allocate(DType::float32, {n, c}),
               rstd = backend().allocate(DType::float32, {n, 1});
  for (auto _ : state) backend().rms_norm(x, gain, 1e-5f, 1, y, rstd);
  rates(state, 0, static_cast<double>(8 * n * c));
}

// Shape S is 512 wide with an MLP of 1408 and a vocabulary of 8,192; M is 896, 4864 and 151,936.
void product_shapes(benchmark::internal::Benchmark* b) {
  for (const int64_t rows : {512, 2048})
    for (const int64_t bf16 : {0, 1})
      b->Args({rows, 512, 1408, bf16})
          ->Args({rows, 896, 896, bf16})
          ->Args({rows, 896, 4864, bf16})
          ->Args({rows, 4864, 896, bf16});
  // Sixteen rows whose weights stay in a cache: beside decode/16 it tells what memory costs.
  for (const int64_t bf16 : {0, 1}) b->Args({16, 512, 1408, bf16})->Args({16, 512, 256, bf16});
}
void decode_shapes(benchmark::internal::Benchmark* b) {
  for (const int64_t bf16 : {0, 1})
    for (const int64_t rows : {1, 4, 8, 16}) b->Args({rows, 896, 4864, bf16});
  b->Args({1, 512, 1408, 1})->Args({1, 4864, 896, 1});
  for (const int64_t bits : {8, 4}) {
    for (const int64_t rows : {1, 4, 8, 16}) b->Args({rows, 896, 4864, bits});
    b->Args({1, 4864, 896, bits})->Args({1, 896, 896, bits})->Args({16, 896, 896, bits});
  }
}
void many_rows(benchmark::internal::Benchmark* b) {
  for (const int64_t bits : {8, 4})
    b->Args({512, 896, 4864, bits})->Args({64, 4864, 896, bits})->Args({16, 4864, 896, bits});
}

void attention_shapes(benchmark::internal::Benchmark* b) {
  for (const int64_t bf16 : {0, 1}) b->Args({8, 512, 8, 4, bf16})->Args({1, 2048, 14, 2, bf16});
}

#define WHORL_BENCHMARK(name) BENCHMARK(name)->UseRealTime()->Unit(benchmark::kMillisecond)
WHORL_BENCHMARK(memory_read);
BENCHMARK(fork_join)->UseRealTime()->Unit(benchmark::kMicrosecond)->Arg(0)->Arg(1)->Arg(2);
WHORL_BENCHMARK(linear)->Apply(product_shapes);
WHORL_BENCHMARK(linear_quantised)->Apply(many_rows);
WHORL_BENCHMARK(gradient_quantised)->Apply(many_rows);
WHORL_BENCHMARK(decode)->Apply(decode_shapes);
WHORL_BENCHMARK(lora)->Args({512, 512, 1408, 0})->Args({512, 896, 4864, 0})->Args({512, 896, 4864, 1});
WHORL_BENCHMARK(weight_gradient)->Args({512, 896, 4864})->Args({2048, 512, 1408});
WHORL_BENCHMARK(eigen)->Args({512, 896, 4864});
WHORL_BENCHMARK(attention)->Apply(attention_shapes);
WHORL_BENCHMARK(attention_backward)->Apply(attention_shapes);
WHORL_BENCHMARK(attention_decode)->Args({1, 2048, 14, 2})->Args({16, 1024, 14, 2});
WHORL_BENCHMARK(cross_entropy)->Args({512, 512, 8192, 0})->Args({256, 896, 151936, 1});
WHORL_BENCHMARK(swiglu)->Args({512, 4864});
WHORL_BENCHMARK(rms_norm)->Args({512, 896});

std::string cpu_model() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);)
    if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
  return "unknown";
}
}  // namespace

int main(int argc, char** argv) {
  benchmark::AddCustomContext("machine", cpu_model());
  benchmark::AddCustomContext("backend", backend().name());
  benchmark::AddCustomContext("threads", std::to_string(backend().threads()));
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}

#include "cuda/kernels/attention.h"

#include <algorithm>

#include "cuda/backend.h"
#include "cuda/kernels/attention_backward.h"
#include "cuda/views.h"
#include "ops/attention_checks.h"
#include "target/launch.h"

namespace whorl::cuda {

namespace {
constexpr int64_t kLargestHead = 128;      // tiles of keys and values fit into 48 KB of shared memory
constexpr int64_t kMostStates = 64 << 20;  // floats that split spans may leave behind
constexpr int64_t kFewBlocks = 512;        // fewer leave a GPU idle: then spans run in blocks of their own

void check_shape(const char* op, const AttentionShape& s) {
  ops::expect_attention_shape(op, s);
  base::check_argument(s.head_size <= kLargestHead, "[", op, "] expected a head size of at most ",
                       kLargestHead, " on this device, got ", s.head_size);
}

AttentionSizes sizes_of(const AttentionShape& s) {
  return {s.head_size, s.heads / s.kv_heads, s.window, s.scale};
}

// body(std::integral_constant<int, channels per lane>)
template <class Body>
void with_parts(int64_t head_size, const Body& body) {
  if (head_size <= 32)
    body(std::integral_constant<int, 1>());
  else if (head_size <= 64)
    body(std::integral_constant<int, 2>());
  else
    body(std::integral_constant<int, 4>());
}

// Queries [0, n) of `whole` in pieces of `size`.
void cut(std::vector<AttentionPiece>& out, AttentionPiece whole, int64_t n, int64_t size) {
  for (whole.first = 0; whole.first < n; whole.first += size) out.push_back(whole);
}

template <int Parts>
void run(Runtime& runtime, Attention<Parts> kernel, const std::vector<AttentionPiece>& list) {
  if (list.empty()) return;
  const Uploaded<AttentionPiece> on_device(runtime, list);
  kernel.pieces = Global<const AttentionPiece>(on_device.get());
  const auto count = static_cast<int64_t>(list.size());
  int64_t keys = 0;
  for (const AttentionPiece& piece : list) keys = std::max(keys, piece.keys);
  kernel.spans = pieces(keys, kSpan);
  const int64_t d = kernel.sizes.head_size, shared = kernel.shared_bytes(d);
  const int64_t numbers = count * kernel.kv_heads * kernel.kQueries * kernel.spans * (2 + d);
  if (kernel.spans == 1 || count * kernel.kv_heads >= kFewBlocks || numbers > kMostStates)
    return launch(runtime, Extent{count, kernel.kv_heads, shared}, kernel);
  const Scratch states(runtime, static_cast<size_t>(numbers) * 4);
  kernel.partial = Global<float>(states.get<float>());
  launch(runtime, Extent{count, kernel.kv_heads * kernel.spans, shared}, kernel);
  AttentionMerge<Parts> merge;
  static_cast<Attention<Parts>&>(merge) = kernel;
  launch(runtime, Extent{count, kernel.kv_heads, 0}, merge);
}

template <int Parts>
Attention<Parts> forward(const Tensor& q, const AttentionShape& s, const Tensor& out, const Tensor& lse) {
  Attention<Parts> kernel;
  kernel.q = rows_of<const float>(q), kernel.out = rows_of(out), kernel.lse = rows_of(lse);
  kernel.sizes = sizes_of(s), kernel.kv_heads = s.kv_heads;
  return kernel;
}
}  // namespace

void CudaBackend::attention(const Tensor& q, const Tensor& k, const Tensor& v, Ragged rows,
                            const AttentionShape& s, const Tensor& out, const Tensor& lse) {
  check_shape("attention", s);
  ops::expect_attention("attention", q, k, v, s, out);
  ops::expect_optional("attention", "lse", lse, {q.dim(0), s.heads});
  ops::expect_starts("attention", rows, q.dim(0));
  with_parts(s.head_size, [&](auto parts) {
    auto kernel = forward<decltype(parts)::value>(q, s, out, lse);
    kernel.source.k = rows_of<const float>(k), kernel.source.v = rows_of<const float>(v);
    std::vector<AttentionPiece> list;
    for (size_t i = 0; i + 1 < rows.starts.size(); ++i) {
      const int64_t begin = rows.starts[i], n = rows.starts[i + 1] - begin;
      cut(list, {begin, n, 0, 0, n, begin, 0}, n * kernel.sizes.group, kernel.kQueries);
    }
    run(*runtime_, kernel, list);
  });
}

void CudaBackend::attention_backward(const Tensor& dout, const Tensor& q, const Tensor& k, const Tensor& v,
                                     const Tensor& out, const Tensor& lse, Ragged rows,
                                     const AttentionShape& s, const Tensor& dq, const Tensor& dk,
                                     const Tensor& dv) {
  const char* op = "attention_backward";
  check_shape(op, s);
  ops::expect_attention(op, q, k, v, s, out);
  ops::expect(op, "dout", dout, q.shape()), ops::expect(op, "dq", dq, q.shape());
  ops::expect(op, "dk", dk, k.shape()), ops::expect(op, "dv", dv, k.shape());
  ops::expect(op, "lse", lse, {q.dim(0), s.heads});
  ops::expect_starts(op, rows, q.dim(0));
  const Tensor delta = reserve(DType::float32, {q.dim(0), s.heads});
  launch(*runtime_, Extent{q.dim(0), pieces(s.heads, AttentionDelta::kWarps), 0},
         AttentionDelta{rows_of<const float>(dout), rows_of<const float>(out), rows_of(delta), s.heads,
                        s.head_size});
  AttentionGradientInputs inputs;
  inputs.q = rows_of<const float>(q), inputs.k = rows_of<const float>(k), inputs.v = rows_of<const float>(v);
  inputs.dout = rows_of<const float>(dout), inputs.lse = rows_of<const float>(lse);
  inputs.delta = rows_of<const float>(delta), inputs.sizes = sizes_of(s);
  std::vector<AttentionPiece> by_query, by_key;
  for (size_t i = 0; i + 1 < rows.starts.size(); ++i) {
    const int64_t begin = rows.starts[i], n = rows.starts[i + 1] - begin;
    const AttentionPiece whole{begin, n, 0, 0, n, begin, 0};
    cut(by_query, whole, n * inputs.sizes.group, AttentionGradientInputs::kOwn);
    cut(by_key, whole, n, AttentionGradientInputs::kOwn);
  }
  const Uploaded<AttentionPiece> queries(*runtime_, by_query), keys(*runtime_, by_key);
  with_parts(s.head_size, [&](auto parts) {
    const int64_t shared = AttentionGradientInputs::shared_bytes(s.head_size);
    AttentionQueryGradient<decltype(parts)::value> of_queries;
    static_cast<AttentionGradientInputs&>(of_queries) = inputs;
    of_queries.dq = rows_of(dq), of_queries.pieces = Global<const AttentionPiece>(queries.get());
    launch(*runtime_, Extent{static_cast<int64_t>(by_query.size()), s.kv_heads, shared}, of_queries);
    AttentionKeyGradient<decltype(parts)::value> of_keys;
    static_cast<AttentionGradientInputs&>(of_keys) = inputs;
    of_keys.dk = rows_of(dk), of_keys.dv = rows_of(dv),
    of_keys.pieces = Global<const AttentionPiece>(keys.get());
    launch(*runtime_, Extent{static_cast<int64_t>(by_key.size()), s.kv_heads, shared}, of_keys);
  });
}

void CudaBackend::attention_paged(const Tensor& q, const Tensor& k, const Tensor& v,
                                  std::span<const PagedSequence> sequences, const AttentionShape& s,
                                  const PagedCache& cache, const Tensor& out) {
  const char* op = "attention_paged";
  check_shape(op, s);
  ops::expect_attention(op, q, k, v, s, out);
  ops::expect_cache(op, cache, k.dim(1), activation_dtype());
  ops::expect_sequences(op, sequences, q.dim(0), cache);
  const int64_t group = s.heads / s.kv_heads, size = cache.page_size, width = k.dim(1);
  std::vector<int32_t> page_list, from, slots;
  std::vector<AttentionPiece> list;
  for (const PagedSequence& p : sequences) {
    const int64_t n = p.end - p.begin, first_page = static_cast<int64_t>(page_list.size());
    for (int64_t i = 0; i < n; ++i) {
      from.push_back(static_cast<int32_t>(p.begin + i));
      slots.push_back(static_cast<int32_t>(p.pages[static_cast<size_t>((p.past + i) / size)] * size +
                                           (p.past + i) % size));
    }
    page_list.insert(page_list.end(), p.pages.begin(), p.pages.begin() + pieces(p.past + n, size));
    cut(list, {p.begin, n, 0, p.past, p.past + n, 0, first_page}, n * group, Attention<1>::kQueries);
  }
  if (list.empty()) return;
  const Uploaded<int32_t> pages(*runtime_, page_list), rows(*runtime_, from), places(*runtime_, slots);
  WritePages write;
  write.k = rows_of<const float>(k), write.v = rows_of<const float>(v);
  write.keys = {Global<float>(cache.keys.data<float>()), width};
  write.values = {Global<float>(cache.values.data<float>()), width};
  write.rows = Global<const int32_t>(rows.get()), write.slots = Global<const int32_t>(places.get());
  write.columns = width;
  launch(*runtime_, per_element(static_cast<int64_t>(from.size()), width), write);
  with_parts(s.head_size, [&](auto parts) {
    auto kernel = forward<decltype(parts)::value>(q, s, out, Tensor());
    kernel.source.k = {write.keys.data, width}, kernel.source.v = {write.values.data, width};
    kernel.source.page_list = Global<const int32_t>(pages.get()), kernel.source.page_size = size;
    run(*runtime_, kernel, list);
  });
}

}  // namespace whorl::cuda

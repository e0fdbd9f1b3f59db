#include "cuda/kernels/attention.h"

#include <algorithm>
#include <cstdlib>

#include "cuda/backend.h"
#include "cuda/kernels/attention_backward.h"
#include "cuda/library_attention.h"
#include "cuda/rounded_rows.h"
#include "cuda/row_checks.h"
#include "cuda/tensor_attention.h"
#include "cuda/views.h"
#include "ops/attention_checks.h"
#include "target/launch.h"

namespace whorl::cuda {

namespace {
constexpr int64_t kLargestHead = 128;  // tiles of keys and values fit into 48 KB of shared memory

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

void backward(Runtime& runtime, const AttentionGradients& g) {
  with_parts(g.inputs.sizes.head_size, [&](auto parts) {
    const int64_t shared = g.inputs.shared_bytes(g.inputs.sizes.head_size);
    AttentionQueryGradient<decltype(parts)::value> of_queries;
    static_cast<AttentionGradientInputs&>(of_queries) = g.inputs;
    of_queries.dq = g.dq, of_queries.pieces = g.by_query;
    launch(runtime, Extent{g.queries, g.kv_heads, shared}, of_queries);
    AttentionKeyGradient<decltype(parts)::value> of_keys;
    static_cast<AttentionGradientInputs&>(of_keys) = g.inputs;
    of_keys.dk = g.dk, of_keys.dv = g.dv, of_keys.pieces = g.by_key;
    launch(runtime, Extent{g.keys, g.kv_heads, shared}, of_keys);
  });
}

// Rows of a step over pages, as lists for kernels.
struct PagedRows {
  std::vector<int32_t> page_list, slots;  // a row's place in the pages, -1 where it has none
  std::vector<AttentionPiece> list;
  PagedRows(std::span<const PagedSequence> sequences, int64_t n, int64_t page_size, int64_t group,
            int64_t block_queries)
      : slots(static_cast<size_t>(n), -1) {
    for (const PagedSequence& p : sequences) {
      const int64_t count = p.end - p.begin, first_page = static_cast<int64_t>(page_list.size());
      for (int64_t i = 0; i < count; ++i)
        slots[static_cast<size_t>(p.begin + i)] = static_cast<int32_t>(
            p.pages[static_cast<size_t>((p.past + i) / page_size)] * page_size + (p.past + i) % page_size);
      page_list.insert(page_list.end(), p.pages.begin(), p.pages.begin() + pieces(p.past + count, page_size));
      cut(list, {p.begin, count, 0, p.past, p.past + count, 0, first_page}, count * group, block_queries);
    }
  }
};

AttentionCall forward(const Tensor& q, const AttentionShape& s, const Tensor& out, const Tensor& lse) {
  AttentionCall call;
  call.q = either(q), call.out = either_out(out), call.lse = rows_of(lse);
  call.sizes = sizes_of(s), call.kv_heads = s.kv_heads;
  return call;
}
}  // namespace

// Not cuDNN unless it is asked for, until benchmarks/gpu.py has compared them.
constexpr AttentionBy kUnlessAsked = AttentionBy::bfloat16;

AttentionBy attention_wanted() {
  const char* const given = std::getenv("WHORL_CUDA_ATTENTION");
  const std::string word = given ? given : "";
  if (word.empty()) return kUnlessAsked;
  if (word == "cudnn") return AttentionBy::cudnn;
  if (word == "bfloat16") return AttentionBy::bfloat16;
  base::check_argument(word == "float32",
                       "[cuda] expected the environment variable WHORL_CUDA_ATTENTION to be 'cudnn', "
                       "'bfloat16' or 'float32' or not set, got '",
                       word.substr(0, 40), "'");
  return AttentionBy::float32;
}

void CudaBackend::attend(const AttentionCall& call, const AttentionShape& s,
                         const std::vector<AttentionPiece>& list) {
  if (on_tensor_cores(s)) return tensor_attention(*runtime_, call, list);
  with_parts(s.head_size, [&](auto parts) {
    Attention<decltype(parts)::value> kernel;
    static_cast<AttentionCall&>(kernel) = call;
    run(*runtime_, kernel, list);
  });
}

void CudaBackend::attention(const Tensor& q, const Tensor& k, const Tensor& v, Ragged rows,
                            const AttentionShape& s, const Tensor& out, const Tensor& lse) {
  check_shape("attention", s);
  ops::expect_attention("attention", q, k, v, s, out, true);
  ops::expect_optional("attention", "lse", lse, {q.dim(0), s.heads});
  ops::expect_starts("attention", rows, q.dim(0));
  if (attention_by_ == AttentionBy::cudnn &&
      attention_by_library(*runtime_, lists_, "attention", {q, k, v, out, lse}, rows, s))
    return;
  AttentionCall call = forward(q, s, out, lse);
  call.source.k = either(k), call.source.v = either(v);
  const int64_t block_queries = on_tensor_cores(s) ? kTensorQueries : Attention<1>::kQueries;
  std::vector<AttentionPiece> list;
  for (size_t i = 0; i + 1 < rows.starts.size(); ++i) {
    const int64_t begin = rows.starts[i], n = rows.starts[i + 1] - begin;
    cut(list, {begin, n, 0, 0, n, begin, 0}, n * call.sizes.group, block_queries);
  }
  if (list.empty()) return;
  const Uploaded<AttentionPiece> on_device(*runtime_, list);
  call.pieces = Global<const AttentionPiece>(on_device.get());
  attend(call, s, list);
}

void CudaBackend::attention_backward(const Tensor& dout, const Tensor& q, const Tensor& k, const Tensor& v,
                                     const Tensor& out, const Tensor& lse, Ragged rows,
                                     const AttentionShape& s, const Tensor& dq, const Tensor& dk,
                                     const Tensor& dv) {
  const char* op = "attention_backward";
  check_shape(op, s);
  ops::expect_attention(op, q, k, v, s, out, true);
  ops::expect_like(op, "dout", dout, q), ops::expect_like(op, "dq", dq, q);
  ops::expect_like(op, "dk", dk, k), ops::expect_like(op, "dv", dv, k);
  ops::expect(op, "lse", lse, {q.dim(0), s.heads});
  ops::expect_starts(op, rows, q.dim(0));
  if (attention_by_ == AttentionBy::cudnn &&
      attention_by_library(*runtime_, lists_, op, {q, k, v, out, lse, &dout, &dq, &dk, &dv}, rows, s))
    return;
  const Tensor delta = unset(DType::float32, {q.dim(0), s.heads});
  launch(*runtime_, Extent{q.dim(0), pieces(s.heads, AttentionDelta::kWarps), 0},
         AttentionDelta{either(dout), either(out), rows_of(delta), s.heads, s.head_size});
  AttentionGradients g;
  g.inputs.q = either(q), g.inputs.k = either(k), g.inputs.v = either(v), g.inputs.dout = either(dout);
  g.inputs.lse = rows_of<const float>(lse), g.inputs.delta = rows_of<const float>(delta);
  g.inputs.sizes = sizes_of(s), g.kv_heads = s.kv_heads;
  g.dq = either_out(dq), g.dk = either_out(dk), g.dv = either_out(dv);
  const bool tensor = on_tensor_cores(s);
  std::vector<AttentionPiece> by_query, by_key;
  for (size_t i = 0; i + 1 < rows.starts.size(); ++i) {
    const int64_t begin = rows.starts[i], n = rows.starts[i + 1] - begin;
    const AttentionPiece whole{begin, n, 0, 0, n, begin, 0};
    cut(by_query, whole, n * g.inputs.sizes.group, tensor ? kTensorQueries : g.inputs.kOwn);
    cut(by_key, whole, n, tensor ? kTensorKeys : g.inputs.kOwn);
  }
  const Uploaded<AttentionPiece> queries(*runtime_, by_query), keys(*runtime_, by_key);
  g.by_query = Global<const AttentionPiece>(queries.get()), g.queries = static_cast<int64_t>(by_query.size());
  g.by_key = Global<const AttentionPiece>(keys.get()), g.keys = static_cast<int64_t>(by_key.size());
  tensor ? tensor_attention_backward(*runtime_, g) : backward(*runtime_, g);
}

// Tensor cores round keys and values: their pages need hold no more.
DType CudaBackend::cache_dtype(const AttentionShape& shape, int64_t) const {
  return on_tensor_cores(shape) ? DType::bfloat16 : DType::float32;
}

struct CudaBackend::PagedCall {
  const char* op;
  const Tensor &q, &k, &v;
  std::span<const int32_t> positions;  // none: queries and keys come turned
  const Tensor& table;
  std::span<const PagedSequence> sequences;
  const AttentionShape& shape;
  const PagedCache& cache;
  const Tensor& out;
  Dense<uint16_t> rounded = {};  // out again, unless it is empty
};

// Into the pages, turned on the way where that is asked for.
template <class Stored>
void CudaBackend::write_pages(const PagedCall& call, const int32_t* slots, const int32_t* positions) {
  const int64_t width = call.k.dim(1);
  WritePages<Stored> write;
  write.k = rows_of<const float>(call.k), write.v = rows_of<const float>(call.v), write.columns = width;
  write.keys = {Global<Stored>(call.cache.keys.data<Stored>()), width};
  write.values = {Global<Stored>(call.cache.values.data<Stored>()), width};
  write.slots = Global<const int32_t>(slots);
  if (!positions) return launch(*runtime_, per_element(call.q.dim(0), width), write);
  RopeIntoPages<Stored> kernel;
  kernel.turn = {rows_of<const float>(call.table), Global<const int32_t>(positions), call.shape.head_size / 2,
                 false};
  kernel.q = either_out(call.q), kernel.k = either_out(call.k), kernel.write = write;
  kernel.query_pairs = call.q.dim(1) / 2, kernel.key_pairs = width / 2;
  kernel.columns = kernel.query_pairs + kernel.key_pairs + width;
  launch(*runtime_, per_element(call.q.dim(0), kernel.columns), kernel);
}

void CudaBackend::attend_paged(const PagedCall& paged) {
  const AttentionShape& s = paged.shape;
  const PagedCache& cache = paged.cache;
  const int64_t n = paged.q.dim(0), width = paged.k.dim(1);
  const PagedRows rows(paged.sequences, n, cache.page_size, s.heads / s.kv_heads,
                       on_tensor_cores(s) ? kTensorQueries : Attention<1>::kQueries);
  if (rows.list.empty() && paged.positions.empty()) return;
  Packed lists;
  const size_t pages = lists.add(rows.page_list), places = lists.add(rows.slots),
               queries = lists.add(rows.list), positions = lists.add(paged.positions);
  const Sent sent(lists_, lists);  // the same for all layers
  AttentionCall call = forward(paged.q, s, paged.out, Tensor());
  call.rounded = paged.rounded;
  const auto write = [&](auto stored) {
    using Stored = decltype(stored);
    write_pages<Stored>(paged, sent.at<int32_t>(places),
                        paged.positions.empty() ? nullptr : sent.at<int32_t>(positions));
  };
  with_numbers(cache.keys, write);
  call.source.k = either(cache.keys), call.source.v = either(cache.values);
  call.source.k.stride = call.source.v.stride = width;  // of a position
  if (rows.list.empty()) return;
  call.source.page_list = Global<const int32_t>(sent.at<int32_t>(pages)),
  call.source.page_size = cache.page_size;
  call.pieces = Global<const AttentionPiece>(sent.at<AttentionPiece>(queries));
  attend(call, s, rows.list);
}

void CudaBackend::check_paged(const PagedCall& call) const {
  check_shape(call.op, call.shape);
  ops::expect_attention(call.op, call.q, call.k, call.v, call.shape, call.out);
  ops::expect_cache(call.op, call.cache, call.k.dim(1), cache_dtype(call.shape, call.cache.page_size));
  ops::expect_sequences(call.op, call.sequences, call.q.dim(0), call.cache);
}

void CudaBackend::attention_paged(const Tensor& q, const Tensor& k, const Tensor& v,
                                  std::span<const PagedSequence> sequences, const AttentionShape& s,
                                  const PagedCache& cache, const Tensor& out) {
  const Tensor none;
  const PagedCall call{"attention_paged", q, k, v, {}, none, sequences, s, cache, out};
  check_paged(call);
  attend_paged(call);
}

// Whether attention leaves its rows as products alone will read them: not where adapters read them as well,
// whose launch rounds them, nor where a row is nobody's and stays what it was.
bool CudaBackend::may_round(const PagedCall& call, std::span<const ops::LinearJob> jobs) const {
  const RoundingNeeds needs = needs_of(jobs);
  int64_t rows = 0;
  for (const PagedSequence& p : call.sequences) rows += p.end - p.begin;
  return needs.narrow && !needs.codes && !needs.fp8 && rows == call.out.dim(0) &&
         std::all_of(jobs.begin(), jobs.end(),
                     [](const ops::LinearJob& job) { return ops::largest_rank(job.segments) == 0; });
}

void CudaBackend::rope_attention_paged(const Tensor& q, const Tensor& k, const Tensor& v,
                                       std::span<const int32_t> positions, const Tensor& table,
                                       std::span<const PagedSequence> sequences, const AttentionShape& s,
                                       const PagedCache& cache, const Tensor& out,
                                       std::span<const ops::LinearJob> jobs) {
  PagedCall call{"rope_attention_paged", q, k, v, positions, table, sequences, s, cache, out};
  check_paged(call);
  for (const Tensor& x : {q, k}) check_rope(call.op, x, positions, table, s.head_size);
  check_jobs(out, jobs);
  RoundedRows rows(*runtime_, out);
  const bool rounds = may_round(call, jobs);
  if (rounds) call.rounded = rows.take({.narrow = true}).narrow;
  attend_paged(call);
  rounds ? multiply(rows, jobs) : linears(out, jobs);
}

}  // namespace whorl::cuda

#include "cuda/tensor_attention.h"

#include <algorithm>

#include "cuda/kernels/tensor_key_gradient.h"
#include "cuda/views.h"
#include "target/launch.h"

namespace whorl::cuda {

namespace {
// body(std::integral_constant<int, channels>): a head is padded to them.
template <class Body>
void with_channels(int64_t head_size, const Body& body) {
  if (head_size <= 32)
    body(std::integral_constant<int, 32>());
  else if (head_size <= 64)
    body(std::integral_constant<int, 64>());
  else if (head_size <= 96)
    body(std::integral_constant<int, 96>());
  else
    body(std::integral_constant<int, 128>());
}

// Spans in blocks of their own, and what they leave merged.
template <int Channels, class Stored, class Query>
void run_split(Runtime& runtime, TensorAttention<Channels, Stored, Query> kernel, int64_t blocks,
               size_t numbers) {
  const Scratch states(runtime, numbers * 4);
  kernel.partial = Global<float>(states.get<float>());
  launch(runtime, Extent{blocks, kernel.kv_heads * kernel.spans, kernel.shared_bytes()}, kernel);
  TensorAttentionMerge merge;
  static_cast<AttentionCall&>(merge) = kernel;
  merge.kept = kernel.kept;
  launch(runtime, Extent{blocks, kernel.kv_heads * pieces(kernel.kept, merge.kWarps), 0}, merge);
}

template <int Channels, class Stored, class Query>
void run(Runtime& runtime, const AttentionCall& call, int64_t blocks, int64_t keys, int64_t kept) {
  TensorAttention<Channels, Stored, Query> kernel;
  static_assert(kernel.kQueries == kTensorQueries);
  static_cast<AttentionCall&>(kernel) = call;
  kernel.spans = pieces(keys, kSpan), kernel.kept = kept;
  const int64_t numbers = blocks * call.kv_heads * kept * kernel.spans * (2 + call.sizes.head_size);
  // A training pass has many queries, and its working memory is predicted without such states.
  const bool paged = call.source.page_size > 0;
  if (!paged || kernel.spans == 1 || blocks * call.kv_heads >= kFewBlocks || numbers > kMostStates)
    return launch(runtime, Extent{blocks, call.kv_heads, kernel.shared_bytes()}, kernel);
  run_split(runtime, kernel, blocks, static_cast<size_t>(numbers));
}

template <int Channels, class T>
void go_back(Runtime& runtime, const AttentionGradients& g) {
  TensorQueryGradient<Channels, T> of_queries;
  static_assert(of_queries.kQueries == kTensorQueries);
  static_cast<AttentionGradientInputs&>(of_queries) = g.inputs;
  of_queries.dq = g.dq, of_queries.pieces = g.by_query;
  launch(runtime, Extent{g.queries, g.kv_heads, of_queries.shared_bytes()}, of_queries);
  TensorKeyGradient<Channels, T> of_keys;
  static_assert(of_keys.kKeys == kTensorKeys);
  static_cast<AttentionGradientInputs&>(of_keys) = g.inputs;
  of_keys.dk = g.dk, of_keys.dv = g.dv, of_keys.pieces = g.by_key;
  launch(runtime, Extent{g.keys, g.kv_heads, of_keys.shared_bytes()}, of_keys);
}
}  // namespace

void tensor_attention(Runtime& runtime, const AttentionCall& call, const std::vector<AttentionPiece>& list) {
  const auto blocks = static_cast<int64_t>(list.size());
  int64_t keys = 0, kept = 0;
  for (const AttentionPiece& piece : list) {
    keys = std::max(keys, piece.keys);
    kept = std::max(kept, std::min(kTensorQueries, piece.rows * call.sizes.group - piece.first));
  }
  with_channels(call.sizes.head_size, [&](auto channels) {
    constexpr int kChannels = decltype(channels)::value;
    if (call.q.narrow)
      run<kChannels, uint16_t, uint16_t>(runtime, call, blocks, keys, kept);
    else if (call.source.k.narrow)
      run<kChannels, uint16_t, float>(runtime, call, blocks, keys, kept);
    else
      run<kChannels, float, float>(runtime, call, blocks, keys, kept);
  });
}

void tensor_attention_backward(Runtime& runtime, const AttentionGradients& g) {
  with_channels(g.inputs.sizes.head_size, [&](auto channels) {
    constexpr int kChannels = decltype(channels)::value;
    g.inputs.q.narrow ? go_back<kChannels, uint16_t>(runtime, g) : go_back<kChannels, float>(runtime, g);
  });
}

}  // namespace whorl::cuda

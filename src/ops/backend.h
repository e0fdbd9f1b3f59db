#pragma once
// THE CONTRACT: what arithmetic exists. Models are written once over `Backend&`; src/cpu and cuda/
// implement it; nobody includes those.
//
// Letters:  N rows (tokens of all sequences of a batch, one after another)   C channels (hidden size)
//           K inputs and O outputs of one linear    R rank of an adapter     H heads, G key/value heads
//           D size of a head                        V vocabulary             S sequences in the batch
//
// Rules, true of every op:
//  - Outputs are allocated by the caller. An op never allocates what the caller can see.
//  - Tensors are memory of the backend's device (on the CPU, the host's); spans, and the tensors that pack,
//    repack and their like take (but for repack_loras), are the host's, and may be changed once the call
//    returns. Work may be queued; what hands numbers to the host (download, unpack, sum_squares) waits for
//    it.
//  - Activation gradients overwrite (=) unless `accumulate` says otherwise. Parameter gradients
//    accumulate (+=), so a micro-batch is just another call.
//  - Activations have the backend's `activation_dtype()`; parameter gradients, optimizer state, norm gains
//    and losses are float32. Where `takes_activations(bfloat16)`, some may be bfloat16 beside weights and
//    adapters that are not float32, each rounded once when it is written: x, y, dy and dx of norms and of
//    linears (not a y with a residual, nor the residual); what rope turns; gate, up, h and dh of swiglu, all
//    of them or none; q, k, v, out of attention, likewise, and their gradients; h and dh of cross_entropy.
//    The ops over pages, embedding and add take float32.
//  - A row does not know its neighbours: on the CPU the bits of a row's result depend on that row's input
//    alone, not on N, on other segments, on how a prompt was cut into chunks, or on the number of threads.
//    Sums over rows (parameter gradients) run in row order.
//  - Two-dimensional activations may be column slices (row_stride > columns).
//  - Wrong shapes throw std::invalid_argument: "[rms_norm] expected gain [64], got [32]".
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "ops/device_ranks.h"
#include "ops/draw.h"
#include "tensor/tensor.h"

namespace whorl::ops {

inline constexpr int kContractVersion = 12;

// How a frozen matrix is rounded: to whole numbers, where groups of 32 inputs share a float16 scale, or to
// FP8 E4M3, where a row has one scale (ops/fp8.h).
enum class Quantize : uint8_t { none, int8, int4, fp8 };

// A matrix [O, K] that is already rounded, on the host, all parts row-major and contiguous. A number is
// scale * code, or scale * code - minimum where there are minima (int4 only).
struct QuantizedMatrix {
  Quantize quantize = Quantize::none;
  int64_t inputs = 0;  // K
  // uint8. int8: [O, K], two's complement. int4: [O, ceil(K / 2)], input 2 i in the low and 2 i + 1 in the
  // high half of byte i; 0..15 where there are minima, else 8 more than the code -8..7.
  Tensor codes;
  Tensor scales;  // float16 [O, ceil(K / 32)], finite
  Tensor minima;  // the same, or empty
};

// The same, read row by row straight from where it lies, so that no second copy of a large matrix is made.
struct QuantizedRow {
  uint8_t* codes;    // as a row of QuantizedMatrix::codes
  uint16_t* scales;  // float16, ceil(K / 32), finite
  uint16_t* minima;  // the same; null where there are none
};
struct QuantizedRows {
  Quantize quantize = Quantize::none;
  int64_t outputs = 0, inputs = 0;  // O, K
  bool minima = false;
  // Writes row `row` to where it is told. Called for every row, from several threads at once.
  std::function<void(int64_t row, const QuantizedRow& to)> read;
};

// What a packed weight consists of in memory, without what prepare_backward adds; names and shapes are the
// backend's own. Read-only.
struct WeightParts {
  int64_t outputs = 0, inputs = 0;  // O, K
  std::map<std::string, Tensor> tensors;
};

// A frozen or trained matrix [O, K] in the backend's own layout. Immutable once made, except through
// Backend::repack. Shared by any number of trainers and engines.
class PackedWeight {
 public:
  virtual ~PackedWeight() = default;
  virtual int64_t outputs() const = 0;  // O
  virtual int64_t inputs() const = 0;   // K
  virtual DType dtype() const = 0;      // as stored; float32 or bfloat16; bfloat16 for quantised ones
  virtual Quantize quantize() const = 0;
  virtual size_t nbytes() const = 0;  // memory held, both directions
};
using Weight = std::shared_ptr<PackedWeight>;

// The low-rank part of one linear in the backend's own layout.
class PackedLora {
 public:
  virtual ~PackedLora() = default;
  virtual int64_t rank() const = 0;
  virtual size_t nbytes() const = 0;
};
using Lora = std::shared_ptr<PackedLora>;

// What a packed pair becomes: a [R, K], b [O, R], float32, contiguous, on the device.
struct LoraValues {
  PackedLora* lora = nullptr;
  Tensor a, b;
  float scale = 0;
};

// Rows [begin, end) of a batch that use the same adapter. Segments are in ascending order and do not
// overlap; rows in no segment, and segments whose `lora` is null, get the base product alone.
// With dropout p > 0 the adapter's branch sees D(x) = x * keep / (1 - p); keep is drawn from
// (dropout_seed, first_row + row - begin, column), so forward and backward agree without storing a mask and
// a segment draws the same mask whatever else is in the batch. `first_row` is where a segment begins that is
// a part of a longer one: the parts draw the mask of the whole.
struct LoraSegment {
  int64_t begin = 0, end = 0;
  const PackedLora* lora = nullptr;
  float dropout = 0;
  uint64_t dropout_seed = 0;
  int64_t first_row = 0;
};

// Gradients of one segment's adapter, float32, accumulated: da [R, K], db [O, R].
struct LoraGradient {
  Tensor da, db;
};

// One of several products of the same rows; the tensors are those of Backend::linear. With a `residual`
// [N, O], which shares no memory with y, y is what linear gives plus that: on the CPU the bits of linear and
// then add, elsewhere it may be added before the adapters' part.
struct LinearJob {
  const PackedWeight& w;
  const Tensor& bias;
  std::span<const LoraSegment> segments;
  const Tensor& s;
  const Tensor& y;
  const Tensor* residual = nullptr;
};

// Causal attention over packed rows. Sequence s owns rows [starts[s], starts[s+1]).
struct Ragged {
  std::span<const int32_t> starts;  // S + 1 entries, starts[0] = 0, starts[S] = N
};

// One sequence's part of a step over the paged cache: its rows [begin, end) of this batch are the
// positions [past, past + end - begin) of the sequence. Page p of the sequence is pages[p].
struct PagedSequence {
  int64_t begin = 0, end = 0;
  int64_t past = 0;
  std::span<const int32_t> pages;
};

// Keys and values of one layer: [pages, page_size, G * D] each, of Backend::cache_dtype. How they lie within
// a page is the backend's own: only attention_paged writes and reads them; pages are reused, never copied.
struct PagedCache {
  Tensor keys, values;
  int64_t page_size = 0;
};

struct AttentionShape {
  int64_t heads = 0, kv_heads = 0, head_size = 0;
  float scale = 0;     // usually 1 / sqrt(D)
  int64_t window = 0;  // a query sees itself and the window - 1 keys before it; 0 = all keys before it
  // bfloat16: the operands of its products may be rounded, as those of products with bfloat16 weights.
  DType precision = DType::float32;
};

struct AdamW {
  double learning_rate = 0, beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, weight_decay = 0;
  int64_t step = 1;           // 1 for the first update: bias correction divides by 1 - beta^step
  double gradient_scale = 1;  // multiplies the gradient first (clipping)
};

// One of the parameter sets of a step: flat float32 tensors of one length. Weight decay falls on the first
// `decayed` numbers only.
struct ClippedUpdate {
  Tensor parameter, gradient, m, v;
  int64_t decayed = 0;
  double max_grad_norm = 0;  // 0 = the gradient as it is
  AdamW options;             // with gradient_scale 1: that is clipping's
};

// A pass over a batch, as far as working memory depends on it. Losses and gradients of its ops follow one
// another as in a transformer: all of `linears` forward (in by_rows), the loss over `head`, all of `linears`
// backward (in by_rows).
struct PassShape {
  int64_t rows = 0, trained_rows = 0;  // N; rows with a target
  int64_t segment_rows = 0;            // of the longest segment; 0 = no adapters
  int64_t rank = 0;                    // the largest
  bool dropout = false, gradients = true;
  DType activation = DType::float32;  // of what lies between the ops
  bool kept_layouts = true;  // of linears, for gradients: prepare_backward was, or will be, called for them
  AttentionShape attention;
  std::vector<Weight> linears;  // one of each shape
  Weight head;
};

// Steps over a paged cache without gradients, as an engine makes them, as far as working memory depends on
// them. Those of one row for each sequence come again (Backend::repeated).
struct StepShape {
  int64_t rows = 0, sequences = 0,
          logits = 0;                    // N, S, and rows that the head multiplies; of the largest step
  int64_t positions = 0, page_size = 1;  // of the longest sequence
  int64_t rank = 0, layers = 0;          // the largest adapter's; 0 = there are none
  AttentionShape attention;
  std::vector<Weight> linears;  // a layer's
  Weight head;
};

// Memory as it is at a moment. What is in a backend's own pools and unused is free.
struct MemoryNow {
  size_t free = 0;      // what allocate() could give, without what is expected
  size_t paged = 0;     // of what is taken: paged caches that this process has reserved
  size_t expected = 0;  // of what is not: see Backend::expect_bytes
};

// Rows [begin, end) of a batch that are taken through several ops, and where their working memory begins: in
// buffers of Backend::working_rows() rows, [working, working + rows()) are nobody else's meanwhile. Another
// piece gets them later, while they are still in a cache.
struct RowPiece {
  int64_t begin = 0, end = 0, working = 0;
  int64_t rows() const { return end - begin; }
  Tensor of(const Tensor& x) const { return x.empty() ? x : x.rows(begin, end); }
  Tensor working_of(const Tensor& x) const { return x.empty() ? x : x.rows(working, working + rows()); }
};

class Backend {
 public:
  virtual ~Backend() = default;

  virtual std::string name() const = 0;  // "cpu (avx512)", for people
  virtual DType activation_dtype() const = 0;
  virtual bool takes_activations(DType dtype) const { return dtype == activation_dtype(); }
  virtual int threads() const = 0;  // of the host; 1 where a device does the work
  // What allocate() gives lies in host memory and may be read there, without download().
  virtual bool on_host() const { return false; }

  // ---- memory -------------------------------------------------------------------------------------
  virtual Tensor allocate(DType dtype, Shape shape) = 0;  // zeroed, on the device
  // The same for memory that is used bit by bit, maybe never all of it: where that can be, it takes room as
  // it is written. For paged caches.
  virtual Tensor reserve(DType dtype, Shape shape) { return allocate(dtype, std::move(shape)); }
  virtual void upload(const Tensor& host, const Tensor& device) = 0;    // same dtype and shape; converts
  virtual void download(const Tensor& device, const Tensor& host) = 0;  //   float32 <-> activation dtype
  virtual void fill_zero(const Tensor& x) = 0;
  // Bytes that the ops of such a pass make the backend hold for itself, from the first pass on.
  virtual size_t working_bytes(const PassShape& pass) const = 0;
  // The same of steps: what those of such a shape and of smaller ones make it hold all in all. Unless a
  // backend knows better, that of a pass of as many rows.
  virtual size_t step_bytes(const StepShape& step) const;
  // Somebody will need so many bytes at times, as an engine's steps do: to memory_now() they are not free
  // until the result goes, whether they are taken or not.
  virtual std::shared_ptr<const void> expect_bytes([[maybe_unused]] size_t bytes) { return nullptr; }
  // It may wait for queued work, whose memory is free afterwards. Nothing where nobody can tell.
  virtual std::optional<MemoryNow> memory_now() { return std::nullopt; }

  // ---- weights ------------------------------------------------------------------------------------
  // w [O, K] on the host, float32 or bfloat16; stored in that precision. `backward` also prepares the
  // layout that dX = dY W reduces over (it may cost a second copy, or nothing). Products with a bfloat16
  // weight may round their other operand to bfloat16 (where the machine multiplies pairs of them); sums are
  // float32.
  virtual Weight pack(const Tensor& w, bool backward) = 0;
  // The same rounded: products round their other operand to int8, groups of 32 inputs of a row sharing a
  // scale, and sum whole numbers exactly; gradients see the widened weights and need no second layout. Cannot
  // be repacked.
  // fp8: products round each row of their other operand by the rule of ops/fp8.h and sum in float32; dy w
  // rounds rows of dy times the scales of w's rows in the same way. Refused unless takes_fp8().
  virtual Weight pack_quantized(const Tensor& w, Quantize quantize) = 0;
  virtual bool takes_fp8() const { return false; }
  // The same with codes that somebody else made, taken as they are: nothing is rounded again. A backend that
  // has no layout for them refuses.
  virtual Weight pack_quantized(const QuantizedMatrix& w);
  // Made a QuantizedMatrix first, unless a backend knows better.
  virtual Weight pack_quantized(const QuantizedRows& w);
  // The same of memory that stays as it is until `laid_out` is called (a file's mapping): a backend may read
  // it there in the first product or lookup, and make its own layout at the next use. The bits do not depend
  // on it. `laid_out`, which must not throw, is called once, from any thread, also when the weight goes away
  // unused; nothing of `w` is read after that. Unless a backend knows better, the layout is made at once.
  virtual Weight pack_later(const Tensor& w, const std::function<void()>& laid_out);
  // A reader that throws makes the use that reads throw.
  virtual Weight pack_quantized_later(const QuantizedRows& w, const std::function<void()>& laid_out);
  // What gradients need, made later, when a trainer attaches. Gradients through a weight without that layout
  // are the same bits: they make it in passing, matrix by matrix, which costs time where rows are few.
  virtual void prepare_backward(PackedWeight& w) = 0;
  // What that takes of memory; 0 where one layout serves both directions.
  virtual size_t gradient_layout_bytes(const PackedWeight&) const { return 0; }
  virtual void repack(PackedWeight& w, const Tensor& host) = 0;  // full-weight training
  // [O, K] on the host, as stored; quantised ones as the float32 numbers they stand for.
  virtual Tensor unpack(const PackedWeight& w) = 0;
  // Rows [begin, begin + n) of that, to `out` [n, K] on the host; from any thread, also several at once.
  virtual void unpack_rows(const PackedWeight& w, int64_t begin, const Tensor& out);
  // Weights on disk, as they are computed with. The name changes whenever the layout does; "": this backend's
  // weights cannot be kept.
  virtual std::string weight_layout() const { return ""; }
  virtual WeightParts parts(const PackedWeight& w);  // host memory, alive as long as a view of it
  // The way back. It computes in that memory, which must not change (it may be a file's); such a weight
  // cannot be repacked. What is not of this layout throws std::invalid_argument.
  virtual Weight from_parts(const WeightParts& parts);
  // a [R, K], b [O, R], float32 on the host. y += scale * (x a^T) b^T. `base` is the stored type of the
  // weight it stands beside: its products are as exact as that weight's.
  virtual Lora pack_lora(const Tensor& a, const Tensor& b, float scale, DType base) = 0;
  virtual void repack_lora(PackedLora& lora, const Tensor& a, const Tensor& b, float scale) = 0;
  // The same for many pairs, from device memory: a trained adapter's values need not pass through the host.
  virtual void repack_loras(std::span<const LoraValues> values);

  // ---- rows ---------------------------------------------------------------------------------------
  // Calls body for pieces that make up the rows [0, n), from several threads at once, or once for all of
  // them. body calls ops on slices of those rows alone, the same ones for every piece, and none that lets
  // rows see one another (attention, losses). The bits, sums over rows included, are those of one call for
  // all rows. `weights`: those that body goes back through (linear_backward, with gradients at most once for
  // each). What a body throws is thrown here. A backend cuts where a piece's numbers then stay in a core's
  // cache from op to op.
  using RowsBody = std::function<void(const RowPiece&)>;
  // The rows that buffers of working memory need for by_rows() of `n` rows and of fewer.
  virtual int64_t working_rows(int64_t n) const { return n; }
  virtual void by_rows(int64_t n, [[maybe_unused]] std::span<const Weight> weights, const RowsBody& body) {
    if (n > 0) body({0, n, 0});
  }

  // ---- work that comes again ----------------------------------------------------------------------
  // Calls body, which queues work. The last time `key` came it was probably the same ops of the same shapes,
  // in one order: a backend may find out what body asks for first and then send all of it at once. Tensors
  // that body makes and lets go, and lists, may be others each time. What waits for the queue (download,
  // sum_squares) is better outside.
  virtual void repeated([[maybe_unused]] uint64_t key, const std::function<void()>& body) { body(); }

  // ---- linear -------------------------------------------------------------------------------------
  // y [N, O] = x [N, K] w^T + bias [O] + for each segment scale * s b^T with s = D(x) a^T.
  // `s` [N, Rmax] keeps x a^T for the backward pass (columns past a segment's own rank are undefined);
  // pass an empty tensor when no gradient will be asked for. `bias` may be empty.
  virtual void linear(const Tensor& x, const PackedWeight& w, const Tensor& bias,
                      std::span<const LoraSegment> segments, const Tensor& s, const Tensor& y) = 0;

  // The same for several weights at once (a block's queries, keys and values; its gate and up): the bits of
  // one call each, which is what happens unless a backend knows better.
  virtual void linears(const Tensor& x, std::span<const LinearJob> jobs) {
    for (const LinearJob& job : jobs) {
      linear(x, job.w, job.bias, job.segments, job.s, job.y);
      if (job.residual) add(*job.residual, job.y);
    }
  }
  // rms_norm, or swiglu, and the products of what it gives: the bits of the two calls, which is what happens
  // unless a backend rounds rows for their products where it makes them. `normed` and `h` are left as those
  // ops leave them; they share no memory with what they are made of.
  virtual void norm_linears(const Tensor& x, const Tensor& gain, float epsilon, const Tensor& normed,
                            const Tensor& rstd, std::span<const LinearJob> jobs) {
    rms_norm(x, gain, epsilon, 1, normed, rstd);
    linears(normed, jobs);
  }
  virtual void swiglu_linears(const Tensor& gate, const Tensor& up, const Tensor& h,
                              std::span<const LinearJob> jobs) {
    swiglu(gate, up, h);
    linears(h, jobs);
  }

  // dx [N, K] (=, or += with `accumulate`) = dy w + for each segment D(scale * dy b a). Needs a weight packed
  // for backward. With non-empty `gradients` (one per segment): ds = scale * dy b; db += scale * dy^T s; da
  // += ds^T D(x). An empty dx skips the input's gradient (the lowest adapted layer).
  virtual void linear_backward(const Tensor& dy, const Tensor& x, const PackedWeight& w,
                               std::span<const LoraSegment> segments, const Tensor& s,
                               std::span<const LoraGradient> gradients, const Tensor& dx,
                               bool accumulate) = 0;

  // Full-weight training: dw [O, K] float32 += dy^T x; dbias [O] += column sums of dy (empty = skip).
  virtual void linear_backward_weight(const Tensor& dy, const Tensor& x, const Tensor& dw,
                                      const Tensor& dbias) = 0;

  // ---- embedding ----------------------------------------------------------------------------------
  // y [N, C] = rows `ids` of the table [V, C]. The table is a PackedWeight so that a tied head shares it.
  virtual void embedding(std::span<const int32_t> ids, const PackedWeight& table, const Tensor& y) = 0;
  virtual void embedding_backward(std::span<const int32_t> ids, const Tensor& dy,
                                  const Tensor& dtable) = 0;  // +=

  // ---- norms and elementwise ----------------------------------------------------------------------
  // y = x * rstd * gain with rstd = 1 / sqrt(mean(x^2) + epsilon) [N, groups]; gain [C / groups] float32.
  // groups > 1 normalises each group of C / groups channels on its own (q/k norm of Qwen3).
  // Zhang and Sennrich 2019, eq. 4. `rstd` may be empty when no gradient will be asked for.
  virtual void rms_norm(const Tensor& x, const Tensor& gain, float epsilon, int64_t groups, const Tensor& y,
                        const Tensor& rstd) = 0;
  // dx (=, or += with accumulate); dgain += unless empty. x is the input of the forward pass.
  virtual void rms_norm_backward(const Tensor& dy, const Tensor& x, const Tensor& gain, const Tensor& rstd,
                                 int64_t groups, const Tensor& dx, bool accumulate, const Tensor& dgain) = 0;
  virtual void add(const Tensor& x, const Tensor& y) = 0;  // y += x

  // Rotates pairs (i, i + D/2) of each of the x [N, heads * D] heads in place by the angle of its row's
  // position: table [positions, D] holds cos of the D/2 angles, then sin. `inverse` rotates back, which is
  // the backward pass. Su et al. 2021, eq. 34, in the half-split layout of Hugging Face.
  virtual void rope(const Tensor& x, std::span<const int32_t> positions, const Tensor& table,
                    int64_t head_size, bool inverse) = 0;
  // Each of several tensors of the same rows: queries and keys.
  virtual void ropes(std::span<const Tensor> all, std::span<const int32_t> positions, const Tensor& table,
                     int64_t head_size, bool inverse) {
    for (const Tensor& x : all) rope(x, positions, table, head_size, inverse);
  }

  // h = silu(gate) * up. The backward pass overwrites gate with dgate and up with dup, and leaves h again in
  // `h` unless it is empty (so that the forward pass need not keep it).
  virtual void swiglu(const Tensor& gate, const Tensor& up, const Tensor& h) = 0;
  virtual void swiglu_backward(const Tensor& dh, const Tensor& gate, const Tensor& up, const Tensor& h) = 0;

  // ---- attention ----------------------------------------------------------------------------------
  // q [N, H*D], k and v [N, G*D], out [N, H*D]; lse [N, H] float32 (log-sum-exp of the scaled scores) may
  // be empty when no gradient will be asked for. Head h reads key/value head h / (H / G).
  // The full matrix of scores never exists (Dao et al. 2022, algorithm 1).
  virtual void attention(const Tensor& q, const Tensor& k, const Tensor& v, Ragged rows,
                         const AttentionShape& shape, const Tensor& out, const Tensor& lse) = 0;
  virtual void attention_backward(const Tensor& dout, const Tensor& q, const Tensor& k, const Tensor& v,
                                  const Tensor& out, const Tensor& lse, Ragged rows,
                                  const AttentionShape& shape, const Tensor& dq, const Tensor& dk,
                                  const Tensor& dv) = 0;
  // What a paged cache for attention of this shape holds: a backend that rounds keys and values anyway, as
  // shape.precision lets it, needs no more than that.
  virtual DType cache_dtype([[maybe_unused]] const AttentionShape& shape,
                            [[maybe_unused]] int64_t page_size) const {
    return activation_dtype();
  }
  // Writes each sequence's rows of k and v into its pages, then attention of its queries over all its keys,
  // in the same order of additions as `attention` over the whole sequence: the same bits.
  virtual void attention_paged(const Tensor& q, const Tensor& k, const Tensor& v,
                               std::span<const PagedSequence> sequences, const AttentionShape& shape,
                               const PagedCache& cache, const Tensor& out) = 0;
  // What lies between a layer's two stretches of rows: rope of q and k, in place, then attention_paged, then
  // the products of `out`. A device turns keys on their way into the pages and rounds `out` for its products
  // where it makes it.
  virtual void rope_attention_paged(const Tensor& q, const Tensor& k, const Tensor& v,
                                    std::span<const int32_t> positions, const Tensor& table,
                                    std::span<const PagedSequence> sequences, const AttentionShape& shape,
                                    const PagedCache& cache, const Tensor& out,
                                    std::span<const LinearJob> jobs) {
    const Tensor turned[] = {q, k};
    ropes(turned, positions, table, shape.head_size, false);
    attention_paged(q, k, v, sequences, shape, cache, out);
    linears(out, jobs);
  }

  // ---- loss ---------------------------------------------------------------------------------------
  // Rows with targets[n] >= 0 are gathered, multiplied by the head [V, C] in chunks, and turned into losses
  // and gradients in place; the full [N, V] never exists. losses [N] float32 = -log softmax(h w^T +
  // bias)[target], 0 for the other rows. dh [N, C] (=) = weights[n] * d losses[n] / d h[n]; empty skips it.
  // dhead [V, C] float32 += when not empty. Where a loss is not finite the row's gradient is not a number
  // either, so that whoever looks at gradients alone knows of it.
  virtual void cross_entropy(const Tensor& h, const PackedWeight& head, std::span<const int32_t> targets,
                             std::span<const float> weights, const Tensor& losses, const Tensor& dh,
                             const Tensor& dhead) = 0;

  // ---- choosing -----------------------------------------------------------------------------------
  // Of each row of logits [N, V] one token, drawn as draws[n] says (ops/draw.h): in out [N, 1] int32 its id,
  // or kBrokenLogits, or kNothingLikely. A row knows no other row; where a draw changes it (penalties, what
  // is allowed) it may be left changed. For backends whose memory the host cannot read: a row of the
  // vocabulary is long.
  virtual void draw(const Tensor& logits, std::span<const Draw> draws, const Tensor& out);
  // What a likelihood needs of each row of logits [N, V] and one of its columns: in out [N, 5] int32 the
  // index of the row's largest number (of equal ones the first), the bits of that number, of the one at
  // targets[n], and of the sum of exp(number - largest), a double, its lower half first. A row that holds NaN
  // or +infinity: its largest is NaN, and nothing else counts. For backends whose memory the host cannot
  // read.
  static constexpr int64_t kScoreWords = 5;
  virtual void score(const Tensor& logits, std::span<const int32_t> targets, const Tensor& out);
  // Of one row of logits that the host can read, none of them NaN or +infinity; `largest` is its own largest.
  // weights[i] = exp((logits[i] - largest) / temperature), temperature >= kLeastTemperature. From any thread.
  static constexpr float kLeastTemperature = 1e-30f;  // below, nothing but the largest weighs anything
  virtual void exp_weights(std::span<const float> logits, float largest, float temperature,
                           std::span<float> weights) const;
  // The sum of exp(logits[i] - largest).
  virtual double sum_exp(std::span<const float> logits, float largest) const;

  // ---- optimizer ----------------------------------------------------------------------------------
  // Sum of squares in double, in fixed order.
  virtual double sum_squares(const Tensor& x) = 0;
  // Decoupled weight decay, Loshchilov and Hutter 2019, algorithm 2. All float32 of one shape; `gradient` is
  // left as it was.
  virtual void adamw(const Tensor& parameter, const Tensor& gradient, const Tensor& m, const Tensor& v,
                     const AdamW& options) = 0;
  // Both for all parameter sets of a step, each clipped by its own norm as torch's clip_grad_norm_ does it:
  // gradient_scale = min(1, max_grad_norm / (norm + 1e-6)), norm the root of sum_squares. `norms` int64, one
  // per update: the bits of these doubles. Where one of them is not finite, nothing else changes. The host
  // need not wait for any of it.
  virtual void clipped_adamw(std::span<const ClippedUpdate> updates, const Tensor& norms);

  // ---- ranks --------------------------------------------------------------------------------------
  // Whether it could sum over the ranks of a run itself; asked once a run, it may open a library.
  virtual Collective collective() { return {}; }
  // Where all ranks agreed to. Collective itself; the ranks outlive what it makes.
  virtual std::unique_ptr<DeviceRanks> join_ranks(const RankCalls& calls);
};

}  // namespace whorl::ops

#pragma once
// The table of kernels that each instruction set fills in. A kernel runs on one thread, knows pointers and
// strides only, and computes a piece that its caller cut; the ops (one file each in this folder) check
// shapes, cut and share out. Aggregates without default values: nothing here may make the compiler emit an
// inline function into a file compiled with special flags.
#include <cstdint>

namespace whorl::cpu {

// A matrix is packed as panels of 16 columns: element (k, column) of float32 lies at
// [column / 16][k][column % 16]; bfloat16 keeps two k side by side: [column / 16][k / 2][column % 16][k % 2].
// Columns beyond the last are zero.
inline constexpr int64_t kPanel = 16;

// c[rows, columns of panels panel_begin..panel_end) = init + a[rows, k] w.
struct Gemm {
  const float* a;
  int64_t a_stride, rows, k;
  const void* w;
  bool bf16;
  int64_t panel_begin, panel_end, columns;  // columns of the whole matrix
  float* c;                                 // at column 0 of the whole matrix
  int64_t c_stride;
  const float* init;  // null: zeros; stride 0: a bias; c itself: accumulate
  int64_t init_stride;
  float* scratch;  // Kernels::gemm_scratch floats
  // Null, or another product of the same rows of a with weights of the same type: a is packed once for both.
  // Of it only w, panels, columns, c and init count. Only where Kernels::products_at_once is 2.
  const Gemm* beside;
  // Null, or a product whose sums go on where this one's end: c = (init + a[rows, k] w) + a'[rows, k'] w'. Of
  // it only a, a_stride, k and w count, with panels as many and of the same type; a' may be what `beside`
  // makes. Only where k' is at most Kernels::most_behind.
  const Gemm* behind;
  // Null, or rows that Kernels::pack_rows packed for several calls: a is not read. Word i of row r lies at
  // packed[i * packed_step + r]; bfloat16 weights alone.
  const float* packed;
  int64_t packed_step;
};

// Inputs that share a scale, of weights and of activations alike.
inline constexpr int64_t kGroup = 32;

// Gemm with weights of whole numbers and a's rows rounded to int8, group by group; sums of a group are exact,
// groups are added in float32 in order of k. A panel's group holds sixteen scales (float16) and its codes:
// int8 as [k / 4][16 columns][k % 4] + 128; int4 likewise + 8, k = 0..15 in the low and 16..31 in the high
// halves of bytes. A code stands for scale * code; where there are minima (float16, laid out as the scales;
// int4 alone), for scale * stored code - minimum.
struct QuantMatrix {
  const uint8_t* codes;
  const uint16_t *scales, *minima;  // minima may be null
  bool int4;
};
struct QuantGemm {
  const float* a;
  int64_t a_stride, rows, k;
  QuantMatrix w;
  int64_t panel_begin, panel_end, columns;
  float* c;
  int64_t c_stride;
  const float* init;  // null: zeros; else one row for all (a bias), at column 0
  float* scratch;     // Kernels::gemm_quantised_scratch(k) floats
  bool rounded;       // scratch holds what round_rows() made of a for weights of this kind, and is only read
};
inline constexpr int64_t kQuantRows = 48;  // rows rounded at once, and the most that round_rows() takes

// Panel `panel` (16 inputs) of the weights' transpose as Gemm takes it, reduced over the `columns` outputs:
// widened to float32, or rounded to bfloat16 where Kernels::bfloat16_group is 2. `to` has room for whole
// groups of 16 outputs.
struct QuantWiden {
  QuantMatrix w;
  int64_t k, columns, panel;
  float* to;
};

// The same of weights [columns outputs, k inputs] stored whole, packed for products over k: float32 stays
// float32, bfloat16 is widened or stays as it is. `to` as above.
struct PanelTurn {
  const void* w;
  bool bf16;
  int64_t k, columns, panel;
  float* to;
};

// c[m, columns] += scale * a[rows, m]^T b[rows, columns], the sum over rows in row order.
struct GemmOverRows {
  const float* a;
  int64_t a_stride, m;
  const float* b;
  int64_t b_stride, columns;
  int64_t rows;
  float scale;
  float* c;
  int64_t c_stride;
  float* scratch;  // Kernels::over_rows_scratch floats
};

// Keys and values of one sequence and one key/value head. Row j lies at k + j * row_stride, or, when there
// are pages, in slot j % page_size of page pages[j / page_size]. Keys of turned pages (whole vectors of
// slots) lie as products want them: number d of slot j at [d][j], head after head. With pairs they are
// rounded, and so are values: a word of k holds numbers 2 d and 2 d + 1 of slot j, one of v number d of slots
// 2 j and 2 j + 1; row_stride counts words.
struct KeySource {
  const float *k, *v;
  int64_t row_stride;
  const int32_t* pages;
  int64_t page_size;
  bool turned, pairs;
};
inline constexpr bool turns_keys(int64_t page_size) { return page_size % kPanel == 0; }

// `rows` queries of one sequence, at positions first, first + 1, …, and the `group` heads that share one
// key/value head. q and out point at the first row and the first of the heads.
struct AttentionTile {
  const float* q;
  int64_t q_stride;
  float* out;
  int64_t out_stride;
  float* lse;  // may be null
  int64_t lse_stride;
  int64_t rows, first, group, head_size;
  float scale;
  int64_t window;
  KeySource keys;
  float* scratch;  // Kernels::attention_scratch(rows * group, head_size) floats
};

// One sequence of `rows` rows and one key/value head; all pointers at the sequence's first row.
struct AttentionGradient {
  const float *dout, *q, *k, *v, *out, *lse;
  float *dq, *dk, *dv;
  int64_t dout_stride, q_stride, k_stride, v_stride, out_stride, lse_stride, dq_stride, dk_stride, dv_stride;
  int64_t rows, group, head_size;
  float scale;
  int64_t window;
  float* scratch;  // Kernels::attention_gradient_scratch(head_size) floats
};

// Everything that depends on the step alone, worked out in double by the caller.
struct AdamWStep {
  float rate;  // learning rate / (1 - beta1^step)
  float beta1, one_minus_beta1, beta2, one_minus_beta2, epsilon;
  float keep;         // 1 - learning rate * weight decay
  float correction2;  // sqrt(1 - beta2^step)
  float gradient_scale;
};

struct Kernels {
  const char* name;
  int64_t bfloat16_group;  // 2: pairs are multiplied, the other operand rounded; 1: weights are widened
  int64_t gemm_scratch, over_rows_scratch;
  void (*gemm)(const Gemm&);
  int64_t products_at_once;  // 2: gemm takes Gemm::beside; 1: it does not
  int64_t most_behind;       // the largest k of Gemm::behind; 1: gemm takes none
  int64_t fewest_rows;       // of a product with one panel: fewer take as long
  // 2: pack_rows packs numbers [begin, end), both multiples of 32 or the last k, of all rows of g.a into `to`
  // (from word 0 of row 0 on, g.packed_step apart), as Gemm::packed has them; 1: gemm does it each time.
  int64_t packs_apart;
  void (*pack_rows)(const Gemm& g, int64_t begin, int64_t end, float* to);
  void (*gemm_over_rows)(const GemmOverRows&);
  void (*turn_panel)(const PanelTurn&);

  int64_t row_panels;    // that gemm takes at once of one long row
  int64_t quant_panels;  // that gemm_quantised takes at once of one row: tasks end at multiples
  int64_t (*gemm_quantised_scratch)(int64_t k);
  void (*gemm_quantised)(const QuantGemm&);
  // Rows [begin, end) of the product's into its scratch: once for several calls of gemm_quantised.
  void (*round_rows)(const QuantGemm&, int64_t begin, int64_t end);
  void (*widen_quantised)(const QuantWiden&);

  int64_t (*attention_scratch)(int64_t queries, int64_t head_size);
  void (*attention)(const AttentionTile&);
  int cache_bytes;  // of a number that attention_pairs reads from turned pages: 2 as pairs, 4 as it is
  void (*attention_pairs)(
      const AttentionTile&);  // operands of its products rounded to bfloat16, where faster
  int64_t (*attention_gradient_scratch)(int64_t head_size);
  void (*attention_gradient)(const AttentionGradient&);
  void (*attention_gradient_pairs)(const AttentionGradient&);

  // Rows of n numbers.
  float (*rms_norm)(int64_t n, const float* x, const float* gain, float epsilon, float* y);  // returns rstd
  void (*rms_norm_gradient)(int64_t n, const float* dy, const float* x, const float* gain, float rstd,
                            float* dx, bool accumulate);
  void (*rms_norm_gain)(int64_t n, const float* dy, const float* x, float rstd, float* dgain);
  void (*add)(int64_t n, const float* x, float* y);
  void (*rotate)(int64_t half, float* x, const float* table, bool inverse);
  void (*swiglu)(int64_t n, const float* gate, const float* up, float* h);
  void (*swiglu_gradient)(int64_t n, const float* dh, float* gate, float* up, float* h);
  float (*row_max)(int64_t n, const float* x);
  double (*row_sum_exp)(int64_t n, const float* x, float max);
  void (*row_weights)(int64_t n, const float* x, float max, float factor, float* w);  // exp(factor (x - max))
  // x = factor * exp(x - lse)
  void (*row_softmax)(int64_t n, float* x, float lse, float factor);
  double (*sum_squares)(int64_t n, const float* x);
  void (*adamw)(int64_t n, float* parameter, const float* gradient, float* m, float* v,
                const AdamWStep& step);
};

}  // namespace whorl::cpu

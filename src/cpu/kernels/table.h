#pragma once
// Included last by isa_<name>.cc: the table of what was compiled there.
namespace whorl::cpu::WHORL_ISA {

static constexpr Kernels make_table(const char* name) {
  return Kernels{name,
                 Bfloat16::kGroup,
                 kGemmScratch,
                 kOverRowsScratch,
                 gemm,
                 2,
                 Bfloat16::kWidens ? 1 : kMostBehind,
                 kFewestRows,
                 kPacksApart,
                 packs_rows<Bfloat16>(),
                 gemm_over_rows,
                 turn_panel,
                 kLongRowPanels,
                 kOneRowPanels,
                 gemm_quantised_scratch,
                 gemm_quantised,
                 round_rows,
                 widen_quantised,
                 attention_scratch,
                 attention,
                 kCacheBytes,
                 attention_pairs,
                 attention_gradient_scratch,
                 attention_gradient,
                 attention_gradient_pairs,
                 rms_norm,
                 rms_norm_gradient,
                 rms_norm_gain,
                 add_row,
                 rotate,
                 swiglu,
                 swiglu_gradient,
                 row_max,
                 row_sum_exp,
                 row_weights,
                 row_softmax,
                 sum_squares,
                 adamw};
}

}  // namespace whorl::cpu::WHORL_ISA

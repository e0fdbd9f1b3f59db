#pragma once
// Where no pairs of bfloat16 are multiplied, or more slowly than float32 (Features::slow_pairs), rounding
// would only lose.
#include "cpu/kernels/attention_gradient.h"

namespace whorl::cpu::WHORL_ISA {

constexpr int kCacheBytes = 4;
static constexpr auto attention_pairs = attention;
static constexpr auto attention_gradient_pairs = attention_gradient;

}  // namespace whorl::cpu::WHORL_ISA

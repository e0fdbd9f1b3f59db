#pragma once
// Two steps of a product with stored bfloat16 weights and several rows. Twelve sums, two halves of the
// weights, the mask of a word's upper number and one number of a row fill the sixteen registers exactly.
// Written as instructions: a compiler fetches the second step's operands early and spills sums (GCC 12: two
// thirds of the speed).
#include <immintrin.h>

#include <cstdint>

namespace whorl::cpu::WHORL_ISA {

constexpr int kPairRows = 3;           // from so many rows on add_pair() is there
constexpr int64_t kTilesInBlocks = 2;  // from so many tiles of rows on a panel is walked block by block,
constexpr int64_t kTilesWidened = 9;   // and from so many each block is widened once for all of them

#define WHORL_ROW(r, at)                            \
  "vbroadcastss 4*(" #at "+" #r ")(%[a]), %[x]\n\t" \
  "vfmadd231ps %[w0], %[x], %[p" #r "]\n\t"         \
  "vfmadd231ps %[w1], %[x], %[q" #r "]\n\t"
#define WHORL_ROWS3(at) WHORL_ROW(0, at) WHORL_ROW(1, at) WHORL_ROW(2, at)
#define WHORL_ROWS4(at) WHORL_ROWS3(at) WHORL_ROW(3, at)
#define WHORL_ROWS5(at) WHORL_ROWS4(at) WHORL_ROW(4, at)
#define WHORL_ROWS6(at) WHORL_ROWS5(at) WHORL_ROW(5, at)
#define WHORL_SUM(r) [p##r] "+x"(acc[r][0].a), [q##r] "+x"(acc[r][0].b)
#define WHORL_SUMS3 WHORL_SUM(0), WHORL_SUM(1), WHORL_SUM(2)
#define WHORL_SUMS4 WHORL_SUMS3, WHORL_SUM(3)
#define WHORL_SUMS5 WHORL_SUMS4, WHORL_SUM(4)
#define WHORL_SUMS6 WHORL_SUMS5, WHORL_SUM(5)

// The lower numbers of sixteen words and the rows' first numbers, then the upper and the second ones.
#define WHORL_PAIR(R)                                                                                  \
  static inline __attribute__((always_inline)) void add_pair(Vec(&acc)[R][1], const float* a,          \
                                                             const uint32_t* w, __m256i upper) {       \
    __m256 w0, w1, x;                                                                                  \
    __asm__ volatile(                                                                                  \
        "vmovdqu (%[w]), %[w0]\n\tvpslld $16, %[w0], %[w0]\n\t"                                        \
        "vmovdqu 32(%[w]), %[w1]\n\tvpslld $16, %[w1], %[w1]\n\t" WHORL_ROWS##R(                       \
            0) "vpand (%[w]), %[upper], %[w0]\n\tvpand 32(%[w]), %[upper], %[w1]\n\t" WHORL_ROWS##R(R) \
        : WHORL_SUMS##R, [w0] "=&x"(w0), [w1] "=&x"(w1), [x] "=&x"(x)                                  \
        : [a] "r"(a), [w] "r"(w), [upper] "x"(upper)                                                   \
        : "memory");                                                                                   \
  }
WHORL_PAIR(3)
WHORL_PAIR(4)
WHORL_PAIR(5)
WHORL_PAIR(6)
#undef WHORL_PAIR

// All words of a tile whose rows lie side by side: row r's numbers of two steps are a[r] and a[R + r]. Memory
// is asked for well ahead, a line a step.
template <int R>
static inline __attribute__((always_inline)) void add_pairs(Vec (&acc)[R][1], const float* a,
                                                            const uint32_t* w, int64_t words) {
  constexpr int64_t kAhead = 128 * kPanel;
  const __m256i upper = _mm256_set1_epi32(static_cast<int>(0xffff0000u));
  for (int64_t i = 0; i < words; ++i, a += 2 * R, w += kPanel) {
    __builtin_prefetch(w + kAhead, 0, 2);
    add_pair(acc, a, w, upper);
  }
}

}  // namespace whorl::cpu::WHORL_ISA

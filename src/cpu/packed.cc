#include "cpu/packed.h"

#include <algorithm>
#include <cstring>

#include "base/check.h"
#include "cpu/checks.h"
#include "cpu/interleave.h"
#include "cpu/memory.h"

namespace whorl::cpu {

namespace {
int64_t panels_of(int64_t columns) { return (columns + kPanel - 1) / kPanel; }
// Numbers of k as stored: bfloat16 keeps pairs.
int64_t stored_k(DType dtype, int64_t k) { return dtype == DType::bfloat16 ? (k + 1) / 2 * 2 : k; }

template <class T, class Cpu, class Base>
T& cast(Base& base, const char* what) {
  auto* mine = dynamic_cast<Cpu*>(&base);
  base::check_argument(mine != nullptr, "[cpu] expected a ", what, " packed by the cpu backend");
  return *mine;
}
}  // namespace

Panels::Panels(DType dtype, int64_t k, int64_t columns)
    : dtype_(dtype),
      k_(k),
      columns_(columns),
      memory_(zeroed_tensor(dtype, {panels_of(columns), stored_k(dtype, k), kPanel})) {}

Panels::Panels(const Tensor& memory, int64_t k, int64_t columns)
    : dtype_(memory.dtype()), k_(k), columns_(columns), memory_(memory), borrowed_(true) {
  base::check_argument(dtype_ == DType::float32 || dtype_ == DType::bfloat16,
                       "[Panels] expected float32 or bfloat16, got ", name_of(dtype_));
  expect("from_parts", "panels", memory, {panels_of(columns), stored_k(dtype_, k), kPanel}, dtype_);
}

int64_t Panels::panels() const { return panels_of(columns_); }

int64_t Panels::offset(int64_t k, int64_t column) const {
  const int64_t panel = column / kPanel * stored_k(dtype_, k_) * kPanel, lane = column % kPanel;
  return bf16() ? panel + k / 2 * 2 * kPanel + lane * 2 + k % 2 : panel + k * kPanel + lane;
}

// value(i) is the number that belongs where the source's element i goes.
template <class Stored, class Value>
void Panels::place(base::ThreadPool& pool, int64_t k_step, int64_t column_step, const Value& value) {
  constexpr int64_t kInWord = 4 / sizeof(Stored);
  Stored* const memory = memory_.data<Stored>();
  // Sixteen words of one panel at a time: both sides of the transposition stay in the first-level cache.
  pool.run(panels(), [&](int64_t panel) {
    const int64_t first = panel * kPanel, last = std::min(first + kPanel, columns_);
    Stored* const to = memory + offset(0, first);
    for (int64_t k0 = 0; k0 < k_; k0 += 16 * kInWord)
      for (int64_t column = first; column < last; ++column)
        for (int64_t k = k0; k < std::min(k0 + 16 * kInWord, k_); ++k)
          to[k / kInWord * kInWord * kPanel + (column - first) * kInWord + k % kInWord] =
              value(k * k_step + column * column_step);
  });
}

// Rows that lie as a checkpoint has them: whole panels move word by word, what is left over number by number.
template <class Stored>
void Panels::lay(int64_t panel, const Stored* rows, int64_t column_step, int64_t count) const {
  constexpr int64_t kInWord = 4 / sizeof(Stored), kAhead = 16;  // words: a line of every row's memory
  const int64_t words = k_ / kInWord;
  const bool whole = count == kPanel;
  Stored* const to = memory_.data<Stored>() + offset(0, panel * kPanel);
  for (int64_t w = 0; whole && w < words; w += kAhead)
    interleave(reinterpret_cast<const uint8_t*>(rows), column_step * static_cast<int64_t>(sizeof(Stored)), w,
               std::min(w + kAhead, words), reinterpret_cast<uint8_t*>(to));
  const int64_t first = whole ? words * kInWord : 0;
  std::fill(to + first * kPanel, to + stored_k(dtype_, k_) * kPanel, Stored{});
  for (int64_t column = 0; column < count; ++column)
    for (int64_t k = first; k < k_; ++k) to[offset(k, column)] = rows[column * column_step + k];
}

void Panels::lay_rows(int64_t panel, const void* rows, int64_t column_step, int64_t count) const {
  bf16() ? lay(panel, static_cast<const uint16_t*>(rows), column_step, count)
         : lay(panel, static_cast<const float*>(rows), column_step, count);
}

// Columns that lie side by side, as they do in a transpose: a line of a panel is one or two of its rows.
template <class Stored>
void Panels::place_lines(base::ThreadPool& pool, const Stored* data, int64_t k_step) {
  constexpr int64_t kInWord = 4 / sizeof(Stored);
  Stored* const memory = memory_.data<Stored>();
  pool.run(panels(), [&](int64_t panel) {
    const int64_t first = panel * kPanel, last = std::min(first + kPanel, columns_);
    int64_t k = 0;
    for (; last - first == kPanel && k + kInWord <= k_; k += kInWord) {
      const Stored* from = data + k * k_step + first;
      Stored* to = memory + offset(k, first);
      for (int64_t lane = 0; lane < kPanel; ++lane)
        for (int64_t i = 0; i < kInWord; ++i) to[lane * kInWord + i] = from[i * k_step + lane];
    }
    for (; k < k_; ++k)
      for (int64_t column = first; column < last; ++column)
        memory[offset(k, column)] = data[k * k_step + column];
  });
}

void Panels::fill(base::ThreadPool& pool, const void* data, int64_t k_step, int64_t column_step) {
  const auto place_all = [&]<class Stored>(const Stored* from) {
    if (k_step != 1) return place_lines(pool, from, k_step);
    pool.run(panels(), [&](int64_t panel) {
      const int64_t first = panel * kPanel;
      lay(panel, from + first * column_step, column_step, std::min(kPanel, columns_ - first));
    });
  };
  base::check_argument(k_step == 1 || column_step == 1,
                       "[Panels] expected neighbours in a row or in a column");
  bf16() ? place_all(static_cast<const uint16_t*>(data)) : place_all(static_cast<const float*>(data));
}

void Panels::fill_scaled(base::ThreadPool& pool, const float* data, int64_t k_step, int64_t column_step,
                         float factor) {
  if (bf16())
    place<uint16_t>(pool, k_step, column_step, [&](int64_t i) { return float_to_bf16(data[i] * factor); });
  else
    place<float>(pool, k_step, column_step, [&](int64_t i) { return data[i] * factor; });
}

void Panels::copy_column(int64_t column, void* out) const {
  const int64_t width = bf16() ? 2 * kPanel : kPanel;
  const int64_t first = offset(0, column);
  if (bf16()) {
    const uint16_t* from = memory_.data<uint16_t>() + first;
    for (int64_t k = 0; k < k_; ++k) static_cast<uint16_t*>(out)[k] = from[k / 2 * width + k % 2];
  } else {
    const float* from = memory_.data<float>() + first;
    for (int64_t k = 0; k < k_; ++k) static_cast<float*>(out)[k] = from[k * width];
  }
}

void Panels::copy_columns(int64_t begin, int64_t end, void* out) const {
  const auto width = static_cast<int64_t>(size_of(dtype_)), stride = k_ * width;
  auto* to = static_cast<uint8_t*>(out);
  for (int64_t column = begin; column < end;)
    if (column % kPanel == 0 && end - column >= kPanel && stride % 4 == 0) {
      const auto* panel = static_cast<const uint8_t*>(memory_.raw()) + offset(0, column) * width;
      separate(panel, stride / 4, to + (column - begin) * stride, stride);
      column += kPanel;
    } else {
      copy_column(column, to + (column - begin) * stride);
      ++column;
    }
}

void Panels::copy_column_wide(int64_t column, float* out) const {
  if (!bf16()) return copy_column(column, out);
  const uint16_t* from = memory_.data<uint16_t>() + offset(0, column);
  for (int64_t k = 0; k < k_; ++k) out[k] = bf16_to_float(from[k / 2 * 2 * kPanel + k % 2]);
}

const CpuWeight& as_cpu(const ops::PackedWeight& weight) {
  return cast<const CpuWeight, const CpuWeight>(weight, "weight");
}
CpuWeight& as_cpu(ops::PackedWeight& weight) { return cast<CpuWeight, CpuWeight>(weight, "weight"); }
const CpuLora& as_cpu(const ops::PackedLora& lora) {
  return cast<const CpuLora, const CpuLora>(lora, "adapter");
}

}  // namespace whorl::cpu

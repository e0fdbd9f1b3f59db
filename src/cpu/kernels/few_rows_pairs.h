#pragma once
// The names of few_rows.h where pairs of bfloat16 are multiplied and there are no tiles. Measured on an EPYC:
// it looks far enough ahead by itself, and asking costs one row a quarter of its speed; many rows it keeps
// too busy.
namespace whorl::cpu::WHORL_ISA {

constexpr int kRowsThatAsk = 8;
constexpr int kRowsThatAskCodes = 2;
constexpr int kCodePanels = 1;
constexpr int kLongRowPanels = 1;

}  // namespace whorl::cpu::WHORL_ISA

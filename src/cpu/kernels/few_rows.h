#pragma once
// How few rows meet weights that come from memory. Measured on Xeons: the machine's own guess is too short.
namespace whorl::cpu::WHORL_ISA {

constexpr int kRowsThatAsk = 1;       // so many rows and more ask for weights ahead of their turn
constexpr int kRowsThatAskCodes = 1;  // the same for weights of whole numbers
constexpr int kCodePanels = 4;        // panels of whole numbers that one row meets at once
constexpr int kLongRowPanels = 8;     // panels of other weights that one row of a long product meets at once

}  // namespace whorl::cpu::WHORL_ISA

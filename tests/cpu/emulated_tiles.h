#pragma once
// The tests' own copy of the emulated tiles, with a state of its own.
#define WHORL_ISA tiles_under_test
#include "cpu/kernels/tiles_emulated.h"
#undef WHORL_ISA

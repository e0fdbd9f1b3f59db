#pragma once
#include "ops/checks.h"

namespace whorl::cpu {

using ops::expect;
using ops::expect_below;
using ops::expect_count;
using ops::expect_dense;
using ops::expect_matrix;
using ops::expect_optional;
using ops::group_size;

}  // namespace whorl::cpu

#pragma once
// Equality of JSON values.
#include <nlohmann/json_fwd.hpp>

#include "base/json.h"

namespace whorl::eval {

// As JSON means it: 1 equals 1.0, keys in any order, true is not 1. Whole numbers that a double cannot hold
// are compared as whole numbers.
bool same_value(const base::Json& a, const base::Json& b);

// As Python's == finds: the same, but True equals 1 and False equals 0, at any depth.
bool same_in_python(const base::Json& a, const base::Json& b);

}  // namespace whorl::eval

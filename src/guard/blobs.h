#pragma once
// Text that a token hides by writing it in base64 or hexadecimal.
#include <cstddef>
#include <string>
#include <vector>

#include "guard/pieces.h"

namespace whorl::guard {

struct Blob {
  size_t begin = 0, end = 0;  // in the original text
  std::string decoded;
};
// Runs of 16 characters and more that decode to something that reads as text; several readings of one run are
// several blobs.
std::vector<Blob> blobs_in(const Pieces& token);

}  // namespace whorl::guard

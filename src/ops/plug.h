#pragma once
// How a backend that lives in a shared library of its own is reached: the library exports one extern "C"
// function of this type, under kPlugSymbol. Until both sides have compared version and build they exchange
// nothing but the plain numbers and characters of a PlugCall, whose first three members never move.
#include <cstdint>

#include "ops/backend.h"

namespace whorl::ops {

struct PlugDevice {
  char name[96];               // "NVIDIA H100 80GB HBM3"
  uint64_t memory, available;  // bytes
  int32_t major, minor;        // compute capability
};

struct PlugCall {
  int32_t contract_version;  // the caller's on the way in, the library's on the way out
  char build[116];           // likewise; see build_id.h
  char refusal[520];         // out: why there is no backend, one sentence; empty = none asked for, or made
  int32_t device;            // in: which one to open; -1 = only tell what is there
  const char* folders;   // in: where NVIDIA's libraries may be, separated by ':', before the system's places
  int32_t device_count;  // out
  PlugDevice devices[16];  // out
  Backend* backend;        // out: the caller deletes it
};

using PlugFunction = void (*)(PlugCall*);
inline constexpr char kPlugSymbol[] = "whorl_backend";

}  // namespace whorl::ops

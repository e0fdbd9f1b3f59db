// A library that claims to be Whorl's CUDA backend and is not; one fault each.
#include <cstring>

#include "ops/plug.h"

#ifndef PLANTED_function
extern "C" __attribute__((visibility("default"))) void whorl_backend(whorl::ops::PlugCall* call) {
#ifdef PLANTED_contract
  call->contract_version = whorl::ops::kContractVersion + 1;
#else
  std::strcpy(call->build, "0.0.0-00000000-GNU-1");
#endif
  call->backend = reinterpret_cast<whorl::ops::Backend*>(8);  // whoever believes it falls
}
#endif

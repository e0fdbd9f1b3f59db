#pragma once
// For the two sources on both sides of the plug, which the build tells what to say.
namespace whorl::ops {

// "0.1.0-1f2e3d4c-GNU-12": version, digest of the headers that both sides must agree on, and compiler.
inline const char* build_id() { return WHORL_BUILD_ID; }

}  // namespace whorl::ops

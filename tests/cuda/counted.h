#pragma once
// What the emulated device counts.
#include <dlfcn.h>

#include <cstdint>
#include <string>

namespace whorl {

// "launches", "uploads" ... since the start of the process; "memory_peak" since it was last asked.
inline int64_t counted(const std::string& what) {
  void* const library = dlopen(WHORL_EMULATED_LIBRARY, RTLD_NOW | RTLD_LOCAL);
  return reinterpret_cast<int64_t (*)()>(dlsym(library, ("whorl_emulated_" + what).c_str()))();
}

}  // namespace whorl

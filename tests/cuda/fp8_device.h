#pragma once
// The emulated device by what its library has of FP8.
#include <cstdlib>
#include <filesystem>

#include "cuda/counted.h"
#include "ops/device.h"
#include "ops/library_folders.h"

namespace whorl::ops {

// `fp8`: products with scales ("scaled"), their sums alone ("sums"), none ("refused"); "": there is no
// library. Up to `few_rows` are a kernel's of its own where there is one.
inline std::shared_ptr<Backend> open_with_fp8(const std::string& fp8, const char* few_rows = "0") {
  add_library_folder(std::filesystem::path(WHORL_EMULATED_LIBRARY).parent_path().string());
  if (!fp8.empty()) setenv("WHORL_EMULATED_PRODUCTS", "1", 1);
  setenv("WHORL_EMULATED_FP8", fp8.c_str(), 1);
  setenv("WHORL_CUDA_FEW_ROWS", few_rows, 1);
  auto backend = make_backend("cuda_emulated");
  for (const char* name : {"WHORL_EMULATED_PRODUCTS", "WHORL_EMULATED_FP8", "WHORL_CUDA_FEW_ROWS"})
    unsetenv(name);
  return backend;
}

// What a call adds to what the device counts.
inline int64_t launches_of(const std::function<void()>& call) {
  const int64_t before = counted("launches");
  call();
  return counted("launches") - before;
}
// The most memory that a call takes at a time.
inline int64_t taken_by(const std::function<void()>& call) {
  counted("memory_peak");
  const int64_t before = counted("memory_peak");
  call();
  return counted("memory_peak") - before;
}

}  // namespace whorl::ops

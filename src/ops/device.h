#pragma once
// The one door to a backend: everybody asks here, nobody includes src/cpu or cuda/.
#include <memory>
#include <stdexcept>
#include <string>

#include "ops/backend.h"

namespace whorl::ops {

// A device has too little memory for what was asked of it. `make_backend("auto")` leaves it to its caller to
// go on with the CPU.
struct DeviceMemoryError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// `device`: "cpu"; "cuda" or "cuda:1" (the first GPU, or that one), an error where there is none to be had;
// or "auto", the first GPU where there is one and else the CPU, with a line in the log that says why.
// "cuda_emulated" runs the GPU's code on the CPU, slowly: for tests. `threads` <= 0: all that this process
// may use. An unknown device is an invalid_argument; one that this build or machine lacks is a runtime_error
// that says what is missing.
std::shared_ptr<Backend> make_backend(const std::string& device, int threads = 0);

// Where libraries that are opened at run time (libwhorl_cuda.so, NVIDIA's) are looked for, before the folder
// that this code was loaded from. Any thread, any time; it holds for what is opened later.
void add_library_folder(const std::string& folder);

// What the machine has, best first, of those that have kernels: "amx", "avx512_bf16", "avx512_vnni",
// "avx512", "avx_vnni", "avx2", "generic". WHORL_ISA forces one of these, or "amx_emulated", which is for
// tests.
std::vector<std::string> available_isas();

}  // namespace whorl::ops

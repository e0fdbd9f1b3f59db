#pragma once
// cuBLASLt, opened at run time: NVIDIA's libraries are never part of Whorl's wheel.
#include <cublasLt.h>

#include <map>
#include <mutex>
#include <vector>

#include "cuda/device/on_cuda.h"

namespace whorl::cuda::device {

// The functions that are used, under their own names.
struct CublasLtFunctions {
  decltype(&::cublasLtCreate) create;
  decltype(&::cublasLtDestroy) destroy;
  decltype(&::cublasLtMatmul) matmul;
  decltype(&::cublasLtMatmulAlgoGetHeuristic) heuristic;
  decltype(&::cublasLtMatmulDescCreate) desc_create;
  decltype(&::cublasLtMatmulDescDestroy) desc_destroy;
  decltype(&::cublasLtMatmulDescSetAttribute) desc_set;
  decltype(&::cublasLtMatrixLayoutCreate) layout_create;
  decltype(&::cublasLtMatrixLayoutDestroy) layout_destroy;
  decltype(&::cublasLtMatrixLayoutSetAttribute) layout_set;
  decltype(&::cublasLtMatmulPreferenceCreate) preference_create;
  decltype(&::cublasLtMatmulPreferenceDestroy) preference_destroy;
  decltype(&::cublasLtMatmulPreferenceSetAttribute) preference_set;
};

class CublasLt {
 public:
  // std::runtime_error where the library is nowhere to be found.
  explicit CublasLt(const std::string& folders);
  ~CublasLt();
  CublasLt(const CublasLt&) = delete;
  CublasLt& operator=(const CublasLt&) = delete;

  // Runtime::multiply on `stream`. The algorithm of each shape is asked for once.
  bool multiply(const Runtime::Product& product, cudaStream_t stream);
  // Whether it would.
  bool knows(const Runtime::Product& product);

 private:
  // Everything that the choice of an algorithm depends on.
  using Key = std::vector<int64_t>;
  struct Plan {
    cublasLtMatmulDesc_t desc = nullptr;
    cublasLtMatrixLayout_t a = nullptr, b = nullptr, c = nullptr;
    cublasLtMatrixLayout_t before = nullptr;  // of what is added to: c itself, or a residual
    cublasLtMatmulAlgo_t algorithm{};
    bool known = false;  // false: the library has no algorithm
  };
  Plan make(const Runtime::Product& p);
  void place(const Plan& plan, const Runtime::Product& p);
  void place_scales(const Plan& plan, const Runtime::Product& p);
  const Plan& plan_of(const Runtime::Product& p);  // with the lock held
  void drop(Plan& plan);

  CublasLtFunctions call_{};
  cublasLtHandle_t handle_ = nullptr;
  void* workspace_ = nullptr;
  std::mutex mutex_;
  std::map<Key, Plan> plans_;
};

}  // namespace whorl::cuda::device

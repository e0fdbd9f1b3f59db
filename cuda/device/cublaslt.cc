#include "cuda/device/cublaslt.h"

#include "base/check.h"
#include "cuda/library.h"

namespace whorl::cuda::device {

namespace {
constexpr size_t kWorkspace = 32 << 20;

void check(cublasStatus_t status, const char* what) {
  if (status != CUBLAS_STATUS_SUCCESS)
    base::failed("[cuda] cuBLASLt, ", what, ": status ", static_cast<int>(status));
}

int64_t alignment(const void* pointer) {
  const auto at = reinterpret_cast<uintptr_t>(pointer) | 256;
  return static_cast<int64_t>(at & (~at + 1));
}
}  // namespace

CublasLt::CublasLt(const std::string& folders) {
  const Library library("NVIDIA's cuBLASLt", "libcublasLt.so.13", folders);
  library.find("cublasLtCreate", call_.create);
  library.find("cublasLtDestroy", call_.destroy);
  library.find("cublasLtMatmul", call_.matmul);
  library.find("cublasLtMatmulAlgoGetHeuristic", call_.heuristic);
  library.find("cublasLtMatmulDescCreate", call_.desc_create);
  library.find("cublasLtMatmulDescDestroy", call_.desc_destroy);
  library.find("cublasLtMatmulDescSetAttribute", call_.desc_set);
  library.find("cublasLtMatrixLayoutCreate", call_.layout_create);
  library.find("cublasLtMatrixLayoutDestroy", call_.layout_destroy);
  library.find("cublasLtMatmulPreferenceCreate", call_.preference_create);
  library.find("cublasLtMatmulPreferenceDestroy", call_.preference_destroy);
  library.find("cublasLtMatmulPreferenceSetAttribute", call_.preference_set);
  check(call_.create(&handle_), "opening");
  device::check(cudaMalloc(&workspace_, kWorkspace), "cuBLASLt's working memory");
}

CublasLt::~CublasLt() {
  for (auto& [key, plan] : plans_) drop(plan);
  call_.destroy(handle_);
  cudaFree(workspace_);
}

void CublasLt::drop(Plan& plan) {
  if (plan.desc) call_.desc_destroy(plan.desc);
  for (const auto layout : {plan.a, plan.b, plan.c})
    if (layout) call_.layout_destroy(layout);
}

// The library counts columns first: our c [m, n] is its [n, m] = op(b) op(a).
CublasLt::Plan CublasLt::make(const Runtime::Product& p) {
  Plan plan;
  const cudaDataType_t type = p.bfloat16 ? CUDA_R_16BF : CUDA_R_32F, wide = CUDA_R_32F;
  const auto m = static_cast<uint64_t>(p.m), n = static_cast<uint64_t>(p.n), k = static_cast<uint64_t>(p.k);
  check(call_.desc_create(&plan.desc, CUBLAS_COMPUTE_32F, CUDA_R_32F), "a product");
  const cublasOperation_t first = p.b_transposed ? CUBLAS_OP_T : CUBLAS_OP_N,
                          second = p.a_transposed ? CUBLAS_OP_T : CUBLAS_OP_N;
  const auto set = [&](cublasLtMatmulDescAttributes_t what, const auto& value) {
    check(call_.desc_set(plan.desc, what, &value, sizeof value), "a product");
  };
  set(CUBLASLT_MATMUL_DESC_TRANSA, first);
  set(CUBLASLT_MATMUL_DESC_TRANSB, second);
  if (p.bias) {
    set(CUBLASLT_MATMUL_DESC_EPILOGUE, CUBLASLT_EPILOGUE_BIAS);
    set(CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE, wide);
    set(CUBLASLT_MATMUL_DESC_BIAS_POINTER, p.bias);
  }
  const bool bt = p.b_transposed, at = p.a_transposed;
  check(call_.layout_create(&plan.b, type, bt ? k : n, bt ? n : k, p.b_step), "a layout");
  check(call_.layout_create(&plan.a, type, at ? m : k, at ? k : m, p.a_step), "a layout");
  check(call_.layout_create(&plan.c, CUDA_R_32F, n, m, p.c_step), "a layout");
  cublasLtMatmulPreference_t preference = nullptr;
  check(call_.preference_create(&preference), "a preference");
  const auto prefer = [&](cublasLtMatmulPreferenceAttributes_t what, const auto& value) {
    check(call_.preference_set(preference, what, &value, sizeof value), "a preference");
  };
  prefer(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, kWorkspace);
  prefer(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, static_cast<uint32_t>(alignment(p.b)));
  prefer(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, static_cast<uint32_t>(alignment(p.a)));
  prefer(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, static_cast<uint32_t>(alignment(p.c)));
  prefer(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, static_cast<uint32_t>(alignment(p.c)));
  cublasLtMatmulHeuristicResult_t found{};
  int count = 0;
  const cublasStatus_t status =
      call_.heuristic(handle_, plan.desc, plan.b, plan.a, plan.c, plan.c, preference, 1, &found, &count);
  call_.preference_destroy(preference);
  plan.known = status == CUBLAS_STATUS_SUCCESS && count > 0;
  plan.algorithm = found.algo;
  return plan;
}

bool CublasLt::multiply(const Runtime::Product& p, cudaStream_t stream) {
  const Key key{p.m,
                p.n,
                p.k,
                p.a_step,
                p.b_step,
                p.c_step,
                p.a_transposed,
                p.b_transposed,
                p.bfloat16,
                p.bias != nullptr,
                alignment(p.a),
                alignment(p.b),
                alignment(p.c)};
  std::lock_guard lock(mutex_);
  auto found = plans_.find(key);
  if (found == plans_.end()) found = plans_.emplace(key, make(p)).first;
  const Plan& plan = found->second;
  if (!plan.known) return false;
  if (p.bias)
    check(call_.desc_set(plan.desc, CUBLASLT_MATMUL_DESC_BIAS_POINTER, &p.bias, sizeof p.bias), "a bias");
  const float one = 1, before = p.accumulate ? 1.0f : 0.0f;
  check(call_.matmul(handle_, plan.desc, &one, p.b, plan.b, p.a, plan.a, &before, p.c, plan.c, p.c, plan.c,
                     &plan.algorithm, workspace_, kWorkspace, stream),
        "a product");
  return true;
}

}  // namespace whorl::cuda::device

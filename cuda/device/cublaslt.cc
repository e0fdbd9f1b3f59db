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
// Of all matrices of one operand: `apart` bytes lie between two.
int64_t alignment(const void* pointer, int64_t apart) {
  return alignment(
      reinterpret_cast<const void*>(reinterpret_cast<uintptr_t>(pointer) | static_cast<uintptr_t>(apart)));
}
int64_t b_alignment(const Runtime::Product& p) {
  return alignment(p.b, p.b_apart * (p.fp8 ? 1 : p.bfloat16 ? 2 : 4));
}
int64_t c_alignment(const Runtime::Product& p) { return alignment(p.c, p.c_apart * (p.c_bfloat16 ? 2 : 4)); }

// What the library adds a product to.
const void* before(const Runtime::Product& p) { return p.residual ? p.residual : p.c; }
int64_t before_alignment(const Runtime::Product& p) {
  return p.residual ? alignment(p.residual) : c_alignment(p);
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
  library.find("cublasLtMatrixLayoutSetAttribute", call_.layout_set);
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
  for (const auto layout : {plan.a, plan.b, plan.c, plan.before})
    if (layout) call_.layout_destroy(layout);
}

// The library counts columns first: our c [m, n] is its [n, m] = op(b) op(a).
CublasLt::Plan CublasLt::make(const Runtime::Product& p) {
  Plan plan;
  const cudaDataType_t type = p.fp8        ? CUDA_R_8F_E4M3
                              : p.bfloat16 ? CUDA_R_16BF
                                           : CUDA_R_32F,
                       result = p.c_bfloat16 ? CUDA_R_16BF : CUDA_R_32F;
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
    set(CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE, result);
    set(CUBLASLT_MATMUL_DESC_BIAS_POINTER, p.bias);
  }
  if (p.a_scales) {  // of each row and column; without, FP8 is multiplied by 1
    const cublasLtMatmulMatrixScale_t each = CUBLASLT_MATMUL_MATRIX_SCALE_OUTER_VEC_32F;
    set(CUBLASLT_MATMUL_DESC_A_SCALE_MODE, each);
    set(CUBLASLT_MATMUL_DESC_B_SCALE_MODE, each);
    place_scales(plan, p);
  }
  const bool bt = p.b_transposed, at = p.a_transposed;
  check(call_.layout_create(&plan.b, type, bt ? k : n, bt ? n : k, p.b_step), "a layout");
  check(call_.layout_create(&plan.a, type, at ? m : k, at ? k : m, p.a_step), "a layout");
  check(call_.layout_create(&plan.c, result, n, m, p.c_step), "a layout");
  check(call_.layout_create(&plan.before, result, n, m, p.residual ? p.residual_step : p.c_step), "a layout");
  if (p.count > 1) {
    const auto count = static_cast<int32_t>(p.count);
    for (const auto layout : {plan.a, plan.b, plan.c, plan.before})
      check(call_.layout_set(layout, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, &count, sizeof count), "a layout");
    place(plan, p);
  }
  cublasLtMatmulPreference_t preference = nullptr;
  check(call_.preference_create(&preference), "a preference");
  const auto prefer = [&](cublasLtMatmulPreferenceAttributes_t what, const auto& value) {
    check(call_.preference_set(preference, what, &value, sizeof value), "a preference");
  };
  prefer(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, kWorkspace);
  prefer(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, static_cast<uint32_t>(b_alignment(p)));
  prefer(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, static_cast<uint32_t>(alignment(p.a)));
  prefer(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, static_cast<uint32_t>(before_alignment(p)));
  prefer(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, static_cast<uint32_t>(c_alignment(p)));
  cublasLtMatmulHeuristicResult_t found{};
  int count = 0;
  const cublasStatus_t status =
      call_.heuristic(handle_, plan.desc, plan.b, plan.a, plan.before, plan.c, preference, 1, &found, &count);
  call_.preference_destroy(preference);
  plan.known = status == CUBLAS_STATUS_SUCCESS && count > 0;
  plan.algorithm = found.algo;
  return plan;
}

// The library's A is our b.
void CublasLt::place_scales(const Plan& plan, const Runtime::Product& p) {
  const auto set = [&](cublasLtMatmulDescAttributes_t what, const float* const& scales) {
    check(call_.desc_set(plan.desc, what, &scales, sizeof scales), "scales");
  };
  set(CUBLASLT_MATMUL_DESC_A_SCALE_POINTER, p.b_scales);
  set(CUBLASLT_MATMUL_DESC_B_SCALE_POINTER, p.a_scales);
}

// Where the matrices of several products lie: other numbers for every layer of a model, one algorithm.
void CublasLt::place(const Plan& plan, const Runtime::Product& p) {
  const auto set = [&](cublasLtMatrixLayout_t layout, int64_t apart) {
    check(call_.layout_set(layout, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, &apart, sizeof apart),
          "a layout");
  };
  set(plan.a, 0), set(plan.b, p.b_apart), set(plan.c, p.c_apart), set(plan.before, p.c_apart);
  if (p.bias)
    check(
        call_.desc_set(plan.desc, CUBLASLT_MATMUL_DESC_BIAS_BATCH_STRIDE, &p.bias_apart, sizeof p.bias_apart),
        "a bias");
}

const CublasLt::Plan& CublasLt::plan_of(const Runtime::Product& p) {
  const Key key{p.m,
                p.n,
                p.k,
                p.a_step,
                p.b_step,
                p.c_step,
                p.a_transposed,
                p.b_transposed,
                p.bfloat16,
                p.c_bfloat16,
                p.fp8,
                p.a_scales != nullptr,
                p.bias != nullptr,
                alignment(p.a),
                b_alignment(p),
                c_alignment(p),
                before_alignment(p),
                p.residual ? p.residual_step : 0,
                p.count};
  auto found = plans_.find(key);
  if (found == plans_.end()) found = plans_.emplace(key, make(p)).first;
  return found->second;
}

bool CublasLt::knows(const Runtime::Product& p) {
  std::lock_guard lock(mutex_);
  return plan_of(p).known;
}

bool CublasLt::multiply(const Runtime::Product& p, cudaStream_t stream) {
  std::lock_guard lock(mutex_);
  const Plan& plan = plan_of(p);
  if (!plan.known) return false;
  if (p.bias)
    check(call_.desc_set(plan.desc, CUBLASLT_MATMUL_DESC_BIAS_POINTER, &p.bias, sizeof p.bias), "a bias");
  if (p.count > 1) place(plan, p);
  if (p.a_scales) place_scales(plan, p);
  const float one = 1, kept = p.accumulate || p.residual ? 1.0f : 0.0f;
  check(call_.matmul(handle_, plan.desc, &one, p.b, plan.b, p.a, plan.a, &kept, before(p), plan.before, p.c,
                     plan.c, &plan.algorithm, workspace_, kWorkspace, stream),
        "a product");
  return true;
}

}  // namespace whorl::cuda::device

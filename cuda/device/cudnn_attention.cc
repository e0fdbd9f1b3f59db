#include "cuda/device/cudnn_attention.h"

#include <cstdlib>

#include "base/check.h"
#include "cuda/library.h"

namespace whorl::cuda::device {

namespace {
constexpr int kOldest = 91801;   // 9.18.1: gradients in one order on Blackwell, packed rows on Ampere
constexpr size_t kGraphs = 256;  // kept; more of them are a sign of shapes that never come again

// On Hopper gradients in one order would else take a matrix of scores: sequences * heads * longest^2 * 2
// bytes. Read when a graph is made; who has set it knows why.
void ask_for_little_memory() { setenv("CUDNN_FRONTEND_ATTN_DP_WORKSPACE_LIMIT", "0", 0); }
}  // namespace

void Cudnn::check(cudnnStatus_t status, const char* what) const {
  if (status != CUDNN_STATUS_SUCCESS) base::failed("[cuda] cuDNN, ", what, ": ", call_.error_string(status));
}

Cudnn::Cudnn(const std::string& folders, int compute) : compute_(compute) {
  // What the graphs' headers call of CUDA's runtime they look up in the library of that name.
  const Library runtime("CUDA's runtime", "libcudart.so.13", folders);
  const Library library("NVIDIA's cuDNN", "libcudnn.so.9", folders);
  library.find("cudnnGetVersion", call_.version);
  library.find("cudnnCreate", call_.create);
  library.find("cudnnDestroy", call_.destroy);
  library.find("cudnnSetStream", call_.set_stream);
  library.find("cudnnGetErrorString", call_.error_string);
  if (call_.version() < kOldest)
    base::failed("NVIDIA's cuDNN (libcudnn.so.9) is too old: expected ", kOldest, " or newer, got ",
                 call_.version());
  ask_for_little_memory();
  graphs_call(library.handle());
  check(call_.create(&handle_), "opening");
}

Cudnn::~Cudnn() {
  graphs_.clear();
  call_.destroy(handle_);
}

Cudnn::Key Cudnn::key_of(const PackedAttention& c) {
  Key key = {c.rows,
             c.sequences,
             c.longest,
             c.heads,
             c.kv_heads,
             c.head_size,
             c.window,
             __builtin_bit_cast(int32_t, c.scale),
             c.lse.data != nullptr,
             c.backward()};
  for (const PackedMatrix* m : {&c.q, &c.k, &c.v, &c.out, &c.lse, &c.dout, &c.dq, &c.dk, &c.dv})
    key.push_back(m->step);
  return key;
}

AttentionGraph* Cudnn::graph_of(const PackedAttention& call) {
  const Key key = key_of(call);
  const auto found = graphs_.find(key);
  if (found != graphs_.end()) return found->second.get();
  if (graphs_.size() >= kGraphs) graphs_.clear();
  std::string refusal;  // no graph is an answer, too, and kernels here take over
  return graphs_.emplace(key, AttentionGraph::make(call, {handle_, {}, compute_}, refusal))
      .first->second.get();
}

bool Cudnn::attend(Runtime& runtime, const PackedAttention& call, cudaStream_t stream) {
  std::lock_guard lock(mutex_);
  check(call_.set_stream(handle_, stream), "its stream");
  AttentionGraph* const graph = graph_of(call);
  if (!graph || graph->working_bytes() > call.most_bytes) return false;
  const Scratch working_memory(runtime, graph->working_bytes());
  std::string refusal;
  if (!graph->run(handle_, call, working_memory.get<void>(), refusal))
    base::failed("[cuda] cuDNN, attention: ", refusal);
  return true;
}

}  // namespace whorl::cuda::device

#include "cuda/device/cudnn_graph.h"

#include <cudnn_frontend.h>

#include <unordered_map>
#include <vector>

namespace cudnn_frontend {
void* cudnn_dlhandle = nullptr;  // where the headers look functions up
}

namespace whorl::cuda::device {

namespace {
namespace fe = cudnn_frontend;
using fe::graph::Tensor_attributes;
using Node = std::shared_ptr<Tensor_attributes>;

// Every tensor by the number that its pointer is given under.
enum Place : int64_t {
  kQ = 1,
  kK,
  kV,
  kOut,
  kLse,
  kDout,
  kDq,
  kDk,
  kDv,
  kLengths,
  kStarts = 100  // and kStarts + the tensor's
};

class CudnnGraph final : public AttentionGraph {
 public:
  CudnnGraph(const PackedAttention& call, const GraphDevice& device) : call_(call) {
    graph_.set_io_data_type(fe::DataType_t::BFLOAT16)
        .set_intermediate_data_type(fe::DataType_t::FLOAT)
        .set_compute_data_type(fe::DataType_t::FLOAT)
        .set_sm_version(device.compute);
    lengths_ = list(kLengths, "lengths", call.sequences);
    call.backward() ? backward() : forward();
  }

  bool build(const GraphDevice& device, std::string& refusal) {
    if (device.handle) return good(graph_.build(static_cast<cudnnHandle_t>(device.handle), kModes), refusal);
    const auto properties = std::make_shared<fe::DeviceProperties>();
    const std::vector<uint8_t> json(device.properties.begin(), device.properties.end());
    if (!good(properties->deserialize(json), refusal)) return false;
    graph_.set_device_properties(properties);
    return good(graph_.build(kModes), refusal);
  }

  size_t working_bytes() const override { return static_cast<size_t>(graph_.get_workspace_size()); }

  bool run(void* handle, const PackedAttention& call, void* working_memory, std::string& refusal) override {
    std::unordered_map<int64_t, void*> pointers = {{kLengths, const_cast<int32_t*>(call.lengths)}};
    const auto give = [&](Place place, const PackedMatrix& m) {
      if (!m.data) return;
      pointers[place] = m.data;
      pointers[kStarts + place] = const_cast<int32_t*>(m.starts);
    };
    give(kQ, call.q), give(kK, call.k), give(kV, call.v), give(kOut, call.out), give(kLse, call.lse);
    give(kDout, call.dout), give(kDq, call.dq), give(kDk, call.dk), give(kDv, call.dv);
    return good(graph_.execute(static_cast<cudnnHandle_t>(handle), pointers, working_memory), refusal);
  }

 private:
  static bool good(fe::error_t error, std::string& refusal) {
    if (error.is_bad()) refusal = error.get_message();
    return error.is_good();
  }

  Node list(int64_t place, const char* name, int64_t count) {
    return graph_.tensor(Tensor_attributes()
                             .set_name(name)
                             .set_uid(place)
                             .set_dim({count, 1, 1, 1})
                             .set_stride({1, 1, 1, 1})
                             .set_data_type(fe::DataType_t::INT32));
  }

  // [sequences, heads, longest, channels] as cuDNN names its axes: heads of a row lie side by side, and where
  // a sequence begins its list says.
  Tensor_attributes& shape(Tensor_attributes& t, Place place, const PackedMatrix& m, int64_t heads,
                           int64_t channels) {
    return t.set_uid(place)
        .set_dim({call_.sequences, heads, call_.longest, channels})
        .set_stride({call_.longest * m.step, channels, m.step, 1})
        .set_ragged_offset(list(kStarts + place, "starts", call_.sequences + 1));
  }
  Node read(Place place, const char* name, const PackedMatrix& m, int64_t heads) {
    Tensor_attributes t;
    return graph_.tensor(shape(t.set_name(name), place, m, heads, call_.head_size));
  }
  void written(const Node& t, Place place, const PackedMatrix& m, int64_t heads) {
    shape(t->set_output(true), place, m, heads, call_.head_size);
  }

  template <class Options>
  void mask(Options& options) const {
    options.set_attn_scale(call_.scale)
        .set_padding_mask(true)
        .set_seq_len_q(lengths_)
        .set_seq_len_kv(lengths_)
        .set_diagonal_alignment(fe::DiagonalAlignment_t::TOP_LEFT)
        .set_diagonal_band_right_bound(0);
    if (call_.window > 0) options.set_diagonal_band_left_bound(static_cast<int>(call_.window));
  }

  void forward() {
    fe::graph::SDPA_attributes options;
    mask(options);
    options.set_name("attention").set_generate_stats(call_.lse.data != nullptr);
    const auto q = read(kQ, "q", call_.q, call_.heads), k = read(kK, "k", call_.k, call_.kv_heads),
               v = read(kV, "v", call_.v, call_.kv_heads);
    const auto made = graph_.sdpa(q, k, v, options);
    written(made[0], kOut, call_.out, call_.heads);
    if (call_.lse.data)
      shape(made[1]->set_output(true), kLse, call_.lse, call_.heads, 1).set_data_type(fe::DataType_t::FLOAT);
  }

  // Asked for in one order of additions: training repeats bit for bit.
  void backward() {
    fe::graph::SDPA_backward_attributes options;
    mask(options);
    options.set_name("attention_backward")
        .set_deterministic_algorithm(true)
        .set_max_total_seq_len_q(call_.rows)
        .set_max_total_seq_len_kv(call_.rows);
    const auto q = read(kQ, "q", call_.q, call_.heads), k = read(kK, "k", call_.k, call_.kv_heads),
               v = read(kV, "v", call_.v, call_.kv_heads), out = read(kOut, "out", call_.out, call_.heads),
               dout = read(kDout, "dout", call_.dout, call_.heads);
    Tensor_attributes lse;
    lse.set_name("lse").set_data_type(fe::DataType_t::FLOAT);
    const auto made = graph_.sdpa_backward(
        q, k, v, out, dout, graph_.tensor(shape(lse, kLse, call_.lse, call_.heads, 1)), options);
    written(made[0], kDq, call_.dq, call_.heads);
    written(made[1], kDk, call_.dk, call_.kv_heads);
    written(made[2], kDv, call_.dv, call_.kv_heads);
  }

  inline static const std::vector<fe::HeurMode_t> kModes = {fe::HeurMode_t::A, fe::HeurMode_t::FALLBACK};
  const PackedAttention call_;  // its sizes and steps
  fe::graph::Graph graph_;
  Node lengths_;
};
}  // namespace

void graphs_call(void* library) { fe::cudnn_dlhandle = library; }

std::unique_ptr<AttentionGraph> AttentionGraph::make(const PackedAttention& call, const GraphDevice& device,
                                                     std::string& refusal) {
  try {
    auto graph = std::make_unique<CudnnGraph>(call, device);
    if (graph->build(device, refusal)) return graph;
  } catch (const std::exception& error) {  // a function or a library that is not there
    refusal = error.what();
  }
  return nullptr;
}

}  // namespace whorl::cuda::device

#include "cuda/emulated/attention.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "base/check.h"
#include "cuda/emulated/device_memory.h"
#include "cuda/emulated/graph.h"
#include "tensor/tensor.h"

namespace whorl::cuda::emulated {

namespace {
// The host's bytes of device memory, which must hold so many.
char* bytes_of(const void* device, int64_t size) {
  uintptr_t begin = 0, end = 0;
  find_allocation(reinterpret_cast<uintptr_t>(device), static_cast<size_t>(size), begin, end);
  return static_cast<char*>(real(const_cast<void*>(device)));
}

template <class... Words>
void expect(bool good, const Words&... words) {
  if (!good) base::failed("[emulated] cuDNN's attention expected ", words...);
}

// A matrix of a call, [rows of a sequence, heads, channels].
class Numbers {
 public:
  Numbers(const PackedAttention& call, const PackedMatrix& m, int64_t heads, int64_t channels, bool narrow)
      : call_(call), m_(m), channels_(channels), width_(heads * channels), size_(narrow ? 2 : 4) {
    expect(m.step >= width_, "rows of ", width_, " numbers, got a step of ", m.step);
    expect((!narrow || m.step % 8 == 0) && reinterpret_cast<uintptr_t>(m.data) % 16 == 0,
           "rows at multiples of 16 bytes, got a step of ", m.step);
    starts_ = reinterpret_cast<const int32_t*>(bytes_of(m.starts, (call.sequences + 1) * 4));
  }
  double at(int64_t sequence, int64_t row, int64_t head, int64_t channel) const {
    const char* const place = place_of(sequence, row, head, channel);
    if (size_ == 4) return *reinterpret_cast<const float*>(place);
    return static_cast<double>(bf16_to_float(*reinterpret_cast<const uint16_t*>(place)));
  }
  void set(int64_t sequence, int64_t row, int64_t head, int64_t channel, double value) const {
    char* const place = place_of(sequence, row, head, channel);
    if (size_ == 4)
      *reinterpret_cast<float*>(place) = static_cast<float>(value);
    else
      *reinterpret_cast<uint16_t*>(place) = float_to_bf16(static_cast<float>(value));
  }

 private:
  char* place_of(int64_t sequence, int64_t row, int64_t head, int64_t channel) const {
    const int64_t column = head * channels_ + channel;
    expect(column < width_, "a head below ", width_ / channels_, ", got ", head);
    const int64_t place = starts_[sequence] + row * m_.step + column;
    expect(place >= 0 && place < call_.rows * m_.step, "a number of ", call_.rows, " rows, got number ",
           place);
    return bytes_of(static_cast<char*>(m_.data) + place * size_, size_);
  }

  const PackedAttention& call_;
  const PackedMatrix& m_;
  int64_t channels_, width_, size_;
  const int32_t* starts_ = nullptr;
};

// One query of one head: which keys it sees, and their weights.
struct Query {
  int64_t sequence, row, head, key_head, first;

  double score(const PackedAttention& c, const Numbers& q, const Numbers& k, int64_t key) const {
    double sum = 0;
    for (int64_t d = 0; d < c.head_size; ++d)
      sum += q.at(sequence, row, head, d) * k.at(sequence, key, key_head, d);
    return sum * static_cast<double>(c.scale);
  }
};

template <class Body>
void each_query(const PackedAttention& c, const Body& body) {
  const auto* const lengths = reinterpret_cast<const int32_t*>(bytes_of(c.lengths, c.sequences * 4));
  for (int64_t s = 0; s < c.sequences; ++s) {
    expect(lengths[s] >= 0 && lengths[s] <= c.longest, "sequences of at most ", c.longest, " rows, got ",
           lengths[s]);
    for (int64_t head = 0; head < c.heads; ++head)
      for (int64_t row = 0; row < lengths[s]; ++row)
        body(Query{s, row, head, head / (c.heads / c.kv_heads),
                   c.window > 0 ? std::max<int64_t>(0, row - c.window + 1) : 0});
  }
}

void forward(const PackedAttention& c) {
  const Numbers q(c, c.q, c.heads, c.head_size, true), k(c, c.k, c.kv_heads, c.head_size, true),
      v(c, c.v, c.kv_heads, c.head_size, true), out(c, c.out, c.heads, c.head_size, true);
  each_query(c, [&](const Query& query) {
    std::vector<double> weights;
    double largest = -INFINITY, sum = 0;
    for (int64_t key = query.first; key <= query.row; ++key) {
      weights.push_back(query.score(c, q, k, key));
      largest = std::max(largest, weights.back());
    }
    for (double& weight : weights) sum += weight = std::exp(weight - largest);
    for (int64_t d = 0; d < c.head_size; ++d) {
      double value = 0;
      for (int64_t key = query.first; key <= query.row; ++key)
        value +=
            weights[static_cast<size_t>(key - query.first)] * v.at(query.sequence, key, query.key_head, d);
      out.set(query.sequence, query.row, query.head, d, value / sum);
    }
    if (c.lse.data)
      Numbers(c, c.lse, c.heads, 1, false)
          .set(query.sequence, query.row, query.head, 0, largest + std::log(sum));
  });
}

// Sums of one head of keys and values, before they are rounded.
struct Sums {
  std::vector<double> dk, dv;
};

void backward_of_query(const PackedAttention& c, const Query& query, Sums& sums) {
  const Numbers q(c, c.q, c.heads, c.head_size, true), k(c, c.k, c.kv_heads, c.head_size, true),
      v(c, c.v, c.kv_heads, c.head_size, true), out(c, c.out, c.heads, c.head_size, true),
      dout(c, c.dout, c.heads, c.head_size, true), dq(c, c.dq, c.heads, c.head_size, true),
      lse(c, c.lse, c.heads, 1, false);
  const auto at = [&](const Numbers& m, int64_t d) { return m.at(query.sequence, query.row, query.head, d); };
  const auto of_key = [&](const Numbers& m, int64_t key, int64_t d) {
    return m.at(query.sequence, key, query.key_head, d);
  };
  double delta = 0;
  for (int64_t d = 0; d < c.head_size; ++d) delta += at(dout, d) * at(out, d);
  std::vector<double> gradient(static_cast<size_t>(c.head_size), 0.0);
  for (int64_t key = query.first; key <= query.row; ++key) {
    const double weight = std::exp(query.score(c, q, k, key) - at(lse, 0));
    double dweight = 0;
    for (int64_t d = 0; d < c.head_size; ++d) dweight += at(dout, d) * of_key(v, key, d);
    const double dscore = weight * (dweight - delta) * static_cast<double>(c.scale);
    for (int64_t d = 0; d < c.head_size; ++d) {
      const auto place = static_cast<size_t>(((key * c.kv_heads) + query.key_head) * c.head_size + d);
      gradient[static_cast<size_t>(d)] += dscore * of_key(k, key, d);
      sums.dk[place] += dscore * at(q, d), sums.dv[place] += weight * at(dout, d);
    }
  }
  for (int64_t d = 0; d < c.head_size; ++d)
    dq.set(query.sequence, query.row, query.head, d, gradient[static_cast<size_t>(d)]);
}

void backward(const PackedAttention& c) {
  const auto numbers = static_cast<size_t>(c.longest * c.kv_heads * c.head_size);
  std::vector<Sums> sums(static_cast<size_t>(c.sequences));
  each_query(c, [&](const Query& query) {
    Sums& its = sums[static_cast<size_t>(query.sequence)];
    its.dk.resize(numbers), its.dv.resize(numbers);
    backward_of_query(c, query, its);
  });
  const Numbers dk(c, c.dk, c.kv_heads, c.head_size, true), dv(c, c.dv, c.kv_heads, c.head_size, true);
  each_query(c, [&](const Query& query) {  // and by their first head, each key
    const Sums& its = sums[static_cast<size_t>(query.sequence)];
    if (query.head % (c.heads / c.kv_heads) != 0) return;
    for (int64_t d = 0; d < c.head_size; ++d) {
      const auto place = static_cast<size_t>((query.row * c.kv_heads + query.key_head) * c.head_size + d);
      dk.set(query.sequence, query.row, query.key_head, d, its.dk[place]);
      dv.set(query.sequence, query.row, query.key_head, d, its.dv[place]);
    }
  });
}

std::mutex mutex;
int64_t calls = 0;
std::set<std::vector<int64_t>> graphs;

void count(const PackedAttention& c) {
  std::lock_guard lock(mutex);
  ++calls;
  std::vector<int64_t> key = {c.rows,   c.sequences,           c.longest,   c.heads, c.kv_heads, c.head_size,
                              c.window, c.lse.data != nullptr, c.backward()};
  for (const PackedMatrix* m : {&c.q, &c.k, &c.v, &c.out, &c.lse, &c.dout, &c.dq, &c.dk, &c.dv})
    key.push_back(m->step);
  graphs.insert(std::move(key));
}

std::string wanted() {
  const char* const given = std::getenv("WHORL_EMULATED_CUDNN");
  return given ? given : "";
}
}  // namespace

void expect_attention_library() {
  if (wanted().empty()) base::failed("NVIDIA's cuDNN is not there: this device is emulated");
}

bool attend(Runtime& runtime, const PackedAttention& call) {
  count(call);
  if (wanted() == "refuses") return false;
  launched("attention", [&runtime, call] {
    const Scratch working_memory(runtime, call.most_bytes);
    call.backward() ? backward(call) : forward(call);
  });
  return true;
}

int64_t attention_calls() {
  std::lock_guard lock(mutex);
  return calls;
}
int64_t attention_graphs() {
  std::lock_guard lock(mutex);
  return static_cast<int64_t>(graphs.size());
}

}  // namespace whorl::cuda::emulated

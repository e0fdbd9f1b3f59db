// Writing safetensors. The order is that of the format's own writers (larger element types first, then by
// name), so every tensor is aligned to its element and the same tensors give the same bytes.
#include <algorithm>
#include <atomic>
#include <cstring>
#include <nlohmann/json.hpp>

#include "base/check.h"
#include "base/checked.h"
#include "base/json.h"
#include "base/thread_pool.h"
#include "tensor/safetensors.h"

namespace whorl::tensor {

namespace {

using base::invalid;
using Named = std::pair<std::string, Tensor>;

// Position of a dtype in the format's own list; the writers sort by it, falling.
int rank_of(DType dtype) {
  switch (dtype) {
    case DType::uint8:
      return 0;
    case DType::float16:
      return 1;
    case DType::bfloat16:
      return 2;
    case DType::int32:
      return 3;
    case DType::float32:
      return 4;
    case DType::int64:
      return 5;
  }
  return 0;
}

const char* file_name_of(DType dtype) {
  switch (dtype) {
    case DType::uint8:
      return "U8";
    case DType::float16:
      return "F16";
    case DType::bfloat16:
      return "BF16";
    case DType::int32:
      return "I32";
    case DType::float32:
      return "F32";
    case DType::int64:
      return "I64";
  }
  return "";
}

std::vector<Named> in_file_order(const std::map<std::string, Tensor>& tensors) {
  std::vector<Named> order(tensors.begin(), tensors.end());
  std::stable_sort(order.begin(), order.end(), [](const Named& a, const Named& b) {
    return rank_of(a.second.dtype()) > rank_of(b.second.dtype());
  });
  return order;
}

std::string prefix_of(const std::vector<Named>& order, const std::map<std::string, std::string>& metadata,
                      size_t alignment = 8) try {
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  base::CheckedSize offset = 0;
  std::string json = header.dump();
  json.pop_back();  // the closing brace: entries are appended one by one, ordered_json would search for each
  bool first = metadata.empty();
  for (const auto& [name, tensor] : order) {
    if (name.empty() || name == "__metadata__")
      invalid("[write_safetensors] '", name, "' cannot name a tensor");
    const uint64_t begin = offset.value();
    offset += tensor.nbytes();
    nlohmann::ordered_json entry;
    entry["dtype"] = file_name_of(tensor.dtype());
    entry["shape"] = tensor.shape();
    entry["data_offsets"] = {begin, offset.value()};
    if (!first) json += ',';
    json.append(nlohmann::ordered_json(name).dump()).append(1, ':').append(entry.dump());
    first = false;
  }
  json += '}';
  const size_t data = (8 + json.size() + alignment - 1) / alignment * alignment;
  json.resize(data - 8, ' ');
  std::string out(8, '\0');
  for (size_t i = 0; i < 8; ++i) out[i] = static_cast<char>(static_cast<uint64_t>(json.size()) >> (8 * i));
  return out + json;
} catch (const nlohmann::json::exception& error) {
  invalid("[write_safetensors] a name or metadata value is not UTF-8: ", error.what());
}

// Calls write(pointer, bytes) over the tensor's numbers in row-major order.
template <class Write>
void each_run(const Tensor& tensor, Write write) {
  if (tensor.numel() == 0) return;
  if (tensor.contiguous()) return write(static_cast<const char*>(tensor.raw()), tensor.nbytes());
  const size_t width = size_of(tensor.dtype()), row = tensor.nbytes() / static_cast<size_t>(tensor.dim(0));
  for (int64_t i = 0; i < tensor.dim(0); ++i)
    write(static_cast<const char*>(tensor.raw()) + static_cast<size_t>(i * tensor.row_stride()) * width, row);
}

}  // namespace

std::string to_safetensors(const std::map<std::string, Tensor>& tensors,
                           const std::map<std::string, std::string>& metadata) {
  const std::vector<Named> order = in_file_order(tensors);
  std::string out = prefix_of(order, metadata);
  for (const auto& [name, tensor] : order)
    each_run(tensor, [&](const char* data, size_t size) { out.append(data, size); });
  return out;
}

void write_safetensors(const std::string& path, const std::map<std::string, Tensor>& tensors,
                       const std::map<std::string, std::string>& metadata, base::FileSystem& fs,
                       size_t alignment) {
  const std::vector<Named> order = in_file_order(tensors);
  const std::string prefix = prefix_of(order, metadata, alignment);
  base::CheckedSize total = prefix.size();
  for (const auto& [name, tensor] : order) total += tensor.nbytes();
  base::DurableFile file(fs, path, "write_safetensors");
  file.reserve(total.value());
  file.write(prefix);
  for (const auto& [name, tensor] : order)
    each_run(tensor, [&](const char* data, size_t size) { file.write(data, size); });
  file.commit();
}

void write_safetensors_model(const std::string& folder, const std::map<std::string, Tensor>& tensors,
                             uint64_t max_shard_bytes) {
  std::vector<std::map<std::string, Tensor>> shards(1);
  uint64_t total = 0, size = 0;
  for (const auto& [name, tensor] : tensors) {
    if (size > 0 && size + tensor.nbytes() > max_shard_bytes) {
      shards.emplace_back();
      size = 0;
    }
    shards.back().emplace(name, tensor);
    size += tensor.nbytes();
    total += tensor.nbytes();
  }
  if (shards.size() == 1) return write_safetensors(base::join(folder, "model.safetensors"), tensors);
  base::Json map = base::Json::object();
  for (size_t i = 0; i < shards.size(); ++i) {
    char name[64];
    std::snprintf(name, sizeof name, "model-%05zu-of-%05zu.safetensors", i + 1, shards.size());
    write_safetensors(base::join(folder, name), shards[i]);
    for (const auto& [tensor, value] : shards[i]) map[tensor] = name;
  }
  const base::Json index = {{"metadata", {{"total_size", total}}}, {"weight_map", map}};
  base::write_file_durably(base::join(folder, "model.safetensors.index.json"), base::to_sorted_json(index));
}

namespace {
// Blocks on as many threads as there are; what they count adds up in any order.
template <class Bits>
int64_t count_full_exponents(const Tensor& tensor, Bits exponent) {
  constexpr size_t kBlock = 1 << 17;  // short ones: most matrices are a few megabytes
  std::atomic<int64_t> count{0};
  each_run(tensor, [&](const char* data, size_t size) {
    const size_t n = size / sizeof(Bits);
    base::ThreadPool::shared()->run(static_cast<int64_t>((n + kBlock - 1) / kBlock), [&](int64_t block) {
      const size_t begin = static_cast<size_t>(block) * kBlock, end = std::min(n, begin + kBlock);
      uint32_t found = 0;
      for (size_t i = begin; i < end; ++i) {
        Bits bits;
        std::memcpy(&bits, data + i * sizeof(Bits), sizeof bits);
        found += (bits & exponent) == exponent;
      }
      count += found;
    });
  });
  return count;
}
}  // namespace

int64_t count_not_finite(const Tensor& tensor) {
  switch (tensor.dtype()) {
    case DType::float32:
      return count_full_exponents<uint32_t>(tensor, 0x7f800000u);
    case DType::bfloat16:
      return count_full_exponents<uint16_t>(tensor, 0x7f80u);
    case DType::float16:
      return count_full_exponents<uint16_t>(tensor, 0x7c00u);
    default:
      return 0;
  }
}

}  // namespace whorl::tensor

#pragma once
// safetensors on disk: an 8-byte little-endian length, a JSON header, then the tensors' bytes with no gap
// and no overlap. Files are hostile until read: every rule of the format is checked before any tensor is
// handed out, with checked arithmetic and bounds taken from the real file size.
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/file.h"
#include "tensor/tensor.h"

namespace whorl::tensor {

struct SafetensorsLimits {
  uint64_t max_header_bytes = 100'000'000;
  uint64_t max_tensors = 1'000'000;
  uint64_t max_name_bytes = 4096;

  static SafetensorsLimits model() { return {}; }
  static SafetensorsLimits adapter() { return {4u << 20, 65'536, 512}; }
};

// How tensors reach memory. `read` copies and is right for anything that may change or vanish under us
// (network disks, a store that is being collected); `map` shares the page cache between processes, but a
// file that shrinks while mapped kills the process: only for files that nobody rewrites in place.
enum class Access : uint8_t { read, map };

struct TensorInfo {
  std::string name;
  std::string dtype;  // as the file spells it: "F32", "BF16", …
  Shape shape;
  uint64_t begin = 0, end = 0;  // bytes within the data part
};

struct SafetensorsHeader {
  std::vector<TensorInfo> tensors;              // in the order of their data
  std::map<std::string, std::string> metadata;  // "__metadata__"
  uint64_t data_offset = 0;                     // where the data part begins in the file
};

// Checks a header against the length of the file it came from. Throws std::invalid_argument naming `context`.
SafetensorsHeader parse_safetensors_header(std::string_view json, uint64_t file_size,
                                           std::string_view context, const SafetensorsLimits& limits);

// One file, or the shards named by a model.safetensors.index.json. Cheap to copy; safe from many threads.
class Safetensors {
 public:
  // A file.
  static Safetensors open(const std::string& path, const SafetensorsLimits& limits = {},
                          Access access = Access::read, base::FileSystem& fs = *base::FileSystem::real());
  // A model folder: model.safetensors, or model.safetensors.index.json and the shards beneath the folder.
  static Safetensors open_model(const std::string& folder, Access access = Access::map);
  // Bytes in memory (a verified object of the store). `owner` keeps them alive.
  static Safetensors from_bytes(std::string_view bytes, std::shared_ptr<const void> owner,
                                std::string_view context, const SafetensorsLimits& limits = {});

  bool contains(std::string_view name) const;
  std::vector<std::string> names() const;  // sorted
  const TensorInfo& info(std::string_view name) const;
  const std::map<std::string, std::string>& metadata() const;

  // A view that keeps its memory alive by itself. Unknown names and dtypes other than F32, BF16, F16 are
  // invalid_argument; the error names the tensor, and the nearest name there is.
  Tensor tensor(std::string_view name) const;
  // Whoever is done with a tensor of a mapped file may say so: its pages are no longer held. It can be read
  // again. No other access has anything to let go of.
  void release(std::string_view name) const;

 private:
  struct Impl;
  std::shared_ptr<const Impl> impl_;
};

// The file's bytes: names sorted within falling element size (as the Python and Rust writers do), header
// padded with spaces to a multiple of 8. The same tensors give the same bytes.
std::string to_safetensors(const std::map<std::string, Tensor>& tensors,
                           const std::map<std::string, std::string>& metadata = {{"format", "pt"}});

// Durable: temporary file, fsync, rename, fsync of the folder. Streams tensors one by one. The data begins at
// a multiple of `alignment` (of 8) bytes.
void write_safetensors(const std::string& path, const std::map<std::string, Tensor>& tensors,
                       const std::map<std::string, std::string>& metadata = {{"format", "pt"}},
                       base::FileSystem& fs = *base::FileSystem::real(), size_t alignment = 8);

// Shards of at most `max_shard_bytes` with model.safetensors.index.json, or one model.safetensors.
void write_safetensors_model(const std::string& folder, const std::map<std::string, Tensor>& tensors,
                             uint64_t max_shard_bytes = uint64_t{5} << 30);

// Number of elements that are NaN or infinite; integers have none.
int64_t count_not_finite(const Tensor& tensor);

}  // namespace whorl::tensor

#include "tensor/safetensors.h"

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "base/check.h"
#include "base/json.h"

namespace whorl::tensor {

using base::concat;
using base::File;
using base::invalid;
using base::printable;

namespace {

std::optional<DType> dtype_of(std::string_view name) {
  if (name == "F32") return DType::float32;
  if (name == "BF16") return DType::bfloat16;
  if (name == "F16") return DType::float16;
  if (name == "I32") return DType::int32;
  if (name == "I64") return DType::int64;
  if (name == "U8") return DType::uint8;
  return std::nullopt;
}

// One file. Its bytes come from memory (`bytes`), or are read from `file` tensor by tensor.
struct Source {
  std::string context;
  SafetensorsHeader header;
  std::optional<File> file;
  const char* bytes = nullptr;
  std::shared_ptr<const void> owner;
  bool mapped = false;  // the operating system has the bytes and gives them again

  Tensor tensor(const TensorInfo& info) const;
};

Tensor Source::tensor(const TensorInfo& info) const {
  const std::optional<DType> dtype = dtype_of(info.dtype);
  if (!dtype)
    invalid(context, ": tensor '", printable(info.name), "' has dtype ", info.dtype,
            "; Whorl reads F32, BF16, F16, I32, I64 and U8: convert the file first");
  const char* at = bytes ? bytes + header.data_offset + info.begin : nullptr;
  if (at && reinterpret_cast<uintptr_t>(at) % size_of(*dtype) == 0)
    return Tensor::view(*dtype, info.shape, const_cast<char*>(at), owner);
  Tensor copy = Tensor::zeros(*dtype, info.shape);
  const auto size = static_cast<size_t>(info.end - info.begin);
  if (at) {
    std::memcpy(copy.raw(), at, size);
  } else {
    file->read_at(copy.raw(), size, header.data_offset + info.begin);
  }
  return copy;
}

uint64_t header_length(const unsigned char (&prefix)[8]) {
  uint64_t n = 0;
  for (int i = 7; i >= 0; --i) n = n << 8 | prefix[i];
  return n;
}

void check_header_length(uint64_t length, uint64_t file_size, std::string_view context,
                         const SafetensorsLimits& limits) {
  if (length > limits.max_header_bytes)
    invalid(context, ": the header claims ", length, " bytes, more than ", limits.max_header_bytes);
  if (length > file_size - 8)
    invalid(context, ": the header claims ", length, " bytes, the file has ", file_size, " (truncated?)");
}

Source open_source(const std::string& path, const SafetensorsLimits& limits, Access access,
                   base::FileSystem& fs) {
  Source source;
  source.context = concat("[Safetensors.open] ", path);
  source.file.emplace(File::open(fs, path, "Safetensors.open"));
  const uint64_t size = source.file->size();
  if (size < 8) invalid(source.context, ": expected at least 8 bytes, the file has ", size);
  unsigned char prefix[8];
  source.file->read_at(prefix, 8, 0);
  const uint64_t length = header_length(prefix);
  check_header_length(length, size, source.context, limits);
  std::string json(static_cast<size_t>(length), '\0');
  source.file->read_at(json.data(), json.size(), 8);
  source.header = parse_safetensors_header(json, size, source.context, limits);
  if (access == Access::map) {
    source.owner = source.file->map();
    source.bytes = static_cast<const char*>(source.owner.get());
    source.file.reset();
    source.mapped = &fs == base::FileSystem::real().get();
  }
  return source;
}

}  // namespace

struct Safetensors::Impl {
  struct Entry {
    const Source* source;
    const TensorInfo* info;
  };
  std::string context;
  std::vector<std::unique_ptr<Source>> sources;
  std::map<std::string, Entry, std::less<>> entries;
  std::map<std::string, std::string> metadata;

  const Source& add(Source source) {
    sources.push_back(std::make_unique<Source>(std::move(source)));
    const Source& added = *sources.back();
    for (const TensorInfo& info : added.header.tensors)
      if (!entries.emplace(info.name, Entry{&added, &info}).second)
        invalid(added.context, ": tensor '", printable(info.name), "' stands in another shard as well");
    metadata.insert(added.header.metadata.begin(), added.header.metadata.end());
    return added;
  }

  const Entry& find(std::string_view name) const {
    const auto it = entries.find(name);
    if (it != entries.end()) return it->second;
    std::vector<std::string> names;
    for (const auto& [known, entry] : entries) names.push_back(known);
    invalid(context, ": there is no tensor '", printable(name), "'", base::did_you_mean(name, names));
  }
};

Safetensors Safetensors::open(const std::string& path, const SafetensorsLimits& limits, Access access,
                              base::FileSystem& fs) {
  auto impl = std::make_shared<Impl>();
  impl->context = impl->add(open_source(path, limits, access, fs)).context;
  Safetensors out;
  out.impl_ = std::move(impl);
  return out;
}

Safetensors Safetensors::from_bytes(std::string_view bytes, std::shared_ptr<const void> owner,
                                    std::string_view context, const SafetensorsLimits& limits) {
  Source source;
  source.context = std::string(context);
  if (bytes.size() < 8) invalid(context, ": expected at least 8 bytes, got ", bytes.size());
  unsigned char prefix[8];
  std::memcpy(prefix, bytes.data(), 8);
  const uint64_t length = header_length(prefix);
  check_header_length(length, bytes.size(), context, limits);
  source.header =
      parse_safetensors_header(bytes.substr(8, static_cast<size_t>(length)), bytes.size(), context, limits);
  source.bytes = bytes.data();
  source.owner = std::move(owner);
  auto impl = std::make_shared<Impl>();
  impl->context = std::string(context);
  impl->add(std::move(source));
  Safetensors out;
  out.impl_ = std::move(impl);
  return out;
}

namespace {

// Which shard holds which tensor, from model.safetensors.index.json.
std::map<std::string, std::set<std::string>> read_index(const std::string& path) {
  const base::Json index = base::read_json(path, "Safetensors.open_model");
  const std::string context = concat("[Safetensors.open_model] ", path);
  std::map<std::string, std::set<std::string>> shards;
  for (const auto& [name, shard] : base::require_object(index, "weight_map", context).items()) {
    if (!shard.is_string())
      invalid(context, ": expected weight_map['", printable(name), "'] to be a file name, got ",
              base::kind_of(shard));
    shards[shard.get<std::string>()].insert(name);
  }
  if (shards.empty()) invalid(context, ": weight_map is empty");
  return shards;
}

void check_shard(const Source& shard, const std::set<std::string>& expected) {
  std::set<std::string> present;
  for (const TensorInfo& info : shard.header.tensors) {
    present.insert(info.name);
    if (!expected.count(info.name))
      invalid(shard.context, ": tensor '", printable(info.name),
              "' is not what the index promises of this shard");
  }
  for (const std::string& name : expected)
    if (!present.count(name))
      invalid(shard.context, ": tensor '", printable(name), "' is missing, the index promises it here");
}

}  // namespace

Safetensors Safetensors::open_model(const std::string& folder, Access access) {
  base::FileSystem& fs = *base::FileSystem::real();
  const std::string single = base::join(folder, "model.safetensors"), index = single + ".index.json";
  const bool sharded = base::exists(fs, index);
  if (!sharded && !base::exists(fs, single))
    invalid("[Safetensors.open_model] ", folder,
            ": expected model.safetensors or model.safetensors.index.json",
            base::exists(fs, base::join(folder, "pytorch_model.bin"))
                ? "; pytorch_model.bin is a pickle and can run code when read: convert it to safetensors"
                : "");
  if (!sharded) return open(single, {}, access);
  auto impl = std::make_shared<Impl>();
  impl->context = concat("[Safetensors.open_model] ", folder);
  for (const auto& [shard, names] : read_index(index)) {
    // Links are followed: the hub's cache keeps every shard as a link to a blob elsewhere.
    base::check_relative_name(shard, "Safetensors.open_model");
    const std::string path = base::join(folder, shard);
    if (!base::exists(fs, path))
      invalid("[Safetensors.open_model] ", path, ": shard is missing, the index names it");
    check_shard(impl->add(open_source(path, {}, access, fs)), names);
  }
  Safetensors out;
  out.impl_ = std::move(impl);
  return out;
}

bool Safetensors::contains(std::string_view name) const {
  return impl_->entries.find(name) != impl_->entries.end();
}

std::vector<std::string> Safetensors::names() const {
  std::vector<std::string> out;
  for (const auto& [name, entry] : impl_->entries) out.push_back(name);
  return out;
}

const TensorInfo& Safetensors::info(std::string_view name) const { return *impl_->find(name).info; }
const std::map<std::string, std::string>& Safetensors::metadata() const { return impl_->metadata; }

Tensor Safetensors::tensor(std::string_view name) const {
  const Impl::Entry& entry = impl_->find(name);
  return entry.source->tensor(*entry.info);
}

void Safetensors::release(std::string_view name) const {
  const auto& [source, info] = impl_->find(name);
  if (source->mapped)
    base::release_mapped(source->bytes + source->header.data_offset + info->begin, info->end - info->begin);
}

}  // namespace whorl::tensor

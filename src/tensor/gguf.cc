#include "tensor/gguf.h"

#include <algorithm>
#include <cstring>

#include "base/check.h"
#include "base/file.h"
#include "base/thread_pool.h"

namespace whorl::tensor {

struct Gguf::Impl {
  std::string context;
  std::shared_ptr<const void> bytes;
  GgufHeader header;
  std::map<std::string, size_t, std::less<>> by_name;
};

Gguf Gguf::open(const std::string& path) {
  auto impl = std::make_shared<Impl>();
  impl->context = base::concat("[Gguf.open] ", path);
  const base::File file = base::File::open(*base::FileSystem::real(), path, "Gguf.open");
  const uint64_t size = file.size();
  if (size == 0) base::invalid(impl->context, ": the file is empty");
  impl->bytes = file.map();
  impl->header = parse_gguf({static_cast<const char*>(impl->bytes.get()), size}, impl->context);
  for (size_t i = 0; i < impl->header.tensors.size(); ++i)
    impl->by_name.emplace(impl->header.tensors[i].name, i);
  Gguf out;
  out.impl_ = std::move(impl);
  return out;
}

const std::map<std::string, GgufValue>& Gguf::metadata() const { return impl_->header.metadata; }
const std::vector<GgufTensor>& Gguf::tensors() const { return impl_->header.tensors; }

const GgufTensor& Gguf::info(std::string_view name) const {
  const auto found = impl_->by_name.find(name);
  if (found == impl_->by_name.end())
    base::invalid(impl_->context, ": there is no tensor '", base::printable(std::string(name)), "'");
  return impl_->header.tensors[found->second];
}

const uint8_t* Gguf::blocks(std::string_view name) const {
  return static_cast<const uint8_t*>(impl_->bytes.get()) + info(name).offset;
}

void Gguf::release(std::string_view name) const { base::release_mapped(blocks(name), info(name).size); }

Tensor Gguf::widened(std::string_view name) const {
  const GgufTensor& t = info(name);
  Tensor out = Tensor::zeros(DType::float32, t.shape);
  const uint8_t* from = blocks(name);
  constexpr int64_t kPart = 1 << 18;  // a multiple of every block
  base::ThreadPool::shared()->run((out.numel() + kPart - 1) / kPart, [&](int64_t part) {
    const int64_t begin = part * kPart, n = std::min(out.numel() - begin, kPart);
    widen_blocks(t.type, from + begin / block_size(t.type) * bytes_per_block(t.type), n,
                 out.data<float>() + begin);
  });
  return out;
}

Tensor Gguf::tensor(std::string_view name) const {
  const GgufTensor& t = info(name);
  if (block_size(t.type) != 1) return widened(name);
  const DType dtype = t.type == GgufType::f32    ? DType::float32
                      : t.type == GgufType::bf16 ? DType::bfloat16
                                                 : DType::float16;
  auto* from = const_cast<char*>(static_cast<const char*>(impl_->bytes.get())) + t.offset;
  if (reinterpret_cast<uintptr_t>(from) % size_of(dtype) == 0)
    return Tensor::view(dtype, t.shape, from, std::const_pointer_cast<void>(impl_->bytes));
  Tensor out = Tensor::zeros(dtype, t.shape);
  std::memcpy(out.raw(), from, t.size);
  return out;
}

}  // namespace whorl::tensor

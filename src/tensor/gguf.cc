#include "tensor/gguf.h"

#include "base/check.h"
#include "base/file.h"

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

Tensor Gguf::widened(std::string_view name) const {
  const GgufTensor& t = info(name);
  Tensor out = Tensor::zeros(DType::float32, t.shape);
  widen_blocks(t.type, static_cast<const uint8_t*>(impl_->bytes.get()) + t.offset, out.numel(),
               out.data<float>());
  return out;
}

}  // namespace whorl::tensor

#include "tensor/convert.h"

#include "base/check.h"

namespace whorl::tensor {

namespace {

template <class From, class Widen>
void convert_row(const From* in, int64_t n, Tensor& out, int64_t offset, Widen widen) {
  if (out.dtype() == DType::float32) {
    float* to = out.data<float>() + offset;
    for (int64_t i = 0; i < n; ++i) to[i] = widen(in[i]);
  } else {
    uint16_t* to = out.data<uint16_t>() + offset;
    for (int64_t i = 0; i < n; ++i) to[i] = float_to_bf16(widen(in[i]));
  }
}

}  // namespace

Tensor convert(const Tensor& tensor, DType dtype) {
  base::check_argument(dtype == DType::float32 || dtype == DType::bfloat16,
                       "[Tensor.convert] expected float32 or bfloat16 as target, got ", name_of(dtype));
  Tensor out = Tensor::zeros(dtype, tensor.shape());
  if (tensor.numel() == 0) return out;
  const int64_t rows = tensor.shape().empty() ? 1 : tensor.dim(0), width = tensor.numel() / rows;
  for (int64_t r = 0; r < rows; ++r) {
    const int64_t from = r * tensor.row_stride(), to = r * width;
    switch (tensor.dtype()) {
      case DType::float32:
        convert_row(tensor.data<float>() + from, width, out, to, [](float v) { return v; });
        break;
      case DType::bfloat16:
        convert_row(tensor.data<uint16_t>() + from, width, out, to, bf16_to_float);
        break;
      case DType::float16:
        convert_row(tensor.data<uint16_t>() + from, width, out, to, half_to_float);
        break;
      default:
        base::invalid("[Tensor.convert] expected floating-point numbers, got ", name_of(tensor.dtype()));
    }
  }
  return out;
}

}  // namespace whorl::tensor

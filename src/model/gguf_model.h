#pragma once
// A GGUF file as a checkpoint: its keys as config.json would say them, its tensors under Hugging Face's names
// and in Hugging Face's order of rows.
#include <string>

#include "base/json.h"
#include "model/layout.h"
#include "tensor/gguf.h"

namespace whorl::model {

// Architectures llama, qwen2 and qwen3. What the file's keys or tensors ask for beyond these (experts,
// stretched rotary tables, windows) is refused by name. `context` opens every message.
base::Json gguf_config(const tensor::Gguf& file, const std::string& context);

// Throws std::invalid_argument naming missing, unexpected or misshapen tensors.
void check_gguf_tensors(const tensor::Gguf& file, const ModelConfig& config, const std::string& context);

// "bfloat16" where every matrix is stored so, else "float32", which holds all of them exactly.
std::string gguf_dtype(const tensor::Gguf& file);

// The file's name of a tensor, and where row `row` of it lies in the file.
std::string gguf_tensor_name(const TensorSpec& spec);
bool gguf_moves_rows(const ModelConfig& config, const TensorSpec& spec);  // any of them, that is
int64_t gguf_row(const ModelConfig& config, const TensorSpec& spec, int64_t row);

// One tensor as it is to be packed. NaN and Inf are refused by name.
Tensor read_gguf_tensor(const tensor::Gguf& file, const ModelConfig& config, const TensorSpec& spec,
                        const std::string& dtype, const std::string& context);

}  // namespace whorl::model

#pragma once
// Writes a whole model folder so that readers see the old one or the new one, also after a power cut.
#include <map>
#include <string>

#include "base/file.h"
#include "tensor/tensor.h"

namespace whorl::model {

// Refuses to replace a folder that holds anything that is not a model's.
void write_model_folder(const std::string& folder, const std::map<std::string, std::string>& files,
                        const std::map<std::string, Tensor>& tensors, const std::string& operation,
                        base::FileSystem& fs = *base::FileSystem::real());

}  // namespace whorl::model

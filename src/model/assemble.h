#pragma once
// What load, create and full-weight training have in common: from a configuration and numbers to a Model.
#include <string>

#include "model/model_impl.h"
#include "model/weights.h"

namespace whorl::model {

// `impl` has config, text_files and perhaps a backend; everything else is filled in. The configuration's ids
// are completed from the text files. `stored` gives the matrices that the checkpoint holds rounded.
void assemble(Model::Impl& impl, const TensorSource& source, const ModelOptions& options,
              const std::string& context, const StoredSource& stored = {});

// The tensors of a model as save() writes them: matrices in `dtype` ("auto": as held).
std::map<std::string, Tensor> host_tensors(const Model::Impl& impl, const std::string& dtype,
                                           const std::string& context);

}  // namespace whorl::model

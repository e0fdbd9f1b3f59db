#pragma once
// What load, create and full-weight training have in common: from a configuration and numbers to a Model.
#include <filesystem>
#include <string>
#include <vector>

#include "model/model_impl.h"
#include "model/weights.h"

namespace whorl::model {

// Where a model's numbers come from.
struct Numbers {
  TensorSource source;
  StoredSource stored = {};                       // the matrices that the checkpoint holds rounded
  std::vector<std::filesystem::path> files = {};  // what both read: all that ModelOptions::weights_cache asks
  bool rounded = false;                           // the checkpoint holds matrices in whole numbers
  std::string made_of = {};                       // where there are no files: what numbers follow from
  StaysSource stays = {};                         // of both sources, where they are not cut
};

// `impl` has config, path, text_files and perhaps a backend or ranks; everything else is filled in. The
// configuration's ids are completed from the text files. Sources are called later too, where the model is
// shared with other ranks: they own what they read.
void assemble(Model::Impl& impl, const Numbers& numbers, const ModelOptions& options,
              const std::string& context);

// Model::load as one of `all`, which options.tensor_parallel_size must be; null: the ranks that it finds.
Model load(const std::filesystem::path& folder, const ModelOptions& options,
           std::shared_ptr<ranks::Communicator> all);

// The tensors of a model as save() writes them: matrices in `dtype` ("auto": as held).
std::map<std::string, Tensor> host_tensors(const Model::Impl& impl, const std::string& dtype,
                                           const std::string& context);

}  // namespace whorl::model

#pragma once
// What stands behind the public Model; train and serve meet here.
#include <memory>
#include <optional>
#include <string>

#include "model/parallel.h"
#include "model/read_digest.h"
#include "model/text_files.h"
#include "model/transformer.h"
#include "text/chat_template.h"
#include "text/tokenizer.h"
#include "text/tool_calls.h"
#include "whorl/model.h"

namespace whorl {

struct Model::Impl {
  ModelConfig config;
  std::filesystem::path path;
  std::shared_ptr<const model::Transformer> transformer;
  std::shared_ptr<const text::Tokenizer> tokenizer;         // null = none
  std::shared_ptr<const text::ChatTemplate> chat_template;  // null = none
  std::string no_tokenizer = "no tokenizer.json";           // why, where there is none
  std::shared_ptr<const model::ReadDigest> read_digest;     // what adapters belong to
  std::string rounding;         // "stored", "int8" or "int4" where what is held is not what was read
  std::string config_json;      // config.json as it was read; empty for a new model
  model::TextFiles text_files;  // what save() writes beside the weights

  std::string quantize = "none";  // how matrices are held (held_as)
  std::shared_ptr<ops::Backend> backend;

  // Null: all of the model is here. Otherwise `transformer` is `parallel`.
  std::shared_ptr<ranks::Communicator> ranks;
  std::shared_ptr<const model::ParallelTransformer> parallel;

  // std::invalid_argument where a share of the model is here and all of it is needed.
  void expect_whole(const std::string& context) const;

  // Of what is held: what answers and runs belong to.
  std::string digest() const;
};

}  // namespace whorl

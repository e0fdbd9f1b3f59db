#include "data/fake_model.h"

namespace whorl {

struct Model::Impl {
  text::ModelText text;
};

Model::Model(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}

namespace text {
ModelText model_text(const Model& model) { return model.impl()->text; }
}  // namespace text

namespace test {
Model fake_model(text::ModelText text) {
  return Model(std::make_shared<const Model::Impl>(Model::Impl{std::move(text)}));
}
}  // namespace test

}  // namespace whorl

#include "whorl/pipeline.h"

#include <nlohmann/json.hpp>

#include "base/check.h"
#include "base/json.h"
#include "pipeline/kinds.h"
#include "pipeline/pipeline_impl.h"

namespace whorl {

using base::Json;
namespace p = pipeline;

Pipeline::Pipeline(const std::string& name, const std::string& description) : impl_(new Impl) {
  impl_->spec.name = name;
  impl_->spec.description = description;
}
Pipeline::~Pipeline() = default;
Pipeline::Pipeline(const Pipeline& other) : impl_(new Impl(*other.impl_)) {}
Pipeline& Pipeline::operator=(const Pipeline& other) {
  impl_ = std::make_unique<Impl>(*other.impl_);
  return *this;
}
Pipeline::Pipeline(Pipeline&&) noexcept = default;
Pipeline& Pipeline::operator=(Pipeline&&) noexcept = default;

Pipeline Pipeline::load(const std::filesystem::path& file) {
  Pipeline made("");
  made.impl_->spec = p::load_spec(file.string(), "Pipeline.load");
  return made;
}

Pipeline Pipeline::from_json(const std::string& text) {
  Pipeline made("");
  made.impl_->spec = p::spec_from_json(text, "Pipeline.from_json", "");
  return made;
}

Pipeline Pipeline::from_yaml(const std::string& text, const std::string& source) {
  Pipeline made("");
  made.impl_->spec = p::spec_from_yaml(text, "Pipeline.from_yaml", source);
  return made;
}

namespace {

// Through the parser, in a pipeline of its own, so that C++ and JSON cannot disagree.
p::Spec parsed(const char* operation, const Json& parameters, const Json& steps) {
  Json whole = {{"name", "x"}, {"parameters", parameters}, {"steps", steps}};
  return p::parse_spec(whole, p::plain_places(std::string("[") + operation + "]"));
}

}  // namespace

Pipeline& Pipeline::parameter(const PipelineParameter& parameter) {
  auto& all = impl_->spec.parameters;
  if (impl_->spec.parameter(parameter.name) != nullptr)
    base::invalid("[Pipeline.parameter] there is a parameter '", parameter.name, "' already");
  auto made = parsed("Pipeline.parameter", {{parameter.name, p::to_json(parameter)}}, Json::array());
  const auto after =
      std::find_if(all.begin(), all.end(), [&](const auto& known) { return known.name > parameter.name; });
  all.insert(after, std::move(made.parameters.front()));
  return *this;
}

Pipeline& Pipeline::step(const PipelineStep& step) {
  auto made = parsed("Pipeline.step", Json::object(), Json::array({p::to_json(step)}));
  if (impl_->spec.find(step.name) != nullptr)
    base::invalid("[Pipeline.step] there is a step '", step.name, "' already");
  impl_->spec.steps.push_back(std::move(made.steps.front()));
  return *this;
}

Pipeline& Pipeline::on_exit(const std::vector<std::string>& steps) {
  impl_->spec.on_exit = steps;
  return *this;
}

Pipeline& Pipeline::budget(const PipelineBudget& budget) {
  impl_->spec.budget = budget;
  return *this;
}

Pipeline& Pipeline::function(const std::string& name, PipelineFunction function, const std::string& version) {
  base::check_argument(static_cast<bool>(function), "[Pipeline.function] '", name, "' is an empty function");
  impl_->functions[name] = {std::move(function), version};
  return *this;
}

Pipeline& Pipeline::folder(const std::filesystem::path& folder) {
  impl_->spec.folder = folder.string();
  return *this;
}

const std::string& Pipeline::name() const { return impl_->spec.name; }
std::string Pipeline::to_json() const { return p::canonical_json(impl_->spec); }
std::string Pipeline::digest() const { return p::digest(impl_->spec); }
void Pipeline::validate() const { p::validate(impl_->spec); }

std::string Pipeline::kinds() {
  Json all = Json::object();
  for (const auto& kind : p::kinds()) {
    Json arguments = Json::object(), outputs = Json::object();
    for (const auto& argument : kind.arguments)
      arguments[argument.name] = {{"type", p::name_of(argument.type)},
                                  {"required", argument.required},
                                  {"description", argument.doc}};
    for (const auto& output : kind.outputs)
      outputs[output.key] = {{"artifact", output.artifact}, {"description", output.doc}};
    all[kind.name] = {{"description", kind.doc},
                      {"arguments", arguments},
                      {"outputs", outputs},
                      {"declares_outputs", kind.declares_outputs},
                      {"cached", !kind.has_effects}};
  }
  return base::to_sorted_json(all);
}

}  // namespace whorl

#pragma once
// A pipeline in memory, as its JSON says it: references still stand where they were written. Made by
// parse_spec() or from the public structs, checked by validate(); everything else takes a valid one.
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "pipeline/value.h"
#include "whorl/pipeline.h"

namespace whorl::pipeline {

// What opens a message: the operation, the file, and the line where it is known.
class Places {
 public:
  virtual ~Places() = default;
  // "[Pipeline.load] p.yaml:12" for a JSON pointer ("/steps/2/with/base"); never throws.
  virtual std::string at(const std::string& pointer) const = 0;
};
std::shared_ptr<const Places> plain_places(const std::string& where);  // always `where`

struct Parameter {
  std::string name, type, description;
  std::optional<Value> fallback;  // unset: must be given
  List choices;                   // empty = any
};

struct Condition {
  Value left;
  std::string op;
  Value right;
};

// What a step is repeated over.
struct Foreach {
  enum class Form { none, list, grid, parameter };
  Form form = Form::none;
  List items;                        // list
  std::map<std::string, List> grid;  // the last name varies fastest
  std::string parameter;             // name of a parameter of type "list"
};

struct FailurePolicy {
  enum class Form { all, any, at_least };
  Form form = Form::all;
  int64_t at_least = 0;
};

struct Step {
  std::string name, kind, description;
  std::vector<std::string> needs;  // as written; needs_of() adds those that references imply
  Object with;
  Foreach foreach;
  std::vector<Condition> when;
  PipelineRetry retry;
  double timeout_seconds = 0;
  FailurePolicy failure_policy;
  std::map<std::string, PipelineOutput> outputs;  // as declared
  PipelineResources resources;
  bool cache = true;

  bool repeats() const { return foreach.form != Foreach::Form::none; }
};

struct Spec {
  std::string name, description;
  std::vector<Parameter> parameters;  // sorted by name
  std::vector<Step> steps;            // in the order written, which is the order of start among equals
  std::vector<std::string> on_exit;   // steps that run at the end, whatever happened; nothing else needs them
  PipelineBudget budget;

  // Of the file it came from; not part of the JSON. Relative paths start in `folder`.
  std::string folder = ".";
  std::shared_ptr<const Places> places = plain_places("[Pipeline]");

  const Step* find(std::string_view step) const;
  const Parameter* parameter(std::string_view name_of) const;
  size_t index_of(std::string_view step) const;  // of a step that exists
  bool is_exit(std::string_view step) const;
};

// Unknown and mistyped keys name step and field and the nearest known one (std::invalid_argument). Structure
// only: validate() looks at the meaning. The spec keeps `places` for later messages.
Spec parse_spec(const base::Json& json, std::shared_ptr<const Places> places);
Spec load_spec(const std::string& path, const std::string& operation);  // .yaml, .yml, else JSON
Spec spec_from_yaml(const std::string& text, const std::string& operation, const std::string& name);
Spec spec_from_json(const std::string& text, const std::string& operation, const std::string& name);

// Sorted keys, defaults left out, one newline at the end: the same pipeline gives the same bytes.
std::string canonical_json(const Spec& spec);
std::string digest(const Spec& spec);  // SHA-256 of the canonical bytes, hex

// Throws std::invalid_argument with every problem, one a line, naming step and field: names, kinds,
// arguments, references, cycles, policies.
void validate(const Spec& spec);

// Steps that must have succeeded before `step` may start: written needs and those of references, by index,
// ascending.
std::vector<size_t> needs_of(const Spec& spec, const Step& step);
// Indices of steps, needs first; among equals in the order written. Exit steps come last.
std::vector<size_t> order_of(const Spec& spec);

// ---- parameters and items ------------------------------------------------------------------------------
// Type and choices of one value; a float parameter makes 1 into 1.0. std::invalid_argument.
Value checked_parameter(const Parameter& parameter, Value value, const std::string& where);
// Every parameter with its value: given ones checked against type and choices, the rest by default.
using ParameterValues = Object;
ParameterValues bind_parameters(const Spec& spec, const Object& given, const std::string& operation);

// What a step takes when the parameters that its resources name are bound.
PipelineResources resources_of(const Step& step, const ParameterValues& parameters,
                               const std::string& operation);

// One value per instance: {null} for a step without foreach. Grids give objects.
List items_of(const Step& step, const ParameterValues& parameters);

// "train", or "train.3" for an item: as a file name, in logs and events.
std::string instance_name(const Step& step, size_t item);

// How many of `succeeded` out of `counted` (items that were not skipped) make the step a success.
bool satisfied(const FailurePolicy& policy, size_t succeeded, size_t counted);
std::string to_text(const FailurePolicy& policy);  // "all", "any", "at_least 3"
FailurePolicy parse_failure_policy(const std::string& text, const std::string& where);

}  // namespace whorl::pipeline

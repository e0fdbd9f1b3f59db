#pragma once
// The flows of one rail, ready to run: patterns compiled, prompts parsed, policies settled.
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "guard/prompts.h"
#include "guard/rail.h"
#include "guard/verdicts.h"

namespace whorl::guard {

struct Flow {
  const FlowEntry* entry = nullptr;
  bool fail_open = false;
  int64_t budget_ms = 0;
  std::string refusal;  // "" = the library's
  std::optional<Prompt> prompt = {};
  const AnswerForm* form = nullptr;
  const ModelEntry* judge = nullptr;

  const std::string& name() const { return entry->name; }
  Check check() const { return entry->kind->check; }
};

struct PlaceRails {
  Place place = Place::input;
  std::vector<Flow> flows;   // in the order of the configuration
  TextGuard texts{Rails{}};  // all flows without a model; a finding's rail is the flow's name
  bool asks_model = false;
};

// `config` must outlive what is made. std::invalid_argument with file and line.
PlaceRails make_place(const Config& config, Place place);

}  // namespace whorl::guard

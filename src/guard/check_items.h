#pragma once
// The heart of every check: texts in, decisions out. Flows without a model go over each text once; all
// questions of all texts that are left go to the engine together.
#include <string>
#include <vector>

#include "guard/place_rails.h"
#include "whorl/guardrail.h"

namespace whorl::guard {

struct Item {
  Place place = Place::input;
  std::string text;
  std::string part = {};             // GuardDecision::part
  PromptValues values = {};          // the checked text is put into user_input or bot_response by check_items
  std::vector<Message> before = {};  // the conversation before the text, for topic safety
  bool has_evidence = false;
  bool text_flows = true, model_flows = true;
  const ToolCall* call = nullptr;  // `text` is its arguments
  const std::vector<Tool>* tools = nullptr;
};

struct ItemResult {
  std::string text;  // as it may go on; the item's own where blocked
  bool blocked = false, changed = false;
  std::string blocked_by, refusal;
  std::vector<GuardDecision> decisions;
};

struct Rooms {  // what all checks share
  Config config;
  PlaceRails places[kPlaces];
  InferenceEngine* engine = nullptr;
};

std::vector<ItemResult> check_items(const Rooms& rooms, std::vector<Item> items);

// What findings say, as the decisions of the place's text flows; `seconds` of the pass.
std::vector<std::pair<const Flow*, GuardDecision>> text_decisions(const PlaceRails& place,
                                                                  const std::vector<Finding>& findings,
                                                                  const std::string& part, double seconds);
// The refusal of a flow that blocked.
std::string refusal_of(const Flow& flow, const GuardDecision& decision);

}  // namespace whorl::guard

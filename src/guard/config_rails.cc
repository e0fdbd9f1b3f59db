// rails: flows, streaming, and Whorl's own keys.
#include "base/file.h"
#include "guard/config_parts.h"

namespace whorl::guard {
namespace {

constexpr std::string_view kModelParameter = "$model=";

// One space between words, none around.
std::string words_of(const std::string& text) {
  std::string out;
  for (const char c : text) {
    const bool space = c == ' ' || c == '\t' || c == '\n' || c == '\r';
    if (!space) {
      out += c;
    } else if (!out.empty() && out.back() != ' ') {
      out += ' ';
    }
  }
  if (!out.empty() && out.back() == ' ') out.pop_back();
  return out;
}

FlowEntry read_flow(const Node& item, Place place) {
  FlowEntry entry;
  entry.where = item.where();
  entry.name = words_of(item.text());
  std::string name = entry.name;
  if (const size_t at = name.find(" $"); at != std::string::npos) {
    const std::string parameter = name.substr(at + 1);
    name.resize(at);
    if (parameter.rfind(kModelParameter, 0) != 0 || parameter.find(' ') != std::string::npos)
      item.fail("expected the parameter of '", name, "' to be $model=type, got '",
                base::printable(parameter, 60), "'");
    entry.model = parameter.substr(kModelParameter.size());
  }
  entry.kind = find_flow(place, name);
  if (!entry.kind)
    item.fail("unknown flow '", base::printable(name, 80), "' in rails.", name_of(place), ".flows",
              about_unknown_flow(place, name));
  if (entry.kind->takes_model && entry.model.empty())
    item.fail("flow '", name, "' expects $model=type, the type of an entry of models");
  if (!entry.kind->takes_model && !entry.model.empty()) item.fail("flow '", name, "' takes no $model");
  return entry;
}

void read_policy(const Node& node, FlowPolicy& policy) {
  if (const auto fail = node.at("fail")) policy.fail_open = fail->choice({"open", "closed"}) == "open";
  if (const auto budget = node.at("time_budget_ms")) policy.time_budget_ms = budget->integer(0, 86'400'000);
  if (const auto refusal = node.at("refusal")) policy.refusal = refusal->text();
}

void read_flow_options(const Node& options, RailEntry& rail) {
  for (const Node& entry : options.entries()) {
    entry.only({"fail", "time_budget_ms", "refusal"});
    const std::string name = words_of(entry.name());
    read_policy(entry, rail.flow_policies[name]);
    rail.flow_policy_places[name] = entry.where();
  }
}

void read_streaming(const Node& node, Config& config) {
  node.only({"enabled", "chunk_size", "context_size", "stream_first"});
  auto& streaming = config.streaming;
  streaming.where = node.where();
  node.read("enabled", streaming.enabled);
  if (const auto size = node.at("chunk_size")) streaming.chunk_size = size->integer(1, 1 << 20);
  if (const auto size = node.at("context_size")) streaming.context_size = size->integer(0, 1 << 20);
  if (streaming.context_size >= streaming.chunk_size)
    node.fail("expected context_size below chunk_size (", streaming.chunk_size, "), got ",
              streaming.context_size);
  node.read("stream_first", streaming.stream_first);
  if (node.at("stream_first") && streaming.stream_first)
    warn(config, node.require("stream_first"), "no text leaves before its check, whatever stream_first says");
}

void read_rail(const Node& node, Place place, Config& config) {
  if (place == Place::output) {
    node.only({"flows", "parallel", "streaming", "apply_to_reasoning_traces", "fail", "time_budget_ms",
               "refusal", "flow_options"});
  } else if (place == Place::input) {
    node.only(
        {"flows", "parallel", "speculative_generation", "fail", "time_budget_ms", "refusal", "flow_options"});
  } else {
    node.only({"flows", "parallel", "fail", "time_budget_ms", "refusal", "flow_options"});
  }
  RailEntry& rail = config.rail(place);
  if (const auto flows = node.at("flows"))
    for (const Node& item : flows->items()) rail.flows.push_back(read_flow(item, place));
  if (const auto parallel = node.at("parallel")) parallel->boolean();  // flows always run together
  if (const auto early = node.at("speculative_generation"); early && early->boolean())
    warn(config, *early, "the answer is never generated before its input was checked");
  if (const auto reasoning = node.at("apply_to_reasoning_traces"); reasoning && !reasoning->boolean())
    warn(config, *reasoning, "flows without a model check the reasoning too, whatever this key says");
  if (const auto streaming = node.at("streaming")) read_streaming(*streaming, config);
  read_policy(node, rail.policy);
  if (const auto options = node.at("flow_options")) read_flow_options(*options, rail);
}

}  // namespace

void read_rails(const Node& rails, Config& config) {
  rails.only({"input", "output", "retrieval", "tool_output", "tool_input", "config"},
             {{"dialog", "is Colang's, which Whorl does not run"},
              {"actions", "is Colang's, which Whorl does not run"}});
  for (const Place place : kAllPlaces)
    if (const auto node = rails.at(name_of(place))) read_rail(*node, place, config);
  if (const auto node = rails.at("config")) read_detection(*node, config);
}

}  // namespace whorl::guard

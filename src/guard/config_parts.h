#pragma once
// The readers of single sections; config.cc calls them.
#include "guard/config.h"
#include "guard/yaml_node.h"

namespace whorl::guard {

void read_models(const Node& list, Config& config);
void read_prompts(const Node& list, Config& config);
void read_rails(const Node& rails, Config& config);
void read_detection(const Node& section, Config& config);  // rails.config

// "[where]: what", kept in Config::warnings.
void warn(Config& config, const Node& node, const std::string& what);

}  // namespace whorl::guard

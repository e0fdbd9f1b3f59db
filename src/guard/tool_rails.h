#pragma once
// Calls before they run: is the tool allowed and offered, and do its arguments fit its schema.
#include <string>
#include <vector>

#include "guard/config.h"
#include "whorl/types.h"

namespace whorl::guard {

// "" or why the call must not run. The reason names the tool only where the configuration or the caller did.
std::string refuse_tool(const ToolCallsEntry& config, const ToolCall& call, const std::vector<Tool>& tools);
std::string refuse_arguments(const ToolCall& call, const std::vector<Tool>& tools);

bool is_json(const std::string& text);

}  // namespace whorl::guard

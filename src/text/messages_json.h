#pragma once
// Conversations as the JSON that chat templates read. One function for training, serving and the public
// apply_chat_template, so that a conversation cannot be written in two ways.
#include <string>
#include <string_view>
#include <vector>

#include "whorl/types.h"

namespace whorl::text {

// A list of {role, content} and, where not empty, reasoning_content, tool_calls, tool_call_id and name.
// Tool-call arguments stand as the object they spell (templates apply tojson themselves); arguments that are
// not an object's text stand as a string.
std::string messages_json(const std::vector<Message>& messages);

// A list of {"type": "function", "function": {name, description, parameters}}; "" for no tools.
std::string tools_json(const std::vector<Tool>& tools);

// `text` between double quotes, escaped as JSON demands and no further.
std::string json_quoted(std::string_view text);

}  // namespace whorl::text

#pragma once
// Between Python's ways of writing messages, tools and JSON, and the plain structs of whorl/types.h.
#include <pybind11/pybind11.h>
#include <whorl/types.h>

#include <string>
#include <vector>

namespace whorl::python {
namespace py = pybind11;

std::string described(py::handle value);     // "str 'abc'", for error messages
std::string default_text(py::handle value);  // the value as a signature shows it
py::object plain(const py::object& value);   // objects with to_dict(), inside lists and dicts too, made plain
std::string nearest(const std::string& name, const std::vector<std::string>& names);  // "" = none is near

py::object json_loads(const std::string& text);  // "" = None
std::string json_text(py::handle value);         // str as it is, None = "", everything else dumped

// Each accepts the bound class or a dict; OpenAI's nesting under "function" is understood. An unknown key is
// a TypeError that names the nearest one. `where` opens the message.
ToolCall tool_call_from(const std::string& where, py::handle value);
Tool tool_from(const std::string& where, py::handle value);
Message message_from(const std::string& where, py::handle value);
std::vector<Tool> tools_from(const std::string& where, py::handle value);        // None = none
std::vector<Message> messages_from(const std::string& where, py::handle value);  // None = none

}  // namespace whorl::python

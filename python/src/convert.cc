#include "convert.h"

#include <functional>
#include <map>

#include "fields.h"

namespace whorl::python {

std::string described(py::handle value) {
  std::string text = py::repr(value);
  if (text.size() > 60) text = text.substr(0, 57) + "...";
  const std::string type = py::str(py::type::of(value).attr("__name__"));
  return value.is_none() ? "None" : type + " " + text;
}

std::string default_text(py::handle value) {
  if (py::hasattr(value, "to_dict") || py::hasattr(value, "__fspath__"))
    return py::hasattr(value, "to_dict") ? "None" : "''";
  return py::repr(value);
}

py::object plain(const py::object& value) {
  if (py::hasattr(value, "to_dict")) return value.attr("to_dict")();
  if (py::isinstance<py::list>(value) || py::isinstance<py::tuple>(value)) {
    py::list made;
    for (auto item : value) made.append(plain(py::reinterpret_borrow<py::object>(item)));
    return made;
  }
  if (py::isinstance<py::dict>(value)) {
    py::dict made;
    for (auto item : value.cast<py::dict>())
      made[item.first] = plain(py::reinterpret_borrow<py::object>(item.second));
    return made;
  }
  if (py::hasattr(value, "__fspath__")) return py::str(value);
  if (py::hasattr(value, "digest")) return value.attr("digest");  // a model or adapter, by its content
  return value;
}

std::string nearest(const std::string& name, const std::vector<std::string>& names) {
  const auto close =
      py::module_::import("difflib").attr("get_close_matches")(name, names, 1, 0.5).cast<py::list>();
  return close.empty() ? std::string() : close[0].cast<std::string>();
}

void apply(const std::string& where, const std::vector<Setter>& setters, const py::kwargs& keywords) {
  for (auto item : keywords) {
    const auto key = item.first.cast<std::string>();
    const auto found =
        std::find_if(setters.begin(), setters.end(), [&](const Setter& s) { return s.name == key; });
    if (found == setters.end()) {
      std::vector<std::string> names;
      for (const auto& s : setters) names.push_back(s.name);
      const auto near = nearest(key, names);
      throw py::type_error("[" + where + "] unknown option '" + key + "'" +
                           (near.empty() ? "" : "; did you mean '" + near + "'?"));
    }
    try {
      found->set(item.second);
    } catch (const py::type_error& error) {
      const std::string text = error.what();
      throw py::type_error(text.starts_with("[") ? text : "[" + where + "] " + text);
    }
  }
}

py::object json_loads(const std::string& text) {
  if (text.empty()) return py::none();
  return py::module_::import("json").attr("loads")(text);
}

std::string json_text(py::handle value) {
  if (value.is_none()) return {};
  if (py::isinstance<py::str>(value)) return value.cast<std::string>();
  py::object made = plain(py::reinterpret_borrow<py::object>(value));
  return py::module_::import("json").attr("dumps")(made, py::arg("ensure_ascii") = false).cast<std::string>();
}

namespace {

using Readers = std::map<std::string, std::function<void(py::handle)>>;

std::string string_from(const std::string& where, const char* key, py::handle value) {
  if (!py::isinstance<py::str>(value)) {
    throw py::type_error("[" + where + "] '" + key + "' expected str, got " + described(value));
  }
  return value.cast<std::string>();
}

// Hands every key that is not None to its reader.
void read_dict(const std::string& where, const char* what, py::handle value, const Readers& readers) {
  if (!py::isinstance<py::dict>(value)) {
    throw py::type_error("[" + where + "] expected " + what + " or dict, got " + described(value));
  }
  for (auto item : value.cast<py::dict>()) {
    const auto key = string_from(where, "key", item.first);
    const auto reader = readers.find(key);
    if (reader == readers.end()) {
      std::vector<std::string> names;
      for (const auto& [name, unused] : readers) names.push_back(name);
      const auto near = nearest(key, names);
      throw py::type_error("[" + where + "] unknown key '" + key + "' of a " + what +
                           (near.empty() ? "" : "; did you mean '" + near + "'?"));
    }
    if (!item.second.is_none()) reader->second(item.second);
  }
}

void ignore(py::handle) {}

// "content" is text, or OpenAI's list of {"type": "text", "text": …} parts.
std::string content_from(const std::string& where, py::handle value) {
  if (!py::isinstance<py::list>(value)) return string_from(where, "content", value);
  std::string text;
  for (auto part : value) {
    if (!py::isinstance<py::dict>(part) || !part.cast<py::dict>().contains("text")) {
      throw py::type_error("[" + where +
                           "] a part of 'content' expected {\"type\": \"text\", \"text\": …}, got " +
                           described(part));
    }
    text += string_from(where, "text", part["text"]);
  }
  return text;
}

template <class T>
std::vector<T> list_from(const std::string& where, const char* what, py::handle value,
                         T (*one)(const std::string&, py::handle)) {
  std::vector<T> made;
  if (value.is_none()) return made;
  if (py::isinstance<py::str>(value) || py::isinstance<py::dict>(value) || !py::hasattr(value, "__iter__")) {
    throw py::type_error("[" + where + "] expected a list of " + what + ", got " + described(value));
  }
  for (auto item : value) made.push_back(one(where, item));
  return made;
}

}  // namespace

ToolCall tool_call_from(const std::string& where, py::handle value) {
  if (py::isinstance<ToolCall>(value)) return value.cast<ToolCall>();
  ToolCall made;
  Readers readers = {
      {"name", [&](py::handle v) { made.name = string_from(where, "name", v); }},
      {"arguments", [&](py::handle v) { made.arguments = json_text(v); }},
  };
  Readers outer = readers;
  outer["id"] = [&](py::handle v) { made.id = string_from(where, "id", v); };
  outer["type"] = ignore;
  outer["index"] = ignore;
  outer["function"] = [&](py::handle v) { read_dict(where, "ToolCall", v, readers); };
  read_dict(where, "ToolCall", value, outer);
  if (made.arguments.empty()) made.arguments = "{}";
  return made;
}

Tool tool_from(const std::string& where, py::handle value) {
  if (py::isinstance<Tool>(value)) return value.cast<Tool>();
  Tool made;
  Readers readers = {
      {"name", [&](py::handle v) { made.name = string_from(where, "name", v); }},
      {"description", [&](py::handle v) { made.description = string_from(where, "description", v); }},
      {"parameters", [&](py::handle v) { made.parameters = json_text(v); }},
      {"strict", ignore},
  };
  Readers outer = readers;
  outer["type"] = ignore;
  outer["function"] = [&](py::handle v) { read_dict(where, "Tool", v, readers); };
  read_dict(where, "Tool", value, outer);
  return made;
}

Message message_from(const std::string& where, py::handle value) {
  if (py::isinstance<Message>(value)) return value.cast<Message>();
  Message made;
  auto text = [&](const char* key, std::string& target) {
    return [&where, key, &target](py::handle v) { target = string_from(where, key, v); };
  };
  read_dict(where, "Message", value,
            {{"role", text("role", made.role)},
             {"content", [&](py::handle v) { made.content = content_from(where, v); }},
             {"tool_calls",
              [&](py::handle v) {
                made.tool_calls = list_from<ToolCall>(where, "ToolCall or dict", v, tool_call_from);
              }},
             {"tool_call_id", text("tool_call_id", made.tool_call_id)},
             {"name", text("name", made.name)},
             {"reasoning_content", text("reasoning_content", made.reasoning_content)},
             {"train", [&](py::handle v) { made.train = value_from<bool>("train", v); }}});
  if (made.role.empty()) throw py::type_error("[" + where + "] a message lacks 'role'");
  return made;
}

std::vector<Tool> tools_from(const std::string& where, py::handle value) {
  return list_from<Tool>(where, "Tool or dict", value, tool_from);
}

std::vector<Message> messages_from(const std::string& where, py::handle value) {
  return list_from<Message>(where, "Message or dict", value, message_from);
}

}  // namespace whorl::python

#include "text/tool_calls.h"

#include <nlohmann/json.hpp>
#include <optional>

namespace whorl::text {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kHermesOpen = "<tool_call>";
constexpr std::string_view kHermesClose = "</tool_call>";
constexpr std::string_view kPythonTag = "<|python_tag|>";
constexpr std::string_view kMistralTag = "[TOOL_CALLS]";

std::string_view trim(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

// Length of the JSON object or list that opens `text`, or 0 if it does not close. Only brackets outside
// strings count; whether it is JSON is the parser's business.
std::size_t bracketed_length(std::string_view text) {
  if (text.empty() || (text[0] != '{' && text[0] != '[')) return 0;
  std::size_t depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\')
        ++i;
      else if (c == '"')
        in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      ++depth;
    } else if ((c == '}' || c == ']') && --depth == 0) {
      return i + 1;
    }
  }
  return 0;
}

// The text of the value of the top-level member `key` of the object `text`, as the model spelled it.
// Where a key is repeated the last one counts, as in the parser.
std::optional<std::string> member_text(std::string_view text, std::string_view key) {
  std::optional<std::string> found;
  std::size_t at = text.find('{');
  const auto skip = [&] { at = text.find_first_not_of(" \t\r\n", at); };
  const auto string_end = [&](std::size_t i) {
    for (++i; i < text.size() && text[i] != '"'; ++i)
      if (text[i] == '\\') ++i;
    return i + 1;
  };
  for (++at; skip(), at < text.size() && text[at] == '"';) {
    const std::size_t key_end = string_end(at);
    const bool match = Json::parse(text.substr(at, key_end - at)) == key;
    at = key_end;
    skip();
    ++at;  // the colon
    skip();
    std::size_t end;
    if (text[at] == '"')
      end = string_end(at);
    else if (const std::size_t length = bracketed_length(text.substr(at)))
      end = at + length;
    else
      end = text.find_first_of(",} \t\r\n", at);
    if (match) found = std::string(text.substr(at, end - at));
    at = end;
    skip();
    if (at < text.size() && text[at] == ',') ++at;
  }
  return found;
}

// One call from one JSON object; on failure says what is wrong.
std::optional<ToolCall> read_call(std::string_view object, std::string& error) {
  const Json json = Json::parse(object, nullptr, false);
  if (json.is_discarded()) return error = "the tool call is not valid JSON", std::nullopt;
  if (!json.is_object()) return error = "expected the tool call to be a JSON object", std::nullopt;
  if (json.contains("function") && json["function"].is_object()) {
    return read_call(*member_text(object, "function"), error);
  }
  if (!json.contains("name") || !json["name"].is_string() ||
      json["name"].get_ref<const std::string&>().empty())
    return error = "expected the tool call's 'name' to be a non-empty string", std::nullopt;
  const char* key = json.contains("arguments") ? "arguments" : "parameters";
  if (!json.contains(key)) return ToolCall{json["name"], "{}"};
  const Json& arguments = json[key];
  if (arguments.is_object()) return ToolCall{json["name"], *member_text(object, key)};
  if (arguments.is_string()) {
    const Json inner = Json::parse(arguments.get_ref<const std::string&>(), nullptr, false);
    if (inner.is_object()) return ToolCall{json["name"], arguments};
  }
  return error = "expected the tool call's '" + std::string(key) + "' to be a JSON object", std::nullopt;
}

// Splits a JSON list into the texts of its elements; an object is a list of one.
std::vector<std::string_view> elements(std::string_view text) {
  if (text.empty() || text[0] == '{') return {text};
  std::vector<std::string_view> out;
  for (std::size_t i = 1; i < text.size();) {
    const std::size_t length = bracketed_length(text.substr(i));
    if (length == 0) {
      ++i;
      continue;
    }
    out.push_back(text.substr(i, length));
    i += length;
  }
  return out;
}

// A well-formed JSON object, or list of objects, gives its calls; anything else an error and no call.
bool read_calls(std::string_view text, ParsedToolCalls& out) {
  const Json json = Json::parse(text, nullptr, false);
  if (json.is_discarded()) return out.error = "the tool call is not valid JSON", false;
  if (json.is_array())
    for (const Json& item : json)
      if (!item.is_object()) return out.error = "expected every tool call to be a JSON object", false;
  std::vector<ToolCall> calls;
  for (const std::string_view element : elements(text)) {
    auto call = read_call(element, out.error);
    if (!call) return false;
    calls.push_back(std::move(*call));
  }
  out.calls.insert(out.calls.end(), calls.begin(), calls.end());
  return true;
}

ParsedToolCalls parse_hermes(std::string_view text) {
  ParsedToolCalls out;
  std::string content;
  while (true) {
    const auto open = text.find(kHermesOpen);
    content += text.substr(0, open);
    if (open == std::string_view::npos) break;
    const auto body_begin = open + kHermesOpen.size();
    // A closing marker inside a JSON string is part of the argument: trust the brackets first.
    const auto json_begin = text.find_first_not_of(" \t\r\n", body_begin);
    const std::size_t length =
        json_begin == std::string_view::npos ? 0 : bracketed_length(text.substr(json_begin));
    const auto close = text.find(kHermesClose, length ? json_begin + length : body_begin);
    const auto body_end = close == std::string_view::npos ? text.size() : close;
    const auto next = close == std::string_view::npos ? text.size() : close + kHermesClose.size();
    if (!read_calls(trim(text.substr(body_begin, body_end - body_begin)), out)) {
      content += text.substr(open, next - open);
    }
    text.remove_prefix(next);
  }
  out.content = out.calls.empty() ? content : std::string(trim(content));
  return out;
}

// Calls that are the whole text, or all of it after `tag`.
ParsedToolCalls parse_tagged(std::string_view text, std::string_view tag, bool semicolons) {
  ParsedToolCalls out;
  const auto at = tag.empty() ? std::string_view::npos : text.find(tag);
  const bool tagged = at != std::string_view::npos;
  std::string_view before = tagged ? text.substr(0, at) : std::string_view{};
  std::string_view rest = trim(tagged ? text.substr(at + tag.size()) : text);
  const bool looks_like_call = tagged || (!rest.empty() && (rest[0] == '{' || rest[0] == '[') &&
                                          rest.find("\"name\"") != std::string_view::npos);
  if (!looks_like_call) return {std::string(text), {}, {}};
  while (!rest.empty()) {
    const std::size_t length = bracketed_length(rest);
    const std::string_view body = length ? rest.substr(0, length) : rest;
    if (!read_calls(body, out)) return {std::string(text), {}, out.error};
    rest = trim(rest.substr(body.size()));
    if (rest.empty()) break;
    if (!semicolons || rest[0] != ';') return {std::string(text), {}, "unexpected text after the tool call"};
    rest = trim(rest.substr(1));
  }
  if (out.calls.empty()) {
    if (tagged) return {std::string(text), {}, "expected a tool call after the marker"};
    return {std::string(text), {}, {}};
  }
  out.content = std::string(trim(before));
  return out;
}

}  // namespace

ToolCallFormat detect_tool_call_format(std::string_view source) {
  const auto has = [&](std::string_view part) { return source.find(part) != std::string_view::npos; };
  if (has(kMistralTag)) return ToolCallFormat::mistral;
  if (has(kHermesOpen)) return ToolCallFormat::hermes;
  if (!has("tools") && !has("tool_calls")) return ToolCallFormat::none;
  if (has(kPythonTag) || has("\"parameters\": ")) return ToolCallFormat::llama3;
  return ToolCallFormat::json;
}

ParsedToolCalls parse_tool_calls(std::string_view text, ToolCallFormat format) {
  switch (format) {
    case ToolCallFormat::none:
      break;
    case ToolCallFormat::hermes:
      return parse_hermes(text);
    case ToolCallFormat::llama3:
      return parse_tagged(text, kPythonTag, true);
    case ToolCallFormat::mistral:
      return parse_tagged(text, kMistralTag, false);
    case ToolCallFormat::json:
      return parse_tagged(text, "", false);
  }
  return {std::string(text), {}, {}};
}

const char* to_string(ToolCallFormat format) {
  switch (format) {
    case ToolCallFormat::none:
      return "none";
    case ToolCallFormat::hermes:
      return "hermes";
    case ToolCallFormat::llama3:
      return "llama3";
    case ToolCallFormat::mistral:
      return "mistral";
    case ToolCallFormat::json:
      return "json";
  }
  return "none";
}

}  // namespace whorl::text

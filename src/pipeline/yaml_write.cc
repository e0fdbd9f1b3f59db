#include "pipeline/yaml_write.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "base/check.h"

namespace whorl::pipeline {

using base::Json;

namespace {

// Words that some YAML reader takes for something other than a string.
bool means_something_else(std::string_view key) {
  static constexpr std::array<std::string_view, 12> words = {"y",    "n",     "yes",  "no",  "on",  "off",
                                                             "true", "false", "null", "nan", "inf", "~"};
  std::string lower(key);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c); });
  return std::find(words.begin(), words.end(), lower) != words.end();
}

bool plain_key(std::string_view key) {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  const auto inner = [&](char c) {
    return letter(c) || (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '-' || c == '/';
  };
  return !key.empty() && letter(key[0]) && std::all_of(key.begin(), key.end(), inner) &&
         !means_something_else(key);
}

// JSON's escapes are YAML's, but YAML also breaks lines at, or refuses, some characters that JSON lets stand.
std::string quoted(const std::string& text) {
  const std::string json = Json(text).dump();
  std::string out;
  for (size_t i = 0; i < json.size(); ++i) {
    const auto byte = static_cast<unsigned char>(json[i]);
    const auto next = [&](size_t n) {
      return i + n < json.size() ? static_cast<unsigned char>(json[i + n]) : 0;
    };
    static constexpr char hex[] = "0123456789abcdef";
    if (byte == 0x7f) {
      out += "\\x7f";
    } else if (byte == 0xc2 && next(1) >= 0x80 && next(1) < 0xa0) {  // C1 controls, among them NEL
      out += std::string("\\x") + hex[next(1) >> 4] + hex[next(1) & 15];
      i += 1;
    } else if (byte == 0xe2 && next(1) == 0x80 && (next(2) == 0xa8 || next(2) == 0xa9)) {
      out += next(2) == 0xa8 ? "\\u2028" : "\\u2029";
      i += 2;
    } else if (byte == 0xef && next(1) == 0xbb && next(2) == 0xbf) {
      out += "\\ufeff";
      i += 2;
    } else if (byte == 0xef && next(1) == 0xbf && (next(2) == 0xbe || next(2) == 0xbf)) {
      out += next(2) == 0xbe ? "\\ufffe" : "\\uffff";
      i += 2;
    } else {
      out += json[i];
    }
  }
  return out;
}

std::string scalar(const Json& value) {
  if (value.is_string()) return quoted(value.get_ref<const std::string&>());
  base::check_argument(!value.is_null(), "[to_yaml] null has no place in a manifest: leave the field out");
  return value.dump();
}

bool is_scalar(const Json& value) { return !value.is_structured() || value.empty(); }

void write(const Json& value, size_t indent, std::string& out);

void write_object(const Json& object, size_t indent, bool first_inline, std::string& out) {
  std::vector<std::string> keys;
  for (const auto& [key, unused] : object.items()) keys.push_back(key);
  std::sort(keys.begin(), keys.end());
  for (const std::string& key : keys) {
    if (!first_inline) out.append(indent, ' ');
    first_inline = false;
    out += (plain_key(key) ? key : quoted(key)) + ":";
    const Json& value = object[key];
    if (is_scalar(value)) {
      out += " " + scalar(value) + "\n";
    } else {
      out += "\n";
      write(value, indent + 2, out);
    }
  }
}

void write(const Json& value, size_t indent, std::string& out) {
  if (value.is_object()) return write_object(value, indent, false, out);
  for (const Json& item : value) {
    out.append(indent, ' ');
    if (is_scalar(item)) {
      out += "- " + scalar(item) + "\n";
    } else if (item.is_object()) {
      out += "- ";
      write_object(item, indent + 2, true, out);
    } else {
      out += "-\n";
      write(item, indent + 2, out);
    }
  }
}

}  // namespace

std::string to_yaml(const Json& value) {
  if (is_scalar(value)) return scalar(value) + "\n";
  std::string out;
  write(value, 0, out);
  return out;
}

std::string to_yaml_stream(const std::vector<Json>& documents) {
  std::string out;
  for (const Json& document : documents) out += (out.empty() ? "" : "---\n") + to_yaml(document);
  return out;
}

}  // namespace whorl::pipeline

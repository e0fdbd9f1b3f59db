#include "pipeline/kubernetes_names.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "base/file.h"

namespace whorl::pipeline {

using base::check_argument;
using base::printable;

namespace {

bool lower_or_digit(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }
bool alphanumeric(char c) { return lower_or_digit(c) || (c >= 'A' && c <= 'Z'); }

bool is_label_text(std::string_view text) {
  return text.size() <= 63 && (text.empty() || (alphanumeric(text.front()) && alphanumeric(text.back()))) &&
         std::all_of(text.begin(), text.end(),
                     [](char c) { return alphanumeric(c) || c == '-' || c == '_' || c == '.'; });
}

bool is_host_name(std::string_view text) {
  return !text.empty() && text.size() <= 253 && lower_or_digit(text.front()) && lower_or_digit(text.back()) &&
         std::all_of(text.begin(), text.end(),
                     [](char c) { return lower_or_digit(c) || c == '-' || c == '.'; });
}

bool is_sha256(std::string_view text) {
  return text.size() == 71 && text.substr(0, 7) == "sha256:" &&
         std::all_of(text.begin() + 7, text.end(),
                     [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

// The decimal suffix that divides evenly.
std::string decimal(uint64_t value) {
  static constexpr const char* suffixes[] = {"", "k", "M", "G", "T", "P"};
  size_t at = 0;
  while (value != 0 && value % 1000 == 0 && at + 1 < std::size(suffixes)) value /= 1000, ++at;
  return std::to_string(value) + suffixes[at];
}

}  // namespace

void check_object_name(std::string_view name, size_t most, std::string_view where) {
  check_argument(!name.empty(), where, ": expected a name, got \"\"");
  check_argument(name.size() <= most, where, ": '", printable(name, 80), "' has ", name.size(),
                 " characters; a cluster takes ", most);
  const bool good =
      lower_or_digit(name.front()) && lower_or_digit(name.back()) &&
      std::all_of(name.begin(), name.end(), [](char c) { return lower_or_digit(c) || c == '-'; });
  check_argument(good, where, ": '", printable(name, 80),
                 "' is no name for a cluster: lower case letters, digits and '-' only, a letter or digit at "
                 "both ends");
}

void check_label(std::string_view key, std::string_view value, std::string_view where) {
  const size_t slash = key.find('/');
  const bool prefixed = slash != std::string_view::npos;
  const std::string_view last = prefixed ? key.substr(slash + 1) : key;
  check_argument(!last.empty() && is_label_text(last) && (!prefixed || is_host_name(key.substr(0, slash))),
                 where, ": '", printable(key, 80), "' is no key of a label");
  check_argument(is_label_text(value), where, ": '", printable(value, 80), "' is no value of a label ('",
                 printable(key, 80), "'): at most 63 letters, digits, '-', '_' and '.'");
}

void check_mount_path(std::string_view path, std::string_view where) {
  check_argument(path.size() > 1 && path.front() == '/' && path.find(':') == std::string_view::npos &&
                     path.find("..") == std::string_view::npos,
                 where, ": expected an absolute path without ':' and '..', got '", printable(path, 80), "'");
  check_argument(path != "/whorl" && path.substr(0, 7) != "/whorl/" && path != "/tmp", where, ": '",
                 printable(path, 80), "' is a folder of Whorl's own");
  check_no_template(path, where);
}

void check_image(std::string_view image, bool allow_tags, std::string_view where) {
  check_argument(!image.empty(), where, ": no image; name one for the step or for all (options.image)");
  const bool clean = std::all_of(image.begin(), image.end(), [](char c) {
    return alphanumeric(c) || c == '.' || c == '-' || c == '_' || c == '/' || c == ':' || c == '@';
  });
  check_argument(clean && image.size() <= 1024, where, ": '", printable(image, 120), "' is no image");
  const size_t at = image.find('@');
  if (at == std::string_view::npos) {
    check_argument(allow_tags, where, ": '", printable(image, 120),
                   "' names no digest, so what runs could change under the same plan; write "
                   "name@sha256:…, or allow tags");
    return;
  }
  check_argument(at > 0 && is_sha256(image.substr(at + 1)), where, ": '", printable(image, 120),
                 "' has no digest of the form @sha256: and 64 hex digits");
}

void check_no_template(std::string_view text, std::string_view where) {
  check_argument(text.find("{{") == std::string_view::npos, where, ": '", printable(text, 80),
                 "' holds \"{{\", which Argo would take for a variable of its own");
}

std::string cpu_quantity(double cpus, std::string_view where) {
  const double milli = std::ceil(cpus * 1000 - 1e-9);
  check_argument(milli >= 1 && milli <= 1e9, where, ": ", cpus, " CPUs are no quantity");
  const auto whole = static_cast<uint64_t>(milli);
  return whole % 1000 == 0 ? decimal(whole / 1000) : std::to_string(whole) + "m";
}

std::string byte_quantity(uint64_t bytes) {
  static constexpr const char* suffixes[] = {"", "Ki", "Mi", "Gi", "Ti", "Pi"};
  uint64_t value = bytes;
  size_t at = 0;
  while (value != 0 && value % 1024 == 0 && at + 1 < std::size(suffixes)) value /= 1024, ++at;
  return at > 0 ? std::to_string(value) + suffixes[at] : decimal(bytes);
}

std::string duration_text(double seconds) {
  const double milli = std::ceil(seconds * 1000 - 1e-9);
  const auto whole = static_cast<int64_t>(milli);
  return whole % 1000 == 0 ? std::to_string(whole / 1000) + "s" : std::to_string(whole) + "ms";
}

int64_t whole_seconds(double seconds) { return static_cast<int64_t>(std::ceil(seconds)); }

std::string short_digest(std::string_view digest) { return std::string(digest.substr(0, 40)); }

}  // namespace whorl::pipeline

// Checks of one answer, with the operations of NeMo's custom evaluation.
#include <charconv>
#include <cmath>
#include <optional>

#include "base/check.h"
#include "base/json.h"
#include "base/unicode.h"
#include "whorl/metrics.h"

namespace whorl {
namespace {

// A plain decimal number, nothing else: no "nan", no "inf", no hexadecimal, no digits' separators.
std::optional<double> number_in(const std::string& text) {
  std::string_view rest = base::strip(text);
  if (rest.starts_with('+')) {
    rest.remove_prefix(1);
    if (rest.starts_with('-')) return {};
  }
  double value = 0;
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), value);
  if (error != std::errc() || end != rest.data() + rest.size() || !std::isfinite(value)) return {};
  return value;
}

[[noreturn]] void unknown(const char* check, const std::string& operation,
                          const std::vector<std::string>& known) {
  std::string names;
  for (const auto& name : known) names += (names.empty() ? "'" : ", '") + name + "'";
  base::invalid("[", check, "] expected operation to be one of ", names, ", got '", operation, "'",
                base::did_you_mean(operation, known));
}

std::string short_text(const std::string& text) { return text.size() > 80 ? text.substr(0, 80) + "…" : text; }

}  // namespace

CheckResult string_check(const std::string& operation, const std::string& left, const std::string& right) {
  const bool within = left.find(right) != std::string::npos;
  if (operation == "equals") return {static_cast<double>(left == right)};
  if (operation == "not equals") return {static_cast<double>(left != right)};
  if (operation == "contains") return {static_cast<double>(within)};
  if (operation == "not contains") return {static_cast<double>(!within)};
  if (operation == "startswith") return {static_cast<double>(left.starts_with(right))};
  if (operation == "endswith") return {static_cast<double>(left.ends_with(right))};
  unknown("string_check", operation,
          {"equals", "not equals", "contains", "not contains", "startswith", "endswith"});
}

CheckResult number_check(const std::string& operation, const std::string& left, const std::string& right,
                         double epsilon) {
  base::check_argument(epsilon >= 0 && std::isfinite(epsilon),
                       "[number_check] expected epsilon of at least 0, got ", epsilon);
  const std::vector<std::string> known = {"equals", "not equals",         ">", ">=", "<",
                                          "<=",     "absolute difference"};
  size_t chosen = 0;
  while (chosen < known.size() && known[chosen] != operation) ++chosen;
  if (chosen == known.size()) unknown("number_check", operation, known);
  const auto a = number_in(left), b = number_in(right);
  if (!a || !b) return {0, base::concat("expected a number, got '", short_text(a ? right : left), "'")};
  const bool holds[] = {
      *a == *b, *a != *b, *a > *b, *a >= *b, *a < *b, *a <= *b, std::abs(*a - *b) <= epsilon};
  return {static_cast<double>(holds[chosen])};
}

}  // namespace whorl

#include "eval/report_chart.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "base/check.h"
#include "eval/report_html.h"

namespace whorl::eval {
namespace {

constexpr double kLeft = 150, kRight = 560, kRow = 34;

struct Axis {
  double low = 0, high = 1;
  double x(double value) const {
    return kLeft + (std::clamp(value, low, high) - low) / (high - low) * (kRight - kLeft);
  }
};

// Shares of one get the whole way from 0 to 1, so that pages can be compared at a glance.
Axis axis_of(const std::vector<Interval>& intervals) {
  double low = INFINITY, high = -INFINITY;
  for (const auto& one : intervals)
    for (const double value : {one.score.value, one.score.ci_low, one.score.ci_high})
      if (std::isfinite(value)) low = std::min(low, value), high = std::max(high, value);
  if (!(low <= high) || (low >= 0 && high <= 1)) return {};
  const double pad = high > low ? (high - low) * .08 : std::max(std::abs(high), 1.) * .1;
  return {low - pad, high + pad};
}

std::string cut(const std::string& label) {
  size_t end = std::min<size_t>(label.size(), 19);
  while (end > 0 && end < label.size() && (static_cast<unsigned char>(label[end]) & 0xC0) == 0x80) --end;
  return end < label.size() ? label.substr(0, end) + "…" : label;
}

std::string line(const Interval& one, const Axis& axis, double y, const char* colour) {
  const auto& s = one.score;
  std::string out = base::concat("<text x='0' y='", y + 4, "'>", escape_html(cut(one.label)), "</text>");
  if (!std::isfinite(s.value)) return out;
  out += base::concat("<line x1='", axis.x(s.ci_low), "' x2='", axis.x(s.ci_high), "' y1='", y, "' y2='", y,
                      "' stroke='var(", colour, ")' stroke-width='7' stroke-opacity='.3' ",
                      "stroke-linecap='round'/>");
  out += base::concat("<circle cx='", axis.x(s.value), "' cy='", y, "' r='5' fill='var(", colour, ")'/>");
  return out + base::concat("<text x='", kRight + 14, "' y='", y + 4, "'>", short_number(s.value), "</text>");
}

}  // namespace

std::string short_number(double value) {
  if (!std::isfinite(value)) return "–";
  char text[40];
  const double size = std::abs(value);
  if (size > 0 && (size < 1e-4 || size >= 1e5))
    std::snprintf(text, sizeof text, "%.1e", value);
  else
    std::snprintf(text, sizeof text, "%.*f", size == 0 ? 0 : size < 10 ? 3 : 1, value);
  return text;
}

std::string interval_chart(const std::vector<Interval>& intervals) {
  constexpr const char* colours[] = {"--a", "--b", "--c", "--d"};
  const Axis axis = axis_of(intervals);
  const double bottom = kRow * static_cast<double>(intervals.size()) + 6;
  std::string out = base::concat("<svg role='img' aria-label='scores with 95 % intervals' viewBox='0 0 640 ",
                                 bottom + 22, "'>");
  for (int i = 0; i <= 4; ++i) {
    const double value = axis.low + (axis.high - axis.low) * i / 4, x = axis.x(value);
    out += base::concat("<line class='axis' x1='", x, "' x2='", x, "' y1='0' y2='", bottom, "'/>",
                        "<text class='tick' text-anchor='middle' x='", x, "' y='", bottom + 15, "'>",
                        short_number(value), "</text>");
  }
  for (size_t i = 0; i < intervals.size(); ++i)
    out += line(intervals[i], axis, kRow * (static_cast<double>(i) + .5), colours[i % 4]);
  return out + "</svg>";
}

}  // namespace whorl::eval

#include "eval/report_rows.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/check.h"
#include "eval/report_chart.h"
#include "eval/report_html.h"

namespace whorl::eval {

using base::concat;

namespace {

constexpr size_t kOfEach = 4;

std::string who(const std::string& adapter) { return adapter.empty() ? "base" : adapter; }

// All results show the same rows in the same order when they come from one run; others show their first.
bool aligned(const std::vector<EvaluateResult>& results) {
  return std::all_of(results.begin(), results.end(), [&](const EvaluateResult& result) {
    return result.rows.size() == results[0].rows.size();
  });
}

std::string tags(const RowScore& row) {
  std::string out;
  for (const auto& [metric, value] : row.scores) {
    if (row.outcomes.contains(metric)) continue;
    const char* look = value == 1 ? " good" : value == 0 ? " bad" : "";
    out += concat("<span class='tag", look, "'>", escape_html(metric), " ", short_number(value), "</span> ");
  }
  for (const auto& [metric, outcome] : row.outcomes)
    out += concat("<span class='tag odd'>", escape_html(metric), " ", escape_html(outcome), "</span> ");
  return out;
}

std::string box(const std::string& label, const std::string& text) {
  if (text.empty()) return "";
  constexpr size_t kMost = 4000;
  size_t end = std::min(text.size(), kMost);
  while (end > 0 && end < text.size() && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  const std::string shown = end < text.size() ? text.substr(0, end) + " …" : text;
  return concat("<p class='label'>", label, "</p><div class='text'>", escape_html(shown), "</div>");
}

std::string card(const std::vector<EvaluateResult>& results, size_t row) {
  const RowScore& first = results[0].rows[row];
  std::string out = concat("<div class='card'><p class='label'>", escape_html(first.source), "</p>",
                           box("asked", first.prompt), box("expected", first.expected));
  for (const auto& result : results) {
    const RowScore& one = result.rows[row];
    out += box(concat(escape_html(who(result.adapter)), " ", tags(one)),
               one.got.empty() ? "(nothing)" : one.got);
    if (!one.error.empty()) out += concat("<p class='small soft'>", escape_html(one.error), "</p>");
  }
  return out + "</div>";
}

void add_group(const char* title, const std::vector<size_t>& rows, const std::vector<EvaluateResult>& results,
               bool open, std::string& out) {
  if (rows.empty()) return;
  out += concat("<details", open ? " open" : "", "><summary>", title, " (", rows.size(),
                ")</summary><div style='margin-top:.8rem'>");
  for (const size_t row : rows) out += card(results, row);
  out += "</div></details>";
}

// Right or wrong says most about a row; otherwise the first score.
std::string leading_metric(const EvaluateResult& result) {
  for (const auto& [metric, score] : result.scores)
    if (std::all_of(result.rows.begin(), result.rows.end(), [&metric = metric](const RowScore& row) {
          const auto found = row.scores.find(metric);
          return found == row.scores.end() || found->second == 0 || found->second == 1;
        }))
      return metric;
  return result.scores.begin()->first;
}

}  // namespace

Sample sample_rows(const std::vector<EvaluateResult>& results, const std::string& metric) {
  Sample out;
  std::vector<std::pair<double, size_t>> ranked;
  for (size_t row = 0; row < results[0].rows.size(); ++row) {
    std::set<double> values;
    bool unusable = false;
    double sum = 0;
    for (const auto& result : results) {
      const RowScore& one = result.rows[row];
      unusable = unusable || one.outcomes.contains(metric);
      if (const auto found = one.scores.find(metric); found != one.scores.end())
        values.insert(found->second), sum += found->second;
    }
    if (unusable && out.unusable.size() < kOfEach)
      out.unusable.push_back(row);
    else if (values.size() > 1 && out.differ.size() < kOfEach)
      out.differ.push_back(row);
    else if (!values.empty())
      ranked.push_back({sum, row});
  }
  std::stable_sort(ranked.begin(), ranked.end(), [](auto& a, auto& b) { return a.first < b.first; });
  const size_t half = ranked.size() / 2;
  for (size_t i = 0; i < ranked.size() && i < kOfEach && i <= half; ++i) out.low.push_back(ranked[i].second);
  for (size_t i = ranked.size(); i > half + 1 && out.high.size() < kOfEach; --i)
    out.high.push_back(ranked[i - 1].second);
  for (auto* rows : {&out.low, &out.high}) std::sort(rows->begin(), rows->end());
  return out;
}

std::string rows_part(const std::vector<EvaluateResult>& results) {
  if (results.empty() || results[0].rows.empty() || results[0].scores.empty()) return "";
  const std::vector<EvaluateResult> shown =
      aligned(results) ? results : std::vector<EvaluateResult>{results[0]};
  const std::string metric = leading_metric(shown[0]);
  const Sample sample = sample_rows(shown, metric);
  std::string out = concat("<h2>Rows</h2><p class='soft small'>A few of ", shown[0].rows.size(),
                           ", chosen by ", escape_html(metric), ".</p>");
  add_group("The results differ", sample.differ, shown, true, out);
  add_group("Without a usable answer", sample.unusable, shown, true, out);
  add_group("Lowest", sample.low, shown, sample.differ.empty(), out);
  add_group("Highest", sample.high, shown, false, out);
  return out;
}

}  // namespace whorl::eval

#include "eval/report_html.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "base/check.h"
#include "eval/report_chart.h"
#include "eval/report_rows.h"
#include "eval/report_style.h"

namespace whorl {
namespace eval {

using base::concat;
using base::Json;

namespace {

std::string who(const std::string& adapter) { return adapter.empty() ? "base" : adapter; }

std::string interval_text(const Score& s) {
  return concat("[", short_number(s.ci_low), ", ", short_number(s.ci_high), "]");
}

std::string table_row(const EvaluateResult& result, const Score& s) {
  const auto cell = [](const std::string& text) { return concat("<td class='n'>", text, "</td>"); };
  std::string left_out;
  for (const auto& [name, count] : {std::pair{"errored", s.errored}, std::pair{"unparsable", s.unparsable},
                                    std::pair{"refused", s.refused}})
    if (count > 0) left_out += concat("<span class='tag odd'>", count, " ", name, "</span> ");
  return concat("<tr><td>", escape_html(who(result.adapter)), "</td>", cell(short_number(s.value)),
                cell(concat("± ", short_number(s.stderr_))), cell(interval_text(s)), cell(concat(s.n)),
                "<td>", left_out.empty() ? "<span class='soft'>none</span>" : left_out, "</td></tr>");
}

std::string metric_card(const std::vector<EvaluateResult>& results, const std::string& metric) {
  std::vector<Interval> intervals;
  std::string rows, method;
  for (const auto& result : results) {
    const auto found = result.scores.find(metric);
    if (found == result.scores.end()) continue;
    intervals.push_back({who(result.adapter), found->second});
    rows += table_row(result, found->second);
    method = found->second.method;
  }
  return concat(
      "<div class='card'><h3>", escape_html(metric), "</h3><div class='scroll'>", interval_chart(intervals),
      "</div><div class='scroll'><table><tr><th></th><th class='n'>score</th><th class='n'>std. error</th>",
      "<th class='n'>95 % interval</th><th class='n'>rows</th><th>without a usable answer</th></tr>", rows,
      "</table></div><p class='soft small'>Interval: ", escape_html(method), "</p></div>");
}

// What the comparison is about: corpus metrics by their corpus scores, the others row by row.
double difference_of(const Comparison& c) {
  return c.corpus ? c.corpus->candidate - c.corpus->baseline : c.paired.difference.value;
}

double chance_of(const Comparison& c) {
  return c.corpus ? c.corpus->p : c.paired.mcnemar_p.value_or(c.paired.permutation_p);
}

std::string verdict(const Comparison& c) {
  const double p = chance_of(c);
  if (p >= .05 && c.corpus) return "No difference that these rows could show.";
  if (p >= .05)
    return concat("No difference that these rows could show; one of ",
                  short_number(c.paired.minimum_detectable_effect), " would mostly have been seen.");
  return concat(escape_html(who(difference_of(c) > 0 ? c.b : c.a)),
                " is higher; chance alone would do this with p = ", short_number(p), ".");
}

std::string comparison_row(const Comparison& c) {
  const auto& p = c.paired;
  const auto cell = [](const std::string& text) { return concat("<td class='n'>", text, "</td>"); };
  return concat(
      "<tr><td>", escape_html(c.metric), "</td><td>", escape_html(who(c.a)), " → ", escape_html(who(c.b)),
      "</td>", cell(concat(difference_of(c) > 0 ? "+" : "", short_number(difference_of(c)))),
      cell(c.corpus ? "" : interval_text(p.difference)), cell(short_number(chance_of(c))),
      cell(concat(p.wins, " / ", p.losses, " / ", p.ties)), "<td class='wide'>", verdict(c), "</td></tr>");
}

std::string comparison_part(const std::vector<Comparison>& comparisons) {
  if (comparisons.empty()) return "";
  std::string rows, methods;
  std::set<std::string> seen;
  for (const auto& one : comparisons) {
    rows += comparison_row(one);
    const std::string& method = one.corpus ? one.corpus->method : one.paired.method;
    if (seen.insert(method).second) methods += (methods.empty() ? "" : "; ") + method;
  }
  return concat(
      "<h2>Compared row by row</h2><div class='card'><div class='scroll'><table><tr><th>metric</th>",
      "<th></th><th class='n'>difference</th><th class='n'>95 % interval</th><th class='n'>p</th>",
      "<th class='n'>won / lost / tied</th><th></th></tr>", rows,
      "</table></div><p class='soft small'>Tests: ", escape_html(methods), "</p></div>");
}

std::string warnings_part(const std::vector<EvaluateResult>& results) {
  std::string out;
  for (const auto& result : results)
    for (const auto& warning : result.warnings)
      out += concat("<p><span class='tag bad'>", escape_html(who(result.adapter)), "</span> ",
                    escape_html(warning), "</p>");
  return out.empty() ? "" : concat("<h2>Read this first</h2><div class='card'>", out, "</div>");
}

std::string settings_part(const Json& settings, const std::vector<EvaluateResult>& results) {
  std::string rows;
  const auto add = [&rows](const std::string& key, const std::string& value) {
    rows += concat("<tr><td class='soft'>", escape_html(key), "</td><td><code>", escape_html(value),
                   "</code></td></tr>");
  };
  if (!results.empty()) {
    add("model", results[0].model_digest);
    add("data", results[0].data_digest);
    for (const auto& result : results)
      if (!result.adapter_digest.empty()) add(who(result.adapter), result.adapter_digest);
  }
  std::string out =
      concat("<h2>Settings</h2><div class='card'><div class='scroll'><table>", rows, "</table></div>");
  if (settings.is_object())
    out +=
        concat("<details><summary>All of them</summary><div class='text'>",
               escape_html(settings.dump(2, ' ', false, Json::error_handler_t::replace)), "</div></details>");
  return out + "</div>";
}

std::string lead(const std::vector<EvaluateResult>& results, const Json& settings) {
  if (results.empty()) return "<p class='soft'>No results.</p>";
  std::string model = settings.is_object() && settings.contains("model") && settings["model"].is_string()
                          ? settings["model"].get<std::string>()
                          : "";
  std::string names;
  for (const auto& result : results) names += (names.empty() ? "" : ", ") + who(result.adapter);
  return concat("<p class='soft'>", escape_html(model.empty() ? model : concat(model, " · ")),
                escape_html(names), " · ", results[0].rows.size(), " rows</p>");
}

}  // namespace

std::string escape_html(const std::string& text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '&')
      out += "&amp;";
    else if (c == '<')
      out += "&lt;";
    else if (c == '>')
      out += "&gt;";
    else if (c == '"')
      out += "&quot;";
    else if (c == '\'')
      out += "&#39;";
    else if ((byte < 0x20 && c != '\n' && c != '\t') || byte == 0x7f)
      out += "\uFFFD";
    else
      out += c;
  }
  return out;
}

std::string report_page(const std::vector<EvaluateResult>& results,
                        const std::vector<Comparison>& comparisons, const std::string& title,
                        const Json& settings) {
  std::set<std::string> metrics;
  for (const auto& result : results)
    for (const auto& [name, score] : result.scores) metrics.insert(name);
  std::string cards;
  for (const auto& metric : metrics) cards += metric_card(results, metric);
  return concat(
      "<!doctype html>\n<html lang='en'><head><meta charset='utf-8'>",
      "<meta name='viewport' content='width=device-width, initial-scale=1'>",
      "<meta http-equiv='Content-Security-Policy' content=\"default-src 'none'; style-src 'unsafe-inline'\">",
      "<title>", escape_html(title), "</title><style>", kReportStyle, "</style></head><body><main><h1>",
      escape_html(title), "</h1>", lead(results, settings), warnings_part(results), "<h2>Scores</h2>", cards,
      comparison_part(comparisons), rows_part(results), settings_part(settings, results), "<footer>Whorl ",
      version(), ". Points with 95 % intervals; a row without a usable answer is counted ",
      "beside the score, never passed over.</footer></main></body></html>\n");
}

}  // namespace eval

std::string report_html(const std::vector<EvaluateResult>& results,
                        const std::vector<Comparison>& comparisons, const std::string& title) {
  return eval::report_page(results, comparisons, title, nullptr);
}

}  // namespace whorl

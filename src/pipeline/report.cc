#include "pipeline/report.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/check.h"
#include "base/json.h"
#include "whorl/pipeline.h"

namespace whorl {
namespace pipeline {
namespace {

constexpr const char* kStyle = R"(
:root{color-scheme:light dark;--line:#8884;--dim:#888;--good:#2a9d5c;--bad:#d1495b;--skip:#999;--run:#3a86c8}
body{font:15px/1.45 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.5rem;margin-bottom:.2rem}h2{font-size:1.1rem;margin-top:2rem}
table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.25rem .6rem;border-bottom:1px solid var(--line);
vertical-align:top}th{font-weight:600;color:var(--dim)}td.n{text-align:right;font-variant-numeric:tabular-nums}
code,pre{font:12.5px/1.4 ui-monospace,monospace}pre{white-space:pre-wrap;word-break:break-word;background:#8881;
padding:.6rem;max-height:22rem;overflow:auto}.dim{color:var(--dim)}.succeeded,.cached{color:var(--good)}
.failed{color:var(--bad);font-weight:600}.skipped,.omitted,.cancelled{color:var(--skip)}svg text{font:12px system-ui,sans-serif;fill:currentColor}
.bar{position:relative;height:1rem;background:#8881}.bar i{position:absolute;top:0;bottom:0;min-width:2px;background:var(--run)}
.bar i.failed{background:var(--bad)}.bar i.succeeded{background:var(--good)}details{margin:.3rem 0}summary{cursor:pointer}
)";

std::string shown_state(const StepRecord& r) { return r.cached ? "cached" : name_of(r.state); }

std::string state_cell(const std::string& state) {
  return "<span class=\"" + state + "\">" + state + "</span>";
}

std::string steps_table(const Report& report) {
  std::string rows;
  for (const auto& step : report.steps)
    for (const auto& r : step.items)
      rows += "<tr><td><b>" + escaped(r.name) + "</b></td><td>" + escaped(r.kind) + "</td><td>" +
              state_cell(shown_state(r)) + "</td><td class=n>" + std::to_string(r.attempts) +
              "</td><td class=n>" + seconds_text(r.seconds) + "</td><td>" +
              (r.index >= 0 ? "<code>" + escaped(compact(r.item)) + "</code> " : "") + escaped(r.message) +
              "</td></tr>";
  return "<table><tr><th>step</th><th>kind</th><th>state</th><th>attempts</th><th>time</th><th></th></tr>" +
         rows + "</table>";
}

std::string outputs_html(const StepRecord& r) {
  std::string rows;
  for (const auto& [key, value] : r.outputs) {
    const auto artifact = artifact_of(value);
    const auto text = artifact ? artifact->name + "  sha256 " + artifact->digest : compact(value);
    rows +=
        "<tr><td>" + escaped(key) + "</td><td><code>" + escaped(text.substr(0, 2000)) + "</code></td></tr>";
  }
  return rows.empty() ? std::string() : "<table>" + rows + "</table>";
}

std::string details_html(const Report& report) {
  std::string made;
  for (const auto& step : report.steps)
    for (size_t i = 0; i < step.items.size(); ++i) {
      const auto& r = step.items[i];
      const auto outputs = outputs_html(r);
      if (outputs.empty() && step.logs[i].empty()) continue;
      made += "<details" + std::string(r.state == State::failed ? " open" : "") + "><summary><b>" +
              escaped(r.name) + "</b> " + state_cell(shown_state(r)) + "</summary>" + outputs +
              (step.logs[i].empty() ? "" : "<pre>" + escaped(step.logs[i]) + "</pre>") + "</details>";
    }
  return made;
}

std::string parameters_html(const Report& report) {
  std::string rows;
  for (const auto& [name, value] : report.run.parameters) {
    const Parameter* parameter = report.spec.parameter(name);
    rows += "<tr><td>" + escaped(name) + "</td><td><code>" + escaped(compact(value)) +
            "</code></td><td class=dim>" + escaped(parameter != nullptr ? parameter->description : "") +
            "</td></tr>";
  }
  return rows.empty() ? std::string() : "<h2>Parameters</h2><table>" + rows + "</table>";
}

std::string log_end(base::FileSystem& fs, const std::string& path) {
  constexpr uint64_t kMost = 8000;
  if (!base::exists(fs, path)) return {};
  const auto file = base::File::open(fs, path, "[write_pipeline_report]");
  const uint64_t size = file.size(), part = std::min(size, kMost);
  std::string text(part, '\0');
  file.read_at(text.data(), part, size - part);
  return (size > part ? "…" : "") + text;
}

// All items of a step as one: what is worst, or still open, shows.
State together(const std::vector<StepRecord>& items, const FailurePolicy& policy) {
  size_t succeeded = 0, counted = 0;
  for (const auto& r : items) {
    if (!ended(r.state) || r.state == State::omitted || r.state == State::cancelled) return r.state;
    succeeded += r.state == State::succeeded;
    counted += r.state != State::skipped;
  }
  if (counted == 0 && !items.empty()) return State::skipped;
  return satisfied(policy, succeeded, counted) ? State::succeeded : State::failed;
}

}  // namespace

std::string escaped(const std::string& text) {
  std::string made;
  for (const char c : text) {
    if (c == '&')
      made += "&amp;";
    else if (c == '<')
      made += "&lt;";
    else if (c == '>')
      made += "&gt;";
    else if (c == '"')
      made += "&quot;";
    else if (c == '\0')
      made += "\xef\xbf\xbd";
    else
      made += c;
  }
  return made;
}

std::string seconds_text(double seconds) {
  char text[32];
  if (seconds < 1)
    std::snprintf(text, sizeof text, "%.0f ms", seconds * 1000);
  else if (seconds < 120)
    std::snprintf(text, sizeof text, "%.1f s", seconds);
  else
    std::snprintf(text, sizeof text, "%.0f min %02.0f s", std::floor(seconds / 60), std::fmod(seconds, 60));
  return text;
}

Report read_report(base::FileSystem& fs, const std::string& run_folder) {
  const auto root = base::parent_of(base::parent_of(run_folder));
  base::check_argument(base::exists(fs, base::join(run_folder, "run.json")),
                       "[write_pipeline_report] no run in ", run_folder);
  const RunFolder folder(fs, root, base::base_name_of(run_folder));
  Report made;
  made.run = *folder.read_run();
  made.spec = spec_from_json(made.run.plan, "write_pipeline_report", run_folder);
  for (const auto& step : made.spec.steps) {
    auto& entry = made.steps.emplace_back();
    entry.step = nullptr;
    const auto items = items_of(step, made.run.parameters);
    for (size_t i = 0; i < items.size(); ++i) {
      const auto name = instance_name(step, i);
      auto record = folder.read_step(name);
      if (!record) {
        record.emplace();
        record->name = name;
        record->kind = step.kind;
      }
      entry.items.push_back(std::move(*record));
      entry.logs.push_back(log_end(fs, folder.log_path(name)));
    }
    entry.state = together(entry.items, step.failure_policy);
  }
  for (size_t i = 0; i < made.steps.size(); ++i) made.steps[i].step = &made.spec.steps[i];
  return made;
}

std::string report_html(const Report& report) {
  const auto& run = report.run;
  return "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport "
         "content=\"width=device-width\"><title>" +
         escaped(run.pipeline) + ": " + escaped(run.run_id) + "</title><style>" + kStyle + "</style><h1>" +
         escaped(run.pipeline) + " " + state_cell(run.state) + "</h1><div class=dim>" + escaped(run.run_id) +
         ", " + seconds_text(run.seconds) + ", plan <code>" + run.digest.substr(0, 16) + "</code></div><p>" +
         escaped(report.spec.description) + "</p>" + graph_svg(report) + "<h2>Steps</h2>" +
         steps_table(report) + "<h2>Time</h2>" + timeline_html(report) + lineage_html(report) +
         parameters_html(report) + "<h2>Outputs and logs</h2>" + details_html(report) + "</html>\n";
}

}  // namespace pipeline

void write_pipeline_report(const std::filesystem::path& run, const std::filesystem::path& html) {
  auto& fs = *base::FileSystem::real();
  auto folder = run.string();
  while (folder.size() > 1 && folder.back() == '/') folder.pop_back();
  const auto report = pipeline::read_report(fs, folder);
  base::write_file_durably(fs, html.string(), pipeline::report_html(report), "[write_pipeline_report]");
}

}  // namespace whorl

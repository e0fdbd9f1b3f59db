// The drawn parts of the report: graph, timeline, lineage.
#include <algorithm>
#include <map>

#include "base/check.h"
#include "pipeline/report.h"

namespace whorl::pipeline {
namespace {

constexpr int kWide = 150, kHigh = 44, kGapX = 50, kGapY = 18;

struct Place {
  int column = 0, row = 0;
  int x() const { return column * (kWide + kGapX) + 8; }
  int y() const { return row * (kHigh + kGapY) + 8; }
};

// A column per distance from the beginning; exit steps stand behind the rest.
std::vector<Place> places_of(const Spec& spec) {
  std::vector<Place> places(spec.steps.size());
  int last = 0;
  for (const size_t i : order_of(spec)) {
    const bool exit = spec.is_exit(spec.steps[i].name);
    if (exit) places[i].column = last + 1;
    for (const size_t need : awaited(spec, spec.steps[i]))
      places[i].column = std::max(places[i].column, places[need].column + 1);
    if (!exit) last = std::max(last, places[i].column);
  }
  std::map<int, int> rows;
  for (auto& place : places) place.row = rows[place.column]++;
  return places;
}

std::string line(const Place& from, const Place& to) {
  const int x1 = from.x() + kWide, y1 = from.y() + kHigh / 2, x2 = to.x(), y2 = to.y() + kHigh / 2;
  const int middle = (x1 + x2) / 2;
  return base::concat("<path fill=none stroke=\"#888\" d=\"M", x1, " ", y1, "C", middle, " ", y1, " ", middle,
                      " ", y2, " ", x2, " ", y2, "\"/>");
}

const char* colour_of(State state) {
  if (state == State::succeeded) return "#2a9d5c";
  if (state == State::failed) return "#d1495b";
  return state == State::running || state == State::backing_off ? "#3a86c8" : "#999";
}

std::string box(const Place& place, const ReportStep& step) {
  double seconds = 0;
  bool cached = !step.items.empty();
  for (const auto& item : step.items) {
    seconds = std::max(seconds, item.seconds);
    cached = cached && item.cached;
  }
  std::string below = cached ? "cached" : name_of(step.state);
  if (!cached && step.state == State::succeeded) below = seconds_text(seconds);
  if (step.step->repeats()) below += base::concat(" × ", step.items.size());
  return base::concat("<rect x=", place.x(), " y=", place.y(), " width=", kWide, " height=", kHigh,
                      " rx=6 fill=\"#8881\" stroke=\"", colour_of(step.state), "\" stroke-width=2 />",
                      "<text x=", place.x() + 10, " y=", place.y() + 18, " font-weight=600>",
                      escaped(step.step->name.substr(0, 20)), "</text><text x=", place.x() + 10,
                      " y=", place.y() + 35, ">", escaped(step.step->kind + ", " + below), "</text>");
}

const Value* output_of(const StepRecord& record, const char* key) {
  const auto found = record.outputs.find(key);
  return found == record.outputs.end() || found->second.is_null() ? nullptr : &found->second;
}

std::string code(const Value* value, size_t most = 100) {
  return value == nullptr ? "" : "<code>" + escaped(plain_text(*value).substr(0, most)) + "</code>";
}

}  // namespace

std::string graph_svg(const Report& report) {
  const auto places = places_of(report.spec);
  int wide = 0, high = 0;
  std::string lines, boxes;
  for (size_t i = 0; i < places.size(); ++i) {
    wide = std::max(wide, places[i].x() + kWide + 8);
    high = std::max(high, places[i].y() + kHigh + 8);
    boxes += box(places[i], report.steps[i]);
    for (const size_t need : awaited(report.spec, report.spec.steps[i]))
      lines += line(places[need], places[i]);
  }
  return base::concat("<svg viewBox=\"0 0 ", wide, " ", high, "\" width=", wide,
                      " style=\"max-width:100%\" role=img aria-label=\"the steps and what they need\">",
                      lines, boxes, "</svg>");
}

std::string timeline_html(const Report& report) {
  double end = 1e-9;
  for (const auto& step : report.steps)
    for (const auto& r : step.items) end = std::max(end, r.started + r.seconds);
  std::string rows;
  for (const auto& step : report.steps)
    for (const auto& r : step.items) {
      if (r.attempts == 0 && !r.cached) continue;
      rows += base::concat("<tr><td>", escaped(r.name),
                           "</td><td style=\"width:70%\"><div class=bar><i class=", name_of(r.state),
                           " style=\"left:", 100 * r.started / end, "%;width:", 100 * r.seconds / end,
                           "%\"></i></div></td><td class=n>", seconds_text(r.seconds), "</td></tr>");
    }
  return "<table>" + rows + "</table>";
}

// Which data became which adapter, what it scored, and under which version it is served.
std::string lineage_html(const Report& report) {
  std::string data, adapters, published;
  const Value* values = nullptr;
  for (const auto& step : report.steps)
    for (const auto& r : step.items) {
      if (r.kind == "curate")
        data += "<div>" + escaped(r.name) + ": " + code(output_of(r, "digest")) + "</div>";
      if (r.kind == "evaluate" && output_of(r, "values") != nullptr) values = output_of(r, "values");
      if (r.kind == "publish" && output_of(r, "reference") != nullptr)
        published +=
            "<div>" + code(output_of(r, "reference")) + " = " + code(output_of(r, "digest")) + "</div>";
    }
  for (const auto& step : report.steps)
    for (const auto& r : step.items) {
      const Value* name = r.kind == "train" ? output_of(r, "name") : nullptr;
      if (name == nullptr) continue;
      const Value* score = values != nullptr ? values->find(plain_text(*name)) : nullptr;
      adapters += "<tr><td>" + escaped(plain_text(*name)) + "</td><td>" + code(output_of(r, "digest")) +
                  "</td><td class=n>" + code(output_of(r, "validation_loss")) + "</td><td class=n>" +
                  code(score) + "</td></tr>";
    }
  if (data.empty() && adapters.empty() && published.empty()) return {};
  return "<h2>Lineage</h2>" + (data.empty() ? "" : "<p>data</p>" + data) +
         (adapters.empty()
              ? ""
              : "<table><tr><th>adapter</th><th>digest</th><th>validation loss</th><th>score</th></tr>" +
                    adapters + "</table>") +
         (published.empty() ? "" : "<p>published</p>" + published);
}

}  // namespace whorl::pipeline

#pragma once
// A run as one HTML page without scripts: what run_folder.h keeps, drawn.
#include <string>
#include <vector>

#include "pipeline/run_folder.h"
#include "pipeline/spec.h"

namespace whorl::pipeline {

struct ReportStep {
  const Step* step;
  State state = State::waiting;  // of all items together
  std::vector<StepRecord> items;
  std::vector<std::string> logs;  // their ends, beside items
};

struct Report {
  RunRecord run;
  Spec spec;
  std::vector<ReportStep> steps;
};

Report read_report(base::FileSystem& fs, const std::string& run_folder);
std::string report_html(const Report& report);

std::string escaped(const std::string& text);     // for HTML text and attributes
std::string seconds_text(double seconds);         // "3 ms", "4.2 s", "2 min 05 s"
std::string graph_svg(const Report& report);      // steps as boxes, needs as lines
std::string timeline_html(const Report& report);  // when each item ran
std::string lineage_html(const Report& report);   // data digest → adapter digest → score → version

}  // namespace whorl::pipeline

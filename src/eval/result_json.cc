#include "eval/result_json.h"

#include <cmath>
#include <nlohmann/json.hpp>

namespace whorl {
namespace eval {

using base::Json;

namespace {

// JSON has neither infinity nor NaN.
Json number(double value) { return std::isfinite(value) ? Json(value) : Json(); }

std::string dumped(const Json& json) { return json.dump(2, ' ', false, Json::error_handler_t::replace); }

}  // namespace

Json score_json(const Score& s) {
  return {{"value", number(s.value)},
          {"stderr", number(s.stderr_)},
          {"ci_low", number(s.ci_low)},
          {"ci_high", number(s.ci_high)},
          {"n", s.n},
          {"method", s.method},
          {"errored", s.errored},
          {"unparsable", s.unparsable},
          {"refused", s.refused}};
}

Json row_json(const RowScore& row) {
  Json scores = Json::object();
  for (const auto& [name, value] : row.scores) scores[name] = number(value);
  Json out = {{"id", row.id},   {"source", row.source}, {"prompt", row.prompt}, {"expected", row.expected},
              {"got", row.got}, {"scores", scores}};
  if (!row.outcomes.empty()) out["outcomes"] = row.outcomes;
  if (!row.error.empty()) out["error"] = row.error;
  if (!row.counts.empty()) out["counts"] = row.counts;
  return out;
}

Json summary_json(const EvaluateResult& result) {
  Json scores = Json::object();
  for (const auto& [name, score] : result.scores) scores[name] = score_json(score);
  return {{"task", result.task},
          {"adapter", result.adapter},
          {"adapter_digest", result.adapter_digest},
          {"model_digest", result.model_digest},
          {"data_digest", result.data_digest},
          {"scores", scores},
          {"warnings", result.warnings}};
}

Json comparison_json(const Comparison& c) {
  Json out = {{"metric", c.metric}, {"a", c.a}, {"b", c.b}, {"paired", Json::parse(c.paired.to_json())}};
  if (c.corpus)
    out["corpus"] = {{"baseline", number(c.corpus->baseline)},
                     {"candidate", number(c.corpus->candidate)},
                     {"p", number(c.corpus->p)},
                     {"method", c.corpus->method}};
  return out;
}

}  // namespace eval

std::string EvaluateResult::to_json() const {
  base::Json out = eval::summary_json(*this);
  out["seconds"] = seconds;
  out["rows"] = base::Json::array();
  for (const auto& row : rows) out["rows"].push_back(eval::row_json(row));
  return eval::dumped(out);
}

std::string Comparison::to_json() const { return eval::dumped(eval::comparison_json(*this)); }

std::string JudgedPairs::to_json() const {
  base::Json list = base::Json::array();
  for (const auto& row : rows)
    list.push_back({{"id", row.id},
                    {"source", row.source},
                    {"verdict", row.verdict},
                    {"first", row.first},
                    {"second", row.second},
                    {"flipped", row.flipped},
                    {"error", row.error}});
  return eval::dumped({{"wins_a", wins_a},
                       {"wins_b", wins_b},
                       {"ties", ties},
                       {"refused", refused},
                       {"unparsable", unparsable},
                       {"errored", errored},
                       {"win_rate", eval::score_json(win_rate)},
                       {"flip_rate", eval::score_json(flip_rate)},
                       {"rows", list}});
}

}  // namespace whorl

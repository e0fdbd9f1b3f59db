// Time of all rails that need no model on one text, whole and in pieces: one line of JSON a figure.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "guard/rail.h"

namespace {

using whorl::guard::Rails;
using whorl::guard::TextGuard;

double median_us(const std::vector<double>& sorted, double at) {
  return sorted[static_cast<size_t>(at * static_cast<double>(sorted.size() - 1))];
}

void measure(const char* name, const TextGuard& guard, const std::string& text, int rounds) {
  std::vector<double> times;
  size_t findings = 0;
  for (int i = 0; i < rounds; ++i) {
    const auto start = std::chrono::steady_clock::now();
    findings = guard.check(text).findings.size();
    times.push_back(
        std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start).count());
  }
  std::sort(times.begin(), times.end());
  std::printf(
      "{\"rails\": \"%s\", \"bytes\": %zu, \"findings\": %zu, \"median_us\": %.2f, \"p99_us\": %.2f, "
      "\"min_us\": %.2f}\n",
      name, text.size(), findings, median_us(times, 0.5), median_us(times, 0.99), times[0]);
}

void measure_stream(const TextGuard& guard, const std::string& text, int rounds) {
  std::vector<double> times;
  for (int i = 0; i < rounds; ++i) {
    auto stream = guard.stream();
    for (size_t at = 0; at < text.size(); at += 4) {
      const auto start = std::chrono::steady_clock::now();
      stream.feed(std::string_view(text).substr(at, 4));
      times.push_back(
          std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start).count());
    }
    stream.finish();
  }
  std::sort(times.begin(), times.end());
  std::printf("{\"rails\": \"stream, per 4 bytes\", \"bytes\": %zu, \"median_us\": %.2f, \"p99_us\": %.2f}\n",
              text.size(), median_us(times, 0.5), median_us(times, 0.99));
}

}  // namespace

// usage: guard_benchmark [file] [bytes] [rounds]
int main(int argc, char** argv) {
  std::string text = "The quick brown fox jumps over the lazy dog; well-known facts about it fill pages. ";
  if (argc > 1) {
    std::ifstream file(argv[1], std::ios::binary);
    text.assign(std::istreambuf_iterator<char>(file), {});
  }
  if (text.empty()) return 1;
  const size_t bytes = argc > 2 ? std::stoul(argv[2]) : 4096;
  const int rounds = argc > 3 ? std::stoi(argv[3]) : 2000;
  while (text.size() < bytes) text += text;
  text.resize(bytes);

  using namespace whorl::guard;
  PatternOptions patterns;
  patterns.deny = {{"codename", "project\\s+bluebird", true, Action::block, ""},
                   {"ticket", "TCK-\\d{4,8}", false, Action::mask, "<TICKET>"}};
  const Rails all = {make_pattern_rail(patterns, "[benchmark]"), make_pii_rail({}, "[benchmark]"),
                     make_secrets_rail(), make_injection_rail({}, "[benchmark]"), make_jailbreak_rail()};
  measure("all", TextGuard(all), text, rounds);
  for (const auto& rail : all) measure(rail->name().c_str(), TextGuard({rail}), text, rounds);
  measure("none", TextGuard(Rails{}), text, rounds);
  measure_stream(TextGuard(all), text, std::max(1, rounds / 100));
  return 0;
}

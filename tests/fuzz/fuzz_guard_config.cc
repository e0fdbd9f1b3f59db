// config.yml: any bytes, or a whole configuration of which the second byte chooses a line that any bytes
// replace. It loads, or an invalid_argument names file and line; what is deep, large or slow is refused.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>

#include "guard/whole_config.h"
#include "whorl/guardrail.h"

namespace {

// "[Guardrail.load] config.yml:12: …"
bool names_its_line(const std::string& message) {
  const std::string opening = "[Guardrail.load] config.yml:";
  if (message.rfind(opening, 0) != 0) return false;
  const size_t end = message.find_first_not_of("0123456789", opening.size());
  return end != std::string::npos && end > opening.size() && message.compare(end, 2, ": ") == 0;
}

// Flows that need an engine, and their options: without them a configuration loads.
bool asks_a_model(const std::string& line) {
  for (const char* part :
       {"- self check", "- content safety", "flow_options", "self check input:", "fail: ", "refusal: "})
    if (line.find(part) != std::string::npos) return true;
  return false;
}

// Its automata take seconds to make under sanitizers.
bool takes_long(const std::string& line) { return line.find("- injection detection") != std::string::npos; }

std::string config_of(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data + 2), size - 2);
  if (data[0] % 4 == 0) return text;
  std::string out;
  size_t line = 0;
  for (const std::string& kept : whorl::guard::lines_of_whole_config())
    if (!takes_long(kept) && (!asks_a_model(kept) || data[0] % 4 == 1))
      out += (line++ == data[1] ? text : kept) + "\n";
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  try {
    whorl::Guardrail::from_yaml(config_of(data, size));
  } catch (const std::invalid_argument& error) {
    if (!names_its_line(error.what())) {
      std::fprintf(stderr, "no file and line: %s\n", error.what());
      std::abort();
    }
  }
  return 0;
}

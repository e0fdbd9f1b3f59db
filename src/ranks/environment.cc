#include "ranks/environment.h"

#include <charconv>
#include <cstdlib>
#include <string_view>

#include "base/check.h"

namespace whorl::ranks {

namespace {

using base::invalid;

constexpr int kMostRanks = 4096, kLastPort = 65535, kLongestWait = 7 * 24 * 3600;

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

int number(const char* name, int least, int most, const std::string& context) {
  const std::string text = variable(name);
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < least || value > most)
    invalid(context, " distributed: expected the environment variable ", name, " to be a whole number from ",
            least, " to ", most, ", ", text.empty() ? "it is not set" : "got '" + text.substr(0, 40) + "'",
            text.empty() ? "; `whorl train --nproc` and torchrun set RANK, WORLD_SIZE, MASTER_ADDR and "
                           "MASTER_PORT"
                         : "");
  return value;
}

int port(const std::string& context) {
  if (!variable("WHORL_RANKS_PORT").empty()) return number("WHORL_RANKS_PORT", 1, kLastPort, context);
  const bool taken = variable("TORCHELASTIC_USE_AGENT_STORE") == "True";
  return number("MASTER_PORT", 1, kLastPort - 1, context) + (taken ? 1 : 0);
}

}  // namespace

Place place_from_environment(const std::string& context) {
  Place place;
  place.size = number("WORLD_SIZE", 1, kMostRanks, context);
  place.rank = number("RANK", 0, place.size - 1, context);
  if (!variable("WHORL_RANKS_TIMEOUT").empty())
    place.timeout_seconds = number("WHORL_RANKS_TIMEOUT", 1, kLongestWait, context);
  place.token = variable("WHORL_RANKS_TOKEN");
  if (place.size == 1) return place;
  place.address = variable("MASTER_ADDR");
  base::check_argument(!place.address.empty(), context,
                       " distributed: expected the environment variable MASTER_ADDR to name the machine of "
                       "rank 0, it is not set");
  place.port = port(context);
  return place;
}

}  // namespace whorl::ranks

#include "model/agreement.h"

#include <map>
#include <nlohmann/json.hpp>

#include "base/check.h"

namespace whorl::model {

namespace {

std::vector<ops::Collective> gather(ranks::Communicator& all, const ops::Collective& mine) {
  const nlohmann::json words = {mine.library, mine.why_not, mine.device};
  std::vector<ops::Collective> out;
  for (const std::string& text : all.all_gather(words.dump())) {
    const auto one = nlohmann::json::parse(text);
    out.push_back({one.at(0), one.at(1), one.at(2)});
  }
  return out;
}

// Empty: nothing stands between them.
std::string obstacle(const std::vector<ops::Collective>& ranks) {
  std::map<std::string, size_t> devices;
  for (size_t i = 0; i < ranks.size(); ++i) {
    const std::string rank = base::concat("rank ", i, " of ", ranks.size());
    if (ranks[i].library.empty()) return rank + ": " + ranks[i].why_not;
    if (ranks[i].library != ranks[0].library)
      return base::concat(rank, " has ", ranks[i].library, ", rank 0 ", ranks[0].library);
    const auto [same, added] = devices.emplace(ranks[i].device, i);
    if (!added) return base::concat("ranks ", same->second, " and ", i, " compute on the same device");
  }
  return {};
}

}  // namespace

Agreement agree(ranks::Communicator& all, const ops::Collective& mine, const std::string& what) {
  const std::vector<ops::Collective> ranks = gather(all, mine);
  if (ranks[0].device.empty()) return {};  // all are CPUs: another device would be another run
  const std::string why = obstacle(ranks);
  if (why.empty()) return {true, what + " are summed by " + ranks[0].library, base::LogLevel::info};
  return {false, what + " are summed through the host: " + why, base::LogLevel::warn};
}

ops::RankCalls calls_of(ranks::Communicator& all) {
  return {all.rank(), all.size(), [&all](void* data, size_t size) { all.broadcast(data, size); },
          [&all](std::string_view what, const std::function<bool()>& done) { all.watch(what, done); }};
}

}  // namespace whorl::model

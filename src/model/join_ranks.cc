#include "model/join_ranks.h"

#include <nlohmann/json.hpp>

#include "base/check.h"
#include "model/config.h"

namespace whorl::model {

std::shared_ptr<ranks::Communicator> join_ranks(const ModelOptions& options, const ModelConfig& config,
                                                bool rounded, const std::string& context) {
  const int size = options.tensor_parallel_size;
  base::check_argument(size >= 1, context, " expected tensor_parallel_size of at least 1, got ", size);
  if (size == 1) return nullptr;
  check_share(config, size, rounded, context);
  const ranks::Place place = ranks::place_from_environment(context);
  base::check_argument(place.size == size, context, " expected WORLD_SIZE to be tensor_parallel_size ", size,
                       ", got ", place.size);
  return ranks::join(place, context);
}

void expect_same_model(ranks::Communicator& all, const ModelOptions& options, const ModelConfig& config,
                       const std::string& made_of, const std::string& context) {
  const nlohmann::json mine = {{"config", base::to_sorted_json(to_json(config))},
                               {"dtype", options.dtype},
                               {"quantize", options.quantize},
                               {"weights", made_of}};
  const std::vector<std::string> words = all.all_gather(mine.dump());
  const auto first = nlohmann::json::parse(words[0]);
  for (size_t rank = 1; rank < words.size(); ++rank) {
    const auto other = nlohmann::json::parse(words[rank]);
    for (const auto& [key, value] : other.items())
      base::check_argument(first.value(key, nlohmann::json()) == value, context, " rank ", rank, " of ",
                           words.size(), " has another model than rank 0: they differ in ", key);
  }
}

}  // namespace whorl::model

#pragma once
// What rank 0 tells the others that compute a model with it: what to hold, what to let go, what to compute.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "model/transformer.h"
#include "ranks/communicator.h"

namespace whorl::model {

struct RankMessage {
  enum class Kind : uint8_t { end, idle, make_cache, pack_adapter, step, measure };
  struct Pair {  // of an adapter; its numbers follow the message
    int64_t linear = 0, rank = 0;
    float scale = 0;
  };
  struct Rows {  // of one sequence; pages of all sequences follow one another
    int64_t begin = 0, end = 0, past = 0, pages = 0;
  };
  struct Adapted {
    int64_t begin = 0, end = 0;
    uint64_t adapter = 0;
  };

  Kind kind = Kind::idle;
  std::vector<uint64_t> gone;  // caches and adapters that nobody uses any more, by number
  uint64_t number = 0;         // of the cache or adapter that is made, of the cache that is computed with
  int64_t pages = 0, page_size = 0;                     // make_cache
  StepLimits limits;                                    // measure
  std::vector<Pair> pairs;                              // pack_adapter
  std::vector<int32_t> ids, positions, sequence_pages;  // step
  std::vector<Rows> sequences;
  std::vector<Adapted> adapters;
};

// std::runtime_error where the bytes are no message.
std::string to_bytes(const RankMessage& message);
RankMessage message_of(std::string_view bytes);

// Collective: rank 0's message.
void send(ranks::Communicator& all, const RankMessage& message);
RankMessage receive(ranks::Communicator& all);

}  // namespace whorl::model

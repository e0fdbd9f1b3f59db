#pragma once
// All ranks sum the same way, or none would get what it waits for.
#include <string>

#include "base/log.h"
#include "ops/device_ranks.h"
#include "ranks/communicator.h"

namespace whorl::model {

struct Agreement {
  bool on_devices = false;
  std::string sentence;  // what is done and why, for the log; empty where all compute on the host anyway
  base::LogLevel level = base::LogLevel::info;
};

// Collective: the same answer on every rank. `what` is summed ("gradients"), for the sentence.
Agreement agree(ranks::Communicator& all, const ops::Collective& mine, const std::string& what);

// What a device needs of the ranks, which must outlive it.
ops::RankCalls calls_of(ranks::Communicator& all);

}  // namespace whorl::model

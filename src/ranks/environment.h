#pragma once
// Where a rank finds the others.
#include <string>

namespace whorl::ranks {

struct Place {
  int rank = 0, size = 1;
  std::string address;  // of rank 0: a name or a number
  int port = 0;
  std::string
      token;  // must be the same on all ranks; empty = whoever reaches the port may join. Never logged
  double timeout_seconds = 600;  // the longest that one rank waits for another; also, to connect
};

// RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT as torchrun sets them; WHORL_RANKS_TOKEN, WHORL_RANKS_TIMEOUT
// (seconds) and WHORL_RANKS_PORT (instead of MASTER_PORT) beside them. Where torchrun's own store already
// listens at MASTER_PORT (TORCHELASTIC_USE_AGENT_STORE), the port after it is meant. Only reads variables.
// Throws std::invalid_argument that names the variable.
Place place_from_environment(const std::string& context);

}  // namespace whorl::ranks

#pragma once
// How ranks find each other: rank 0 hosts, the others call.
#include <string>
#include <vector>

#include "ranks/environment.h"
#include "ranks/socket.h"

namespace whorl::ranks {

// Rank 0: sockets by rank, the first one empty. Whoever does not belong to the run (garbage, another token,
// silence) is turned away and changes nothing. A rank of the run that says another world size, or a rank that
// is there already, ends the meeting for all; so does a rank that does not come in time.
std::vector<Socket> host(const Place& place, const std::string& context);
// The others: the connection to rank 0. Calls again until it answers or time is up.
Socket call(const Place& place, const std::string& context);

}  // namespace whorl::ranks

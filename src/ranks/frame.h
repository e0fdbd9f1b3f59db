#pragma once
// What ranks say to each other once they have met: frames of a header and at most 64 MB.
#include <cstdint>
#include <string>
#include <string_view>

#include "ranks/socket.h"

namespace whorl::ranks {

enum class Topic : uint8_t { welcome = 1, reduce, gather, broadcast, error = 255 };
const char* name_of(Topic topic);

inline constexpr size_t kLargestFrame = size_t{64} << 20;

struct FrameHeader {
  uint32_t magic = 0;
  Topic topic = Topic::error;
  uint8_t unused[3] = {};
  uint32_t sequence = 0;  // of the calls, so that ranks that are not at the same place notice
  uint32_t length = 0;    // bytes that follow
};
static_assert(sizeof(FrameHeader) == 16);

// The other end's last words.
class PeerError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

void send_frame(const Socket& to, Topic topic, uint32_t sequence, std::string_view bytes, Deadline deadline);
// Throws PeerError when an error comes instead, std::runtime_error on what is no frame.
FrameHeader receive_header(const Socket& from, Deadline deadline);
// The header of a frame that has come and stays to be received; false where none has yet.
bool peek_header(const Socket& from, FrameHeader& header);
std::string receive_body(const Socket& from, const FrameHeader& header, Deadline deadline);

}  // namespace whorl::ranks

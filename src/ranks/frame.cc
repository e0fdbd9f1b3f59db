#include "ranks/frame.h"

#include <algorithm>
#include <bit>

#include "base/check.h"

namespace whorl::ranks {

namespace {
static_assert(std::endian::native == std::endian::little, "frames are written as memory has them");
constexpr uint32_t kMagic = 0x4b4e5257;  // "WRNK"
constexpr size_t kLongestError = 16384;
}  // namespace

const char* name_of(Topic topic) {
  switch (topic) {
    case Topic::welcome:
      return "welcome";
    case Topic::reduce:
      return "all_reduce_sum";
    case Topic::gather:
      return "all_gather";
    case Topic::broadcast:
      return "broadcast";
    case Topic::error:
      return "error";
  }
  return "nothing known";
}

void send_frame(const Socket& to, Topic topic, uint32_t sequence, std::string_view bytes, Deadline deadline) {
  if (topic == Topic::error) bytes = bytes.substr(0, kLongestError);
  base::check_argument(bytes.size() <= kLargestFrame, "[ranks] a message of ", bytes.size(),
                       " bytes is longer than ", kLargestFrame);
  FrameHeader header;
  header.magic = kMagic;
  header.topic = topic;
  header.sequence = sequence;
  header.length = static_cast<uint32_t>(bytes.size());
  to.send(&header, sizeof header, deadline, !bytes.empty());
  to.send(bytes.data(), bytes.size(), deadline);
}

FrameHeader receive_header(const Socket& from, Deadline deadline) {
  FrameHeader header;
  from.receive(&header, sizeof header, deadline);
  if (header.magic != kMagic || header.length > kLargestFrame)
    throw std::runtime_error("what came is no frame of Whorl's");
  if (header.topic == Topic::error) {
    header.length = std::min<uint32_t>(header.length, kLongestError);
    throw PeerError(receive_body(from, header, deadline));
  }
  return header;
}

bool peek_header(const Socket& from, FrameHeader& header) {
  return from.peek(&header, sizeof header) == sizeof header;
}

std::string receive_body(const Socket& from, const FrameHeader& header, Deadline deadline) {
  std::string bytes(header.length, '\0');
  from.receive(bytes.data(), bytes.size(), deadline);
  return bytes;
}

}  // namespace whorl::ranks

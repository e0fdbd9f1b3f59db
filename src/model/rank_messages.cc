#include "model/rank_messages.h"

#include <cstring>
#include <type_traits>

#include "base/check.h"

namespace whorl::model {

namespace {

constexpr uint64_t kLongest = uint64_t{1} << 30;

// The same walk writes and reads.
template <class Archive, class Message>
void walk(Archive& archive, Message& m) {
  archive(m.kind), archive(m.gone), archive(m.number), archive(m.pages), archive(m.page_size);
  archive(m.limits);
  archive(m.pairs), archive(m.ids), archive(m.positions), archive(m.sequence_pages), archive(m.sequences);
  archive(m.adapters);
}

struct Writer {
  std::string bytes;

  template <class T>
  void operator()(const T& x) {
    static_assert(std::is_trivially_copyable_v<T>);
    bytes.append(reinterpret_cast<const char*>(&x), sizeof x);
  }
  template <class T>
  void operator()(const std::vector<T>& list) {
    (*this)(static_cast<uint64_t>(list.size()));
    if (!list.empty()) bytes.append(reinterpret_cast<const char*>(list.data()), list.size() * sizeof(T));
  }
};

struct Reader {
  std::string_view left;

  void take(void* to, size_t size) {
    if (left.size() < size) base::failed("[ranks] rank 0 sent a message that is too short");
    if (size > 0) std::memcpy(to, left.data(), size);
    left.remove_prefix(size);
  }
  template <class T>
  void operator()(T& x) {
    take(&x, sizeof x);
  }
  template <class T>
  void operator()(std::vector<T>& list) {
    uint64_t count = 0;
    (*this)(count);
    if (count > left.size() / sizeof(T)) base::failed("[ranks] rank 0 sent a message that is too short");
    list.resize(static_cast<size_t>(count));
    take(list.data(), list.size() * sizeof(T));
  }
};

}  // namespace

std::string to_bytes(const RankMessage& message) {
  Writer writer;
  walk(writer, message);
  return std::move(writer.bytes);
}

RankMessage message_of(std::string_view bytes) {
  RankMessage message;
  Reader reader{bytes};
  walk(reader, message);
  if (!reader.left.empty()) base::failed("[ranks] rank 0 sent a message that is too long");
  return message;
}

void send(ranks::Communicator& all, const RankMessage& message) {
  std::string bytes = to_bytes(message);
  uint64_t size = bytes.size();
  all.broadcast(&size, sizeof size);
  all.broadcast(bytes.data(), bytes.size());
}

RankMessage receive(ranks::Communicator& all) {
  uint64_t size = 0;
  all.broadcast(&size, sizeof size);
  if (size > kLongest) base::failed("[ranks] rank 0 announced a message of ", size, " bytes");
  std::string bytes(static_cast<size_t>(size), '\0');
  all.broadcast(bytes.data(), bytes.size());
  return message_of(bytes);
}

}  // namespace whorl::model

#include <bit>
#include <cstring>
#include <set>
#include <type_traits>

#include "base/check.h"
#include "base/checked.h"
#include "base/file.h"
#include "tensor/gguf.h"

namespace whorl::tensor {

using base::invalid;
using base::printable;

namespace {

constexpr uint64_t kMaxDimensions = 4, kMaxName = 4096;

// Walks the header. Nothing is read past the end, and nothing is made larger than what is left.
class Reader {
 public:
  Reader(std::string_view bytes, std::string_view context) : bytes_(bytes), context_(context) {}

  template <class T>
  T number() {
    need(sizeof(T), 1, "a number");
    T out;
    std::memcpy(&out, bytes_.data() + at_, sizeof(T));
    at_ += sizeof(T);
    return out;
  }

  std::string text() {
    const auto length = number<uint64_t>();
    need(1, length, "a text");
    std::string out(bytes_.substr(at_, length));
    at_ += length;
    return out;
  }

  // `count` records of at least `least` bytes must still fit.
  void need(uint64_t least, uint64_t count, const char* what) const {
    if (count > (bytes_.size() - at_) / least)
      invalid(context_, ": byte ", at_, ": ", what, " of ", count, " x ", least, " bytes goes past the end (",
              bytes_.size(), " bytes; truncated?)");
  }

  uint64_t at() const { return at_; }
  uint64_t size() const { return bytes_.size(); }

 private:
  std::string_view bytes_, context_;
  uint64_t at_ = 0;
};

int64_t signed_of(uint64_t value, std::string_view context, const std::string& key) {
  if (value > static_cast<uint64_t>(INT64_MAX))
    invalid(context, ": '", printable(key), "': ", value, " is larger than a signed 64-bit number");
  return static_cast<int64_t>(value);
}

struct KeyReader {
  Reader& in;
  std::string_view context;
  const std::string& key;

  int64_t integer(uint32_t type) const {
    switch (type) {
      case 0:
        return in.number<uint8_t>();
      case 1:
        return in.number<int8_t>();
      case 2:
        return in.number<uint16_t>();
      case 3:
        return in.number<int16_t>();
      case 4:
        return in.number<uint32_t>();
      case 5:
        return in.number<int32_t>();
      case 7:
        return flag();
      case 10:
        return signed_of(in.number<uint64_t>(), context, key);
      default:
        return in.number<int64_t>();
    }
  }
  int64_t flag() const {
    const auto byte = in.number<uint8_t>();
    if (byte > 1) invalid(context, ": '", printable(key), "': expected a boolean 0 or 1, got ", int{byte});
    return byte;
  }
  double real(uint32_t type) const { return type == 6 ? in.number<float>() : in.number<double>(); }

  GgufValue value(uint32_t type) const {
    if (type == 8) return in.text();
    if (type == 9) return list();
    if (type == 6 || type == 12) return real(type);
    if (type > 12) invalid(context, ": '", printable(key), "': there is no value type ", type);
    return integer(type);
  }

  GgufValue list() const {
    constexpr uint64_t least[] = {1, 1, 2, 2, 4, 4, 4, 1, 8, 0, 8, 8, 8};
    const auto type = in.number<uint32_t>();
    const auto count = in.number<uint64_t>();
    if (type > 12 || type == 9)
      invalid(context, ": '", printable(key), "': expected a list of numbers or texts, got items of type ",
              type);
    in.need(least[type], count, "a list");
    if (type == 8) return many<std::string>(count, [&] { return in.text(); });
    if (type == 6 || type == 12) return many<double>(count, [&] { return real(type); });
    return many<int64_t>(count, [&] { return integer(type); });
  }

  template <class T, class Read>
  static std::vector<T> many(uint64_t count, Read read) {
    std::vector<T> out;
    out.reserve(count);
    for (uint64_t i = 0; i < count; ++i) out.push_back(read());
    return out;
  }
};

GgufType type_of(uint32_t code, std::string_view context, const std::string& name) {
  if (const auto type = static_cast<GgufType>(code); known(type)) return type;
  invalid(context, ": tensor '", printable(name), "' is stored as type ", code, "; Whorl reads ",
          known_types());
}

GgufTensor read_tensor(Reader& in, std::string_view context) {
  GgufTensor out;
  out.name = in.text();
  if (out.name.empty() || out.name.size() > kMaxName)
    invalid(context, ": byte ", in.at(), ": expected a tensor's name of 1 to ", kMaxName, " bytes, got ",
            out.name.size());
  const auto dimensions = in.number<uint32_t>();
  if (dimensions < 1 || dimensions > kMaxDimensions)
    invalid(context, ": tensor '", printable(out.name), "': expected 1 to 4 dimensions, got ", dimensions);
  for (uint32_t i = 0; i < dimensions; ++i) {
    const int64_t size = signed_of(in.number<uint64_t>(), context, out.name);
    if (size < 1) invalid(context, ": tensor '", printable(out.name), "' has a dimension of 0");
    out.shape.insert(out.shape.begin(), size);
  }
  out.type = type_of(in.number<uint32_t>(), context, out.name);
  out.offset = in.number<uint64_t>();
  const int64_t block = block_size(out.type), row = out.shape.back();
  if (row % block != 0)
    invalid(context, ": tensor '", printable(out.name), "': rows of ", row, " do not divide into blocks of ",
            block, " (", name_of(out.type), ")");
  out.size = static_cast<uint64_t>(bytes_per_block(out.type));
  const auto times = [&](int64_t factor) {
    if (static_cast<uint64_t>(factor) > in.size() / out.size)
      invalid(context, ": tensor '", printable(out.name), "' of shape ", to_string(out.shape),
              " needs more bytes than the file has (", in.size(), ")");
    out.size *= static_cast<uint64_t>(factor);
  };
  times(row / block);
  for (size_t i = 0; i + 1 < out.shape.size(); ++i) times(out.shape[i]);
  return out;
}

uint64_t alignment_of(const GgufHeader& header, std::string_view context) {
  const auto found = header.metadata.find("general.alignment");
  if (found == header.metadata.end()) return 32;
  const auto* value = std::get_if<int64_t>(&found->second);
  if (!value || *value < 1 || *value > (1 << 20) || !std::has_single_bit(static_cast<uint64_t>(*value)))
    invalid(context, ": 'general.alignment': expected a power of two up to 1048576");
  return static_cast<uint64_t>(*value);
}

// From offsets within the data part to offsets within the file.
void place(GgufHeader& header, uint64_t end_of_table, uint64_t file_size, std::string_view context) {
  const uint64_t align = alignment_of(header, context);
  const base::CheckedSize data = (base::CheckedSize(end_of_table) + (align - 1)).value() / align * align;
  for (GgufTensor& t : header.tensors) {
    if (t.offset % align != 0)
      invalid(context, ": tensor '", printable(t.name), "' starts at ", t.offset, ", no multiple of ", align);
    const base::CheckedSize begin = data + t.offset, end = begin + t.size;
    if (end.value() > file_size)
      invalid(context, ": tensor '", printable(t.name), "' ends at byte ", end.value(), ", the file has ",
              file_size, " (truncated?)");
    t.offset = begin.value();
  }
}

}  // namespace

GgufHeader parse_gguf(std::string_view bytes, std::string_view context) {
  Reader in(bytes, context);
  if (bytes.size() < 24 || bytes.substr(0, 4) != "GGUF")
    invalid(context, ": expected a GGUF file of at least 24 bytes that opens with 'GGUF'");
  in.number<uint32_t>();
  const auto version = in.number<uint32_t>();
  if (version != 2 && version != 3)
    invalid(context, ": expected GGUF version 2 or 3, got ", version, " (little-endian files only)");
  const auto tensors = in.number<uint64_t>(), keys = in.number<uint64_t>();
  in.need(13, keys, "a table of keys");
  GgufHeader out;
  for (uint64_t i = 0; i < keys; ++i) {
    const std::string key = in.text();
    if (key.empty()) invalid(context, ": byte ", in.at(), ": an empty key");
    const auto type = in.number<uint32_t>();
    if (!out.metadata.emplace(key, KeyReader{in, context, key}.value(type)).second)
      invalid(context, ": key '", printable(key), "' comes twice");
  }
  in.need(32, tensors, "a table of tensors");
  std::set<std::string> names;
  for (uint64_t i = 0; i < tensors; ++i) {
    out.tensors.push_back(read_tensor(in, context));
    if (!names.insert(out.tensors.back().name).second)
      invalid(context, ": tensor '", printable(out.tensors.back().name), "' comes twice");
  }
  place(out, in.at(), bytes.size(), context);
  return out;
}

}  // namespace whorl::tensor

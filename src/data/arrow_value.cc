#include "data/arrow_value.h"

#include <charconv>
#include <cmath>
#include <cstring>
#include <string_view>

#include "data/rows.h"
#include "data/utf8.h"

namespace whorl::data {

namespace {

enum class Type : uint8_t {
  unread,
  null,
  boolean,
  i8,
  u8,
  i16,
  u16,
  i32,
  u32,
  i64,
  u64,
  f16,
  f32,
  f64,
  text32,
  text64,
  view,
  list32,
  list64,
  fixed_list,
  structure
};

Type type_of(const ArrowSchema& schema) {
  const std::string_view format = schema.format ? schema.format : "";
  static constexpr std::pair<std::string_view, Type> names[] = {
      {"n", Type::null},    {"b", Type::boolean}, {"c", Type::i8},        {"C", Type::u8},
      {"s", Type::i16},     {"S", Type::u16},     {"i", Type::i32},       {"I", Type::u32},
      {"l", Type::i64},     {"L", Type::u64},     {"e", Type::f16},       {"f", Type::f32},
      {"g", Type::f64},     {"u", Type::text32},  {"U", Type::text64},    {"vu", Type::view},
      {"+l", Type::list32}, {"+L", Type::list64}, {"+s", Type::structure}};
  for (const auto& [name, type] : names)
    if (name == format) return type;
  return format.substr(0, 3) == "+w:" ? Type::fixed_list : Type::unread;
}

bool has_children(Type type) { return type >= Type::list32; }

int64_t fixed_size(const ArrowSchema& schema) {
  int64_t out = -1;
  const std::string_view format = schema.format;
  std::from_chars(format.data() + 3, format.data() + format.size(), out);
  return out;
}

template <class T>
T at(const void* buffer, int64_t index) {
  T out;
  std::memcpy(&out, static_cast<const char*>(buffer) + index * static_cast<int64_t>(sizeof(T)), sizeof(T));
  return out;
}

bool bit(const void* bits, int64_t index) {
  return static_cast<const uint8_t*>(bits)[index / 8] >> (index % 8) & 1;
}

template <class T>
Value integer(const void* buffer, int64_t index) {
  return Value::number(std::to_string(at<T>(buffer, index)));
}

// The shortest spelling that reads back as the same number; what is no number in JSON counts as missing.
template <class T>
Value real(T value) {
  if (!std::isfinite(value)) return Value::null();
  char text[64];
  const auto end = std::to_chars(text, text + sizeof text, value).ptr;
  std::string out(text, end);
  if (out.find_first_of(".e") == std::string::npos) out += ".0";
  return Value::number(std::move(out));
}

float from_half(uint16_t half) {
  const int exponent = half >> 10 & 31, fraction = half & 1023;
  const float sign = half >> 15 ? -1.0f : 1.0f;
  if (exponent == 31) return fraction ? NAN : sign * INFINITY;
  if (exponent == 0) return sign * std::ldexp(static_cast<float>(fraction), -24);
  return sign * std::ldexp(static_cast<float>(1024 + fraction), exponent - 25);
}

Value scalar(Type type, const void* data, int64_t index) {
  switch (type) {
    case Type::boolean:
      return Value::boolean(bit(data, index));
    case Type::i8:
      return integer<int8_t>(data, index);
    case Type::u8:
      return integer<uint8_t>(data, index);
    case Type::i16:
      return integer<int16_t>(data, index);
    case Type::u16:
      return integer<uint16_t>(data, index);
    case Type::i32:
      return integer<int32_t>(data, index);
    case Type::u32:
      return integer<uint32_t>(data, index);
    case Type::i64:
      return integer<int64_t>(data, index);
    case Type::u64:
      return integer<uint64_t>(data, index);
    case Type::f16:
      return real(from_half(at<uint16_t>(data, index)));
    case Type::f32:
      return real(at<float>(data, index));
    case Type::f64:
      return real(at<double>(data, index));
    default:
      return Value::null();
  }
}

Value text(std::string_view characters, const std::string& column) {
  if (const size_t bad = find_invalid_utf8(characters); bad != std::string_view::npos)
    bad_row(column, ": byte ", bad, " is not UTF-8");
  return Value::string(std::string(characters));
}

template <class Offset>
std::pair<int64_t, int64_t> bounds(const ArrowArray& array, int64_t index, const std::string& column) {
  const int64_t begin = at<Offset>(array.buffers[1], index), end = at<Offset>(array.buffers[1], index + 1);
  if (begin < 0 || end < begin) bad_row(column, ": Arrow offsets run backwards");
  return {begin, end};
}

template <class Offset>
Value offset_text(const ArrowArray& array, int64_t index, const std::string& column) {
  const auto [begin, end] = bounds<Offset>(array, index, column);
  if (begin == end) return Value::string("");
  return text({static_cast<const char*>(array.buffers[2]) + begin, static_cast<size_t>(end - begin)}, column);
}

// Sixteen bytes: length, then the text itself if it is short, or prefix, buffer and offset.
Value view_text(const ArrowArray& array, int64_t index, const std::string& column) {
  const char* view = static_cast<const char*>(array.buffers[1]) + index * 16;
  const int32_t length = at<int32_t>(view, 0);
  if (length < 0) bad_row(column, ": an Arrow text view has a negative length");
  if (length <= 12) return text({view + 4, static_cast<size_t>(length)}, column);
  const int32_t buffer = at<int32_t>(view, 2), offset = at<int32_t>(view, 3);
  if (buffer < 0 || buffer + 3 >= array.n_buffers || offset < 0)
    bad_row(column, ": an Arrow text view points nowhere");
  return text({static_cast<const char*>(array.buffers[2 + buffer]) + offset, static_cast<size_t>(length)},
              column);
}

Value list(const ArrowSchema& schema, const ArrowArray& array, int64_t begin, int64_t end,
           const std::string& column) {
  if (end > array.children[0]->length) bad_row(column, ": an Arrow list points behind its values");
  Value out = Value::list();
  for (int64_t i = begin; i < end; ++i)
    out.items.push_back(cell(*schema.children[0], *array.children[0], i, column));
  return out;
}

Value structure(const ArrowSchema& schema, const ArrowArray& array, int64_t index,
                const std::string& column) {
  Value out = Value::object();
  for (int64_t i = 0; i < schema.n_children; ++i) {
    const char* name = schema.children[i]->name ? schema.children[i]->name : "";
    Value value = cell(*schema.children[i], *array.children[i], index, column + "." + name);
    if (!value.is(Value::Kind::null)) out.add(name, std::move(value));
  }
  return out;
}

Value looked_up(const ArrowSchema& schema, const ArrowArray& array, int64_t index,
                const std::string& column) {
  ArrowSchema plain = schema;
  plain.dictionary = nullptr;
  const Value key = cell(plain, array, index - array.offset, column);
  int64_t position = -1;
  std::from_chars(key.text.data(), key.text.data() + key.text.size(), position);
  if (position < 0 || position >= array.dictionary->length)
    bad_row(column, ": an Arrow dictionary index points nowhere");
  return cell(*schema.dictionary, *array.dictionary, position, column);
}

}  // namespace

std::string unread_type(const ArrowSchema& schema) {
  if (schema.dictionary) return unread_type(*schema.dictionary);
  const Type type = type_of(schema);
  if (type == Type::unread) return schema.format ? schema.format : "?";
  for (int64_t i = 0; has_children(type) && i < schema.n_children; ++i)
    if (std::string name = unread_type(*schema.children[i]); !name.empty()) return name;
  return "";
}

void check_layout(const ArrowSchema& schema, const ArrowArray& array, const std::string& column) {
  const Type type = type_of(schema);
  const int64_t buffers = type == Type::null                                                   ? 0
                          : type == Type::text32 || type == Type::text64 || type == Type::view ? 3
                          : type == Type::structure || type == Type::fixed_list                ? 1
                                                                                               : 2;
  const bool sound = array.length >= 0 && array.offset >= 0 && array.n_buffers >= buffers &&
                     (array.n_children == schema.n_children || !has_children(type)) &&
                     (type == Type::structure || !has_children(type) || schema.n_children == 1) &&
                     (array.dictionary != nullptr) == (schema.dictionary != nullptr) &&
                     (type != Type::fixed_list || fixed_size(schema) >= 0);
  if (!sound) bad_row(column, ": the Arrow array does not fit its type '", schema.format, "'");
  if (schema.dictionary) check_layout(*schema.dictionary, *array.dictionary, column);
  for (int64_t i = 0; has_children(type) && i < schema.n_children; ++i) {
    check_layout(*schema.children[i], *array.children[i], column);
    const int64_t rows = array.length + array.offset;
    if (type == Type::structure && array.children[i]->length < rows)
      bad_row(column, ": an Arrow struct has a short child");
  }
}

Value cell(const ArrowSchema& schema, const ArrowArray& array, int64_t relative, const std::string& column) {
  const int64_t index = relative + array.offset;
  const Type type = type_of(schema);
  if (type == Type::null) return Value::null();
  if (array.null_count != 0 && array.buffers[0] && !bit(array.buffers[0], index)) return Value::null();
  if (schema.dictionary) return looked_up(schema, array, index, column);
  switch (type) {
    case Type::text32:
      return offset_text<int32_t>(array, index, column);
    case Type::text64:
      return offset_text<int64_t>(array, index, column);
    case Type::view:
      return view_text(array, index, column);
    case Type::structure:
      return structure(schema, array, index, column);
    case Type::list32:
    case Type::list64: {
      const auto [begin, end] = type == Type::list32 ? bounds<int32_t>(array, index, column)
                                                     : bounds<int64_t>(array, index, column);
      return list(schema, array, begin, end, column);
    }
    case Type::fixed_list: {
      const int64_t size = fixed_size(schema);
      return list(schema, array, index * size, (index + 1) * size, column);
    }
    case Type::unread:
      bad_row(column, ": Arrow type '", schema.format, "' is not read");
    default:
      return scalar(type, array.buffers[1], index);
  }
}

}  // namespace whorl::data

// The header of a safetensors file, read event by event so that no tree is built from hostile text.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <unordered_set>

#include "base/check.h"
#include "base/checked.h"
#include "tensor/safetensors.h"

namespace whorl::tensor {

namespace {

using base::CheckedSize;
using base::invalid;
using base::printable;
using Json = nlohmann::json;

constexpr size_t max_rank = 8;
constexpr uint64_t max_dimension = uint64_t{1} << 53;

// Every dtype of the format with its bits per element, also those that we cannot use: their sizes must be
// checked all the same.
uint64_t bits_of(std::string_view dtype) {
  static const std::map<std::string_view, uint64_t> bits = {
      {"BOOL", 8}, {"F4", 4},      {"F6_E2M3", 6}, {"F6_E3M2", 6}, {"U8", 8},
      {"I8", 8},   {"F8_E5M2", 8}, {"F8_E4M3", 8}, {"F8_E8M0", 8}, {"I16", 16},
      {"U16", 16}, {"F16", 16},    {"BF16", 16},   {"I32", 32},    {"U32", 32},
      {"F32", 32}, {"C64", 64},    {"F64", 64},    {"I64", 64},    {"U64", 64}};
  const auto it = bits.find(dtype);
  return it == bits.end() ? 0 : it->second;
}

class HeaderReader final : public nlohmann::json_sax<Json> {
 public:
  HeaderReader(std::string_view context, const SafetensorsLimits& limits)
      : context_(context), limits_(limits) {}

  SafetensorsHeader take() { return std::move(header_); }

  bool start_object(size_t) override {
    if (at_ == At::file) return at_ = At::header, true;
    if (at_ == At::header && pending_) {
      pending_ = false;
      at_ = in_metadata_ ? At::metadata : At::tensor;
      return true;
    }
    unexpected("an object");
  }

  bool key(std::string& name) override {
    check_text(name);
    if (at_ == At::header) return header_key(name);
    if (at_ == At::metadata) {
      if (header_.metadata.count(name)) invalid(context_, ": duplicate metadata key '", printable(name), "'");
      field_ = name;
    } else {
      if (name != "dtype" && name != "shape" && name != "data_offsets")
        invalid(context_, ": tensor '", printable(current_.name), "' has an unknown field '", printable(name),
                "'");
      if (!fields_.insert(name).second)
        invalid(context_, ": tensor '", printable(current_.name), "' has field '", name, "' twice");
      field_ = name;
    }
    pending_ = true;
    return true;
  }

  bool string(std::string& value) override {
    if (pending_ && at_ == At::metadata) {
      header_.metadata.emplace(field_, value);
    } else if (pending_ && at_ == At::tensor && field_ == "dtype") {
      if (bits_of(value) == 0)
        invalid(context_, ": tensor '", printable(current_.name), "' has an unknown dtype '",
                printable(value), "'");
      current_.dtype = value;
    } else {
      unexpected("a string");
    }
    pending_ = false;
    return true;
  }

  bool start_array(size_t) override {
    if (!pending_ || at_ != At::tensor || field_ == "dtype") unexpected("a list");
    pending_ = false;
    at_ = At::list;
    return true;
  }

  bool number_unsigned(uint64_t value) override {
    if (at_ != At::list) unexpected("a number");
    if (field_ == "shape") {
      if (current_.shape.size() == max_rank)
        invalid(context_, ": tensor '", printable(current_.name), "' has more than ", max_rank,
                " dimensions");
      if (value > max_dimension)
        invalid(context_, ": tensor '", printable(current_.name), "' has a dimension of ", value);
      current_.shape.push_back(static_cast<int64_t>(value));
    } else {
      if (offsets_.size() == 2)
        invalid(context_, ": tensor '", printable(current_.name), "' needs two data_offsets");
      offsets_.push_back(value);
    }
    return true;
  }

  bool end_array() override { return at_ = At::tensor, true; }

  bool end_object() override {
    if (at_ == At::tensor) finish_tensor();
    at_ = at_ == At::header ? At::end : At::header;
    in_metadata_ = false;
    return true;
  }

  bool null() override { unexpected("null"); }
  bool boolean(bool) override { unexpected("true/false"); }
  bool number_integer(int64_t) override { unexpected("a negative number"); }
  bool number_float(double, const std::string&) override { unexpected("a number that is no integer"); }
  bool binary(Json::binary_t&) override { unexpected("binary data"); }
  bool parse_error(size_t offset, const std::string&, const nlohmann::detail::exception&) override {
    invalid(context_, ": the header is not valid JSON at byte ", offset);
  }

 private:
  enum class At { file, header, metadata, tensor, list, end };

  bool header_key(const std::string& name) {
    if (!names_.insert(name).second) invalid(context_, ": duplicate tensor '", printable(name), "'");
    in_metadata_ = name == "__metadata__";
    if (!in_metadata_ && header_.tensors.size() >= limits_.max_tensors)
      invalid(context_, ": more than ", limits_.max_tensors, " tensors");
    current_ = {};
    current_.name = name;
    fields_.clear();
    offsets_.clear();
    pending_ = true;
    return true;
  }

  void check_text(const std::string& name) const {
    const bool control =
        std::any_of(name.begin(), name.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; });
    if (name.empty() || control || name.size() > limits_.max_name_bytes)
      invalid(context_, ": expected names of 1 to ", limits_.max_name_bytes,
              " bytes without control characters, got '", printable(name), "'");
  }

  void finish_tensor() {
    if (fields_.size() != 3 || offsets_.size() != 2)
      invalid(context_, ": tensor '", printable(current_.name), "' needs dtype, shape and two data_offsets");
    current_.begin = offsets_[0];
    current_.end = offsets_[1];
    header_.tensors.push_back(std::move(current_));
    current_ = {};
  }

  [[noreturn]] void unexpected(const char* what) const {
    const std::string where = current_.name.empty() ? "the header" : "'" + printable(current_.name) + "'";
    invalid(context_, ": unexpected ", what, " in ", where,
            field_.empty() ? "" : " at '" + printable(field_) + "'");
  }

  std::string_view context_;
  const SafetensorsLimits& limits_;
  SafetensorsHeader header_;
  At at_ = At::file;
  bool pending_ = false;  // a key waits for its value
  bool in_metadata_ = false;
  std::string field_;
  TensorInfo current_;
  std::set<std::string> fields_;
  std::vector<uint64_t> offsets_;
  std::unordered_set<std::string> names_;
};

uint64_t bytes_of(const TensorInfo& tensor, std::string_view context) try {
  CheckedSize bits = bits_of(tensor.dtype);
  for (int64_t d : tensor.shape) bits *= CheckedSize::from_signed(d);
  if (bits.value() % 8 != 0)
    invalid(context, ": tensor '", printable(tensor.name), "' does not fill whole bytes");
  return bits.value() / 8;
} catch (const std::invalid_argument& error) {
  invalid(context, ": tensor '", printable(tensor.name), "': ", error.what());
}

// Tensors tile the data part: no gap, no overlap, nothing after the last.
void check_layout(const SafetensorsHeader& header, uint64_t data_size, std::string_view context) {
  uint64_t end = 0;
  for (const TensorInfo& tensor : header.tensors) {
    if (tensor.begin > tensor.end || tensor.begin != end)
      invalid(context, ": tensor '", printable(tensor.name), "' lies at bytes ", tensor.begin, " to ",
              tensor.end, ", expected it to begin at ", end, " (no gaps, no overlaps)");
    const uint64_t expected = bytes_of(tensor, context);
    if (tensor.end - tensor.begin != expected)
      invalid(context, ": tensor '", printable(tensor.name), "' ", to_string(tensor.shape), " ", tensor.dtype,
              " needs ", expected, " bytes, its data_offsets hold ", tensor.end - tensor.begin);
    end = tensor.end;
  }
  if (end != data_size)
    invalid(context, ": expected ", end, " bytes of tensor data, the file holds ", data_size,
            end > data_size ? " (truncated?)" : " (trailing bytes)");
}

}  // namespace

SafetensorsHeader parse_safetensors_header(std::string_view json, uint64_t file_size,
                                           std::string_view context, const SafetensorsLimits& limits) {
  if (json.size() > limits.max_header_bytes)
    invalid(context, ": the header has ", json.size(), " bytes, more than ", limits.max_header_bytes);
  if (json.substr(0, 1) == "\xef") invalid(context, ": the header begins with a byte order mark");
  // nlohmann takes a zero byte for the end of the text, and would let anything pass behind it.
  if (json.find('\0') != std::string_view::npos) invalid(context, ": the header holds a zero byte");
  HeaderReader reader(context, limits);
  Json::sax_parse(json.begin(), json.end(), &reader);
  SafetensorsHeader header = reader.take();
  std::sort(header.tensors.begin(), header.tensors.end(), [](const TensorInfo& a, const TensorInfo& b) {
    return std::tie(a.begin, a.end, a.name) < std::tie(b.begin, b.end, b.name);
  });
  const CheckedSize data_offset = CheckedSize(8) + json.size();
  if (data_offset > CheckedSize(file_size))
    invalid(context, ": the header reaches beyond the end of the file");
  header.data_offset = data_offset.value();
  check_layout(header, file_size - header.data_offset, context);
  return header;
}

}  // namespace whorl::tensor

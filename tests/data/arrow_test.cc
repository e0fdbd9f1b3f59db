// Arrow streams built by hand, as the specification lays them out.
#include "data/arrow.h"

#include <cerrno>
#include <cmath>
#include <cstring>
#include <deque>
#include <functional>

#include "support.h"

namespace whorl {
namespace {

// One column's type and values; owns all memory that the structs point into.
struct Column {
  ArrowSchema schema{};
  ArrowArray array{};
  std::string format, name;
  std::deque<std::string> buffers;
  std::vector<const void*> pointers;
  std::vector<Column> children;
  std::unique_ptr<Column> dictionary;
  std::vector<ArrowSchema*> child_schemas;
  std::vector<ArrowArray*> child_arrays;

  void link() {
    schema.format = format.c_str();
    schema.name = name.c_str();
    for (const std::string& buffer : buffers) pointers.push_back(buffer.empty() ? nullptr : buffer.data());
    array.n_buffers = static_cast<int64_t>(pointers.size());
    array.buffers = pointers.data();
    for (Column& child : children) {
      child.link();
      child_schemas.push_back(&child.schema);
      child_arrays.push_back(&child.array);
    }
    schema.n_children = array.n_children = static_cast<int64_t>(children.size());
    schema.children = child_schemas.data();
    array.children = child_arrays.data();
    if (dictionary) {
      dictionary->link();
      schema.dictionary = &dictionary->schema;
      array.dictionary = &dictionary->array;
    }
  }
};

template <class T>
std::string bytes(std::initializer_list<T> values) {
  std::string out;
  for (const T v : values) out.append(reinterpret_cast<const char*>(&v), sizeof v);
  return out;
}

template <class Offset>
Column strings(std::string name, std::string format, std::vector<const char*> values) {
  Column c;
  c.name = std::move(name);
  c.format = std::move(format);
  c.array.length = static_cast<int64_t>(values.size());
  std::string valid(values.size() / 8 + 1, '\0'), offsets = bytes<Offset>({0}), data;
  for (size_t i = 0; i < values.size(); ++i) {
    if (values[i])
      valid[i / 8] = static_cast<char>(valid[i / 8] | 1 << i % 8), data += values[i];
    else
      ++c.array.null_count;
    offsets += bytes<Offset>({static_cast<Offset>(data.size())});
  }
  c.buffers = {valid, offsets, data};
  return c;
}

Column numbers(std::string name, std::string format, std::string data, int64_t length,
               std::string valid = "") {
  Column c;
  c.name = std::move(name);
  c.format = std::move(format);
  c.array.length = length;
  c.array.null_count = valid.empty() ? 0 : -1;
  c.buffers = {std::move(valid), std::move(data)};
  return c;
}

// A stream over batches; counts what is released.
struct Producer {
  std::vector<Column> batches;
  size_t next = 0;
  int released = 0;
  int fail_at = -1;
  ArrowArrayStream stream{};

  explicit Producer(std::vector<std::vector<Column>> given) {
    for (std::vector<Column>& columns : given) {
      Column batch;
      batch.format = "+s";
      batch.array.length = columns.empty() ? 0 : columns[0].array.length;
      batch.buffers = {""};
      batch.children = std::move(columns);
      batches.push_back(std::move(batch));
    }
    for (Column& batch : batches) batch.link();
    stream.private_data = this;
    stream.get_schema = [](ArrowArrayStream* s, ArrowSchema* out) {
      auto* self = static_cast<Producer*>(s->private_data);
      *out = self->batches[0].schema;
      out->private_data = self;
      out->release = [](ArrowSchema* schema) {
        ++static_cast<Producer*>(schema->private_data)->released, schema->release = nullptr;
      };
      return 0;
    };
    stream.get_next = [](ArrowArrayStream* s, ArrowArray* out) {
      auto* self = static_cast<Producer*>(s->private_data);
      *out = ArrowArray{};
      if (static_cast<int>(self->next) == self->fail_at) return EIO;
      if (self->next == self->batches.size()) return 0;
      *out = self->batches[self->next++].array;
      out->private_data = self;
      out->release = [](ArrowArray* array) {
        ++static_cast<Producer*>(array->private_data)->released, array->release = nullptr;
      };
      return 0;
    };
    stream.get_last_error = [](ArrowArrayStream*) -> const char* { return "the wire broke"; };
    stream.release = [](ArrowArrayStream* s) {
      ++static_cast<Producer*>(s->private_data)->released, s->release = nullptr;
    };
  }
};

template <class... Columns>
std::vector<Column> columns(Columns... given) {
  std::vector<Column> out;
  (out.push_back(std::move(given)), ...);
  return out;
}

template <class... Batches>
std::vector<std::vector<Column>> batches(Batches... given) {
  std::vector<std::vector<Column>> out;
  (out.push_back(std::move(given)), ...);
  return out;
}

TEST(Arrow, ReadsEveryScalarTypeAndChunks) {
  Column dictionary = numbers("kind", "c", bytes<int8_t>({1, 0}), 2);
  dictionary.dictionary = std::make_unique<Column>(strings<int32_t>("", "u", {"cat", "dog"}));
  std::string view = bytes<int32_t>({5}) + "short" + std::string(7, '\0') + bytes<int32_t>({20}) + "a lo" +
                     bytes<int32_t>({0, 3});
  Column views = numbers("view", "vu", view, 2);
  views.buffers.push_back("xyza long text for view");
  views.buffers.push_back(bytes<int64_t>({23}));
  const auto first = [&] {
    return columns(
        strings<int32_t>("text", "u", {"eins", "zwei"}), strings<int64_t>("big", "U", {nullptr, "x"}),
        numbers("i8", "c", bytes<int8_t>({-1, 2}), 2), numbers("u8", "C", bytes<uint8_t>({255, 2}), 2),
        numbers("i16", "s", bytes<int16_t>({-300, 2}), 2),
        numbers("u16", "S", bytes<uint16_t>({65535, 2}), 2),
        numbers("i32", "i", bytes<int32_t>({-70000, 2}), 2),
        numbers("u32", "I", bytes<uint32_t>({4294967295u, 2}), 2),
        numbers("i64", "l", bytes<int64_t>({INT64_MIN, 2}), 2, "\x02"),
        numbers("u64", "L", bytes<uint64_t>({UINT64_MAX, 2}), 2),
        numbers("f16", "e", bytes<uint16_t>({0x3e00, 0xc000}), 2),
        numbers("f32", "f", bytes<float>({0.1f, 2}), 2), numbers("f64", "g", bytes<double>({1e300, NAN}), 2),
        numbers("flag", "b", "\x01", 2), std::move(dictionary), std::move(views));
  };
  Producer producer(batches(first()));
  const Dataset data = Dataset::from_arrow(&producer.stream);
  ASSERT_EQ(data.size(), 2);
  EXPECT_EQ(data[0].text, "eins");
  EXPECT_EQ(data[0].source, "arrow:1");
  EXPECT_EQ(
      data[0].extra,
      R"({"i8": -1, "u8": 255, "i16": -300, "u16": 65535, "i32": -70000, "u32": 4294967295, "u64": 18446744073709551615, )"
      R"("f16": 1.5, "f32": 0.1, "f64": 1e+300, "flag": true, "kind": "dog", "view": "short"})");
  EXPECT_EQ(
      data[1].extra,
      R"({"big": "x", "i8": 2, "u8": 2, "i16": 2, "u16": 2, "i32": 2, "u32": 2, "i64": 2, "u64": 2, "f16": -2.0, "f32": 2.0, )"
      R"("flag": false, "kind": "cat", "view": "a long text for view"})");
  EXPECT_EQ(producer.released, 3) << "schema, one batch, stream";
}

Column message_list() {
  Column item;
  item.format = "+s";
  item.name = "item";
  item.array.length = 3;
  item.buffers = {""};
  item.children = columns(strings<int32_t>("role", "u", {"user", "assistant", "assistant"}),
                          strings<int32_t>("content", "u", {"q", "a", "b"}),
                          strings<int32_t>("name", "u", {nullptr, nullptr, nullptr}));
  Column list = numbers("messages", "+l", bytes<int32_t>({0, 2, 3}), 2);
  list.children.push_back(std::move(item));
  return list;
}

TEST(Arrow, NestedRowsWithoutArrowsNulls) {
  Producer producer(batches(columns(message_list()), columns(message_list())));
  const Dataset data = Dataset::from_arrow(&producer.stream);
  ASSERT_EQ(data.size(), 4);
  EXPECT_EQ(data.format(), "messages");
  ASSERT_EQ(data[0].messages.size(), 2u);
  EXPECT_EQ(data[0].messages[1].content, "a");
  EXPECT_EQ(data[3].messages[0].content, "b");
  EXPECT_EQ(data[3].source, "arrow:4");
  EXPECT_EQ(producer.released, 4);
}

TEST(Arrow, HonoursOffsetsOfSlices) {
  auto given = columns(strings<int32_t>("text", "u", {"a", "b", "c"}));
  given[0].array.offset = 1;
  given[0].array.length = 2;
  Producer producer(batches(std::move(given)));
  const Dataset data = Dataset::from_arrow(&producer.stream);
  ASSERT_EQ(data.size(), 2);
  EXPECT_EQ(data[0].text + data[1].text, "bc");
}

TEST(Arrow, SaysWhatItCannotRead) {
  Producer dates(batches(
      columns(strings<int32_t>("text", "u", {"a"}), numbers("when", "tsu:UTC", bytes<int64_t>({0}), 1))));
  const Dataset data = Dataset::from_arrow(&dates.stream);
  EXPECT_EQ(data.size(), 1);
  ASSERT_EQ(data.changes().size(), 1u);
  EXPECT_EQ(data.changes()[0].reason, "column 'when' of Arrow type 'tsu:UTC', which is not read");

  Producer bad(batches(columns(strings<int32_t>("text", "u", {"a", "\xff"}))));
  EXPECT_REFUSED(Dataset::from_arrow(&bad.stream), "arrow:2: text: byte 0 is not UTF-8");
  EXPECT_EQ(bad.released, 3);

  Producer broken(batches(columns(strings<int32_t>("text", "u", {"a"}))));
  broken.fail_at = 1;
  EXPECT_THROW(Dataset::from_arrow(&broken.stream), std::runtime_error);
  EXPECT_EQ(broken.released, 3);
  EXPECT_REFUSED(Dataset::from_arrow(&broken.stream), "consumed already");
  EXPECT_REFUSED(Dataset::from_arrow(nullptr), "[Dataset.from_arrow]");

  Producer torn(batches(columns(numbers("text", "u", bytes<int32_t>({0}), 1))));
  EXPECT_REFUSED(Dataset::from_arrow(&torn.stream), "text: the Arrow array does not fit its type 'u'");
  Producer misled(batches(columns(strings<int32_t>("text", "u", {"a"}))));
  misled.batches[0].children[0].dictionary = nullptr;
  misled.batches[0].children[0].array.length = 0;
  EXPECT_REFUSED(Dataset::from_arrow(&misled.stream), "short column");
}

}  // namespace
}  // namespace whorl

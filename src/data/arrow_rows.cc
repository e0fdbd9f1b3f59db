#include "data/arrow_rows.h"

#include <cstring>

#include "base/file.h"
#include "data/arrow_value.h"

namespace whorl::data {

namespace {

// Releases what the producer lent, however we leave.
template <class T>
struct Lent {
  T value{};
  ~Lent() {
    if (value.release) value.release(&value);
  }
};

struct LentStream {
  ArrowArrayStream* stream;
  ~LentStream() {
    if (stream->release) stream->release(stream);
  }
};

[[noreturn]] void producer_failed(ArrowArrayStream* stream, const char* call, int code) {
  const char* reason = stream->get_last_error ? stream->get_last_error(stream) : nullptr;
  base::failed("[Dataset.from_arrow] the producer's ", call,
               " failed: ", base::printable(reason ? reason : std::strerror(code)));
}

std::vector<int64_t> readable_columns(const ArrowSchema& schema, const std::string& name,
                                      const RowSink& sink) {
  if (!schema.format || std::string(schema.format) != "+s")
    bad_row("expected a stream of record batches (Arrow struct '+s'), got '",
            schema.format ? schema.format : "", "'");
  std::vector<int64_t> columns;
  for (int64_t i = 0; i < schema.n_children; ++i) {
    const ArrowSchema& child = *schema.children[i];
    const std::string type = unread_type(child);
    if (type.empty())
      columns.push_back(i);
    else
      sink.note(name, base::concat("column '", base::printable(child.name ? child.name : ""),
                                   "' of Arrow type '", base::printable(type), "', which is not read"));
  }
  return columns;
}

Value read_row(const ArrowSchema& schema, const ArrowArray& batch, const std::vector<int64_t>& columns,
               int64_t index) {
  Value row = Value::object();
  for (const int64_t c : columns) {
    const std::string name = schema.children[c]->name ? schema.children[c]->name : "";
    Value value = cell(*schema.children[c], *batch.children[c], index + batch.offset, name);
    if (!value.is(Value::Kind::null)) row.add(name, std::move(value));
  }
  return row;
}

void read_batch(const ArrowSchema& schema, const ArrowArray& batch, const std::vector<int64_t>& columns,
                const std::string& name, const RowSink& sink, int64_t* number) {
  if (batch.n_children != schema.n_children)
    bad_row("an Arrow batch has ", batch.n_children, " columns, the schema ", schema.n_children);
  for (const int64_t c : columns) {
    check_layout(*schema.children[c], *batch.children[c],
                 schema.children[c]->name ? schema.children[c]->name : "");
    if (batch.children[c]->length < batch.length + batch.offset) bad_row("an Arrow batch has a short column");
  }
  for (int64_t i = 0; i < batch.length; ++i) {
    const std::string source = base::concat(name, ":", ++*number);
    try {
      sink.row(read_row(schema, batch, columns, i), source);
    } catch (const RowError& error) {
      sink.problem(source, error.what());
    }
  }
}

}  // namespace

void read_arrow(ArrowArrayStream* stream, const std::string& name, const LoadOptions&, const RowSink& sink) {
  if (!stream || !stream->release)
    bad_row("expected an Arrow stream, got one that is null or was consumed already");
  const LentStream owner{stream};
  Lent<ArrowSchema> schema;
  if (const int code = stream->get_schema(stream, &schema.value)) producer_failed(stream, "get_schema", code);
  const std::vector<int64_t> columns = readable_columns(schema.value, name, sink);
  int64_t number = 0;
  while (true) {
    Lent<ArrowArray> batch;
    if (const int code = stream->get_next(stream, &batch.value)) producer_failed(stream, "get_next", code);
    if (!batch.value.release) return;
    read_batch(schema.value, batch.value, columns, name, sink, &number);
  }
}

}  // namespace whorl::data

#pragma once
// One cell of an Arrow array as a Value.
#include <cstdint>
#include <string>

#include "data/arrow.h"
#include "data/value.h"

namespace whorl::data {

// Empty if `schema` and all below it can be read; otherwise the first type that cannot, for people.
std::string unread_type(const ArrowSchema& schema);
// Counts buffers and children before a cell is looked at; a RowError names the column.
void check_layout(const ArrowSchema& schema, const ArrowArray& array, const std::string& column);

// Cell `index` (array.offset not included). RowError for text that is not UTF-8.
Value cell(const ArrowSchema& schema, const ArrowArray& array, int64_t index, const std::string& column);

}  // namespace whorl::data

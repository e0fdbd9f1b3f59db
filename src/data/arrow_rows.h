#pragma once
// Arrow's C stream interface, read row by row into Values, so that the formats know nothing of Arrow.
#include <string>

#include "data/rows.h"

namespace whorl::data {

// Consumes and releases `stream`, also on error. Rows are named "arrow:1", "arrow:2", … Null fields of
// structs are removed: Arrow puts them there when rows differ. A RowError names a column whose type is not
// read.
void read_arrow(ArrowArrayStream* stream, const std::string& name, const LoadOptions& options,
                const RowSink& sink);

}  // namespace whorl::data

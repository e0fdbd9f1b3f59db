#include <whorl/pii.h>

#include "compute.h"
#include "fields.h"
#include "module.h"

namespace whorl::python {

template <>
Fields<FindPiiOptions> fields_of<FindPiiOptions>() {
  return {field("entities", &FindPiiOptions::entities,
                "which; empty = all of pii_entities(); Presidio's names will do"),
          field("score_threshold", &FindPiiOptions::score_threshold,
                "lower: forms without a checksum count even where no word nearby speaks of them")};
}

template <>
Fields<PiiEntity> fields_of<PiiEntity>() {
  return {field("entity", &PiiEntity::entity, "as it was asked for"),
          field("begin", &PiiEntity::begin, "first character of the text"),
          field("end", &PiiEntity::end, "one behind the last character"),
          field("score", &PiiEntity::score, "0..1"),
          field("validated", &PiiEntity::validated, "a checksum or a full parse says so")};
}

namespace {

// Python counts characters where C++ counts bytes.
void count_characters(std::string_view text, std::vector<PiiEntity>* found) {
  std::vector<std::pair<size_t, size_t*>> places;
  for (PiiEntity& one : *found) {
    places.emplace_back(one.begin, &one.begin);
    places.emplace_back(one.end, &one.end);
  }
  std::sort(places.begin(), places.end());
  size_t byte = 0, character = 0;
  for (const auto& [at, place] : places) {
    for (; byte < at; ++byte) character += (static_cast<unsigned char>(text[byte]) & 0xc0) != 0x80;
    *place = character;
  }
}

}  // namespace

void bind_pii(py::module_& m) {
  bind_options<FindPiiOptions>(m, "FindPiiOptions", "Which personal data is looked for.");
  bind_result<PiiEntity>(m, "PiiEntity", "Personal data found in a text.");
  OwnSignatures own;
  m.def("pii_entities", &pii_entities,
        "pii_entities() -> list[str]\n\nThe entities that find_pii knows: what has a form or a checksum.");
  const auto doc = call_doc<FindPiiOptions>(
      "find_pii(text: str", "list[PiiEntity]",
      "Personal data in a text, by its form and checksum, in the order of the text.\n\n"
      ">>> [e.entity for e in whorl.find_pii(\"mail jane@example.com\")]\n['EMAIL']");
  m.def(
      "find_pii",
      [](const std::string& text, const py::object& options, const py::kwargs& keywords) {
        const auto chosen = options_from<FindPiiOptions>("find_pii", options, keywords);
        return compute([&] {
          auto found = find_pii(text, chosen);
          count_characters(text, &found);
          return found;
        });
      },
      py::arg("text"), py::kw_only(), py::arg("options") = py::none(), doc.c_str());
}

}  // namespace whorl::python

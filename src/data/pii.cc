#include "data/pii.h"

#include <algorithm>

namespace whorl::data {

namespace {

using Scanner = void (*)(std::string_view, std::vector<PiiSpan>*);

Scanner scanner_of(Entity entity) {
  switch (entity) {
    case Entity::url:
      return find_urls;
    case Entity::email:
      return find_emails;
    case Entity::iban:
      return find_ibans;
    case Entity::credit_card:
      return find_credit_cards;
    case Entity::us_ssn:
      return find_us_ssns;
    case Entity::ip_address:
      return find_ip_addresses;
    case Entity::phone:
      return find_phones;
  }
  return nullptr;
}

}  // namespace

// In the order of the enumeration.
const std::vector<std::string>& entity_names() {
  static const std::vector<std::string> names = {"URL",    "EMAIL",      "IBAN", "CREDIT_CARD",
                                                 "US_SSN", "IP_ADDRESS", "PHONE"};
  return names;
}

const char* name_of(Entity entity) { return entity_names()[static_cast<size_t>(entity)].c_str(); }

std::vector<PiiSpan> find_pii(std::string_view text, const std::vector<Entity>& entities) {
  std::vector<PiiSpan> found;
  for (const Entity entity : entities) scanner_of(entity)(text, &found);
  std::sort(found.begin(), found.end(), [](const PiiSpan& a, const PiiSpan& b) {
    return a.begin != b.begin ? a.begin < b.begin : a.entity < b.entity;
  });
  std::vector<PiiSpan> out;
  size_t longest = 0;  // of the spans that became out.back()
  for (const PiiSpan& span : found) {
    const size_t length = span.end - span.begin;
    if (out.empty() || span.begin >= out.back().end) {
      out.push_back(span);
      longest = length;
      continue;
    }
    if (length > longest || (length == longest && span.entity < out.back().entity)) {
      out.back().entity = span.entity;
      longest = length;
    }
    out.back().end = std::max(out.back().end, span.end);
  }
  return out;
}

}  // namespace whorl::data

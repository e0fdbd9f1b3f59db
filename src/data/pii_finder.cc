#include <whorl/pii.h>

#include <algorithm>

#include "base/check.h"
#include "base/json.h"
#include "data/pii.h"
#include "data/pii_rules.h"
#include "data/pii_zones.h"

namespace whorl {

namespace data {

namespace {

constexpr size_t entities = static_cast<size_t>(Pii::count);
constexpr size_t context = 128;  // bytes before an entity that may speak of it
constexpr double raise = 0.35, at_least = 0.4;

struct Alias {
  const char* presidio;
  const char* ours;
};
constexpr Alias aliases[] = {{"EMAIL_ADDRESS", "EMAIL"},
                             {"PHONE_NUMBER", "PHONE"},
                             {"IBAN_CODE", "IBAN"},
                             {"DOMAIN_NAME", "URL"},
                             {"IT_VAT", "IT_VAT_CODE"}};

using Wanted = std::vector<std::string>;  // name by entity, "" = not asked for

// The scanners that Dataset.mask_pii has, with what their finds are worth.
void add_found(std::string_view zone, void (*scan)(std::string_view, std::vector<PiiSpan>*), Pii entity,
               double score, bool validated, PiiCandidates* out) {
  std::vector<PiiSpan> spans;
  scan(zone, &spans);
  for (const PiiSpan& span : spans) out->push_back({entity, span.begin, span.end, score, validated});
}

void scan_zone(std::string_view text, const PiiZone& z, const Wanted& wanted, PiiCandidates* out) {
  const std::string_view zone = text.substr(z.begin, z.end - z.begin);
  const auto asked = [&](Pii entity) { return !wanted[static_cast<size_t>(entity)].empty(); };
  if (z.at && asked(Pii::email)) add_found(zone, find_emails, Pii::email, 1.0, true, out);
  if (z.address && asked(Pii::url)) add_found(zone, find_urls, Pii::url, 0.8, false, out);
  if (asked(Pii::ip_address) && (z.colons || (z.dots && z.digits >= 4)))
    add_found(zone, find_ip_addresses, Pii::ip_address, 0.95, true, out);
  if (asked(Pii::mac_address) && zone.size() >= 17) find_mac_addresses(zone, out);
  if (z.digits >= 12 && asked(Pii::credit_card))
    add_found(zone, find_credit_cards, Pii::credit_card, 1.0, true, out);
  if (z.digits >= 2 && zone.size() >= 15 && asked(Pii::iban))
    add_found(zone, find_ibans, Pii::iban, 1.0, true, out);
  if (z.digits >= 9 && asked(Pii::us_ssn)) add_found(zone, find_us_ssns, Pii::us_ssn, 0.85, false, out);
  if (z.digits >= 7 && asked(Pii::phone)) {
    add_found(zone, find_phones, Pii::phone, 0.75, false, out);
    find_likely_phones(zone, out);
  }
  if (z.digits >= 8) find_number_ids(zone, out);
  if (z.digits >= 3) find_letter_ids(zone, out);
  if (zone.size() >= 14 && z.digits > 0 && asked(Pii::crypto)) find_crypto(zone, out);
}

double with_context(const PiiCandidate& found, std::string_view text) {
  if (found.score >= 1) return found.score;
  const size_t from = found.begin > context ? found.begin - context : 0;
  if (!spoken_of(found.entity, text.substr(from, found.begin - from))) return found.score;
  return std::min(1.0, std::max(found.score + raise, at_least));
}

bool inside(const PiiCandidate& a, const PiiCandidate& b) { return b.begin <= a.begin && a.end <= b.end; }
bool apart(const PiiCandidate& a, const PiiCandidate& b) { return a.end <= b.begin || b.end <= a.begin; }

// Of one entity the surer stays, then the longer, then the earlier; of two entities the surer one hides what
// lies inside it.
void drop_weaker(PiiCandidates* found) {
  std::stable_sort(found->begin(), found->end(), [](const PiiCandidate& a, const PiiCandidate& b) {
    if (a.score != b.score) return a.score > b.score;
    if (a.end - a.begin != b.end - b.begin) return a.end - a.begin > b.end - b.begin;
    return a.begin != b.begin ? a.begin < b.begin : a.entity < b.entity;
  });
  PiiCandidates kept;
  for (const PiiCandidate& one : *found) {
    const bool hidden = std::any_of(kept.begin(), kept.end(), [&](const PiiCandidate& other) {
      return one.entity == other.entity
                 ? !apart(one, other)
                 : inside(one, other) &&
                       (one.score < other.score || one.end - one.begin < other.end - other.begin);
    });
    if (!hidden) kept.push_back(one);
  }
  *found = std::move(kept);
}

void judge_zone(std::string_view text, const PiiZone& zone, const Wanted& wanted, double threshold,
                std::vector<PiiEntity>* out) {
  PiiCandidates found;
  scan_zone(text, zone, wanted, &found);
  if (found.empty()) return;
  for (PiiCandidate& one : found) {
    one.begin += zone.begin;
    one.end += zone.begin;
    one.score = with_context(one, text);
  }
  std::erase_if(found, [&](const PiiCandidate& one) {
    return one.score < threshold || wanted[static_cast<size_t>(one.entity)].empty();
  });
  drop_weaker(&found);
  for (const PiiCandidate& one : found)
    out->push_back({wanted[static_cast<size_t>(one.entity)], one.begin, one.end, one.score, one.validated});
}

Wanted wanted_of(const FindPiiOptions& options) {
  const std::vector<std::string>& known = pii_entities();
  Wanted out(entities);
  std::vector<std::string> names = known;
  for (const Alias& alias : aliases) names.push_back(alias.presidio);
  for (const std::string& name : options.entities.empty() ? known : options.entities) {
    std::string ours = name;
    for (const Alias& alias : aliases)
      if (name == alias.presidio) ours = alias.ours;
    const auto at = std::find(known.begin(), known.end(), ours);
    if (at == known.end())
      base::invalid("[find_pii] unknown entity \"", name, "\"", base::did_you_mean(name, names),
                    "; pii_entities() lists those that have a form");
    out[static_cast<size_t>(at - known.begin())] = name;
  }
  return out;
}

}  // namespace

}  // namespace data

const std::vector<std::string>& pii_entities() {
  static const std::vector<std::string> names = {"EMAIL",
                                                 "PHONE",
                                                 "CREDIT_CARD",
                                                 "IBAN",
                                                 "IP_ADDRESS",
                                                 "MAC_ADDRESS",
                                                 "URL",
                                                 "CRYPTO",
                                                 "US_SSN",
                                                 "US_ITIN",
                                                 "US_PASSPORT",
                                                 "US_BANK_NUMBER",
                                                 "ABA_ROUTING_NUMBER",
                                                 "US_DRIVER_LICENSE",
                                                 "UK_NHS",
                                                 "UK_NINO",
                                                 "AU_ABN",
                                                 "AU_ACN",
                                                 "AU_TFN",
                                                 "AU_MEDICARE",
                                                 "SG_NRIC_FIN",
                                                 "IN_PAN",
                                                 "IN_AADHAAR",
                                                 "ES_NIF",
                                                 "ES_NIE",
                                                 "IT_FISCAL_CODE",
                                                 "IT_VAT_CODE",
                                                 "PL_PESEL",
                                                 "FI_PERSONAL_IDENTITY_CODE",
                                                 "MEDICAL_LICENSE"};
  return names;
}

PiiFinder::PiiFinder(const FindPiiOptions& options)
    : names_(data::wanted_of(options)), threshold_(options.score_threshold) {
  if (!(threshold_ >= 0 && threshold_ <= 1))
    base::invalid("[find_pii] expected score_threshold to lie between 0 and 1, got ", threshold_);
}

size_t PiiFinder::advance(std::string_view text, size_t from, bool finished,
                          std::vector<PiiEntity>* out) const {
  std::vector<data::PiiZone> zones;
  const size_t next = data::find_zones(text, from, finished, &zones);
  const size_t first = out->size();
  for (const data::PiiZone& zone : zones) data::judge_zone(text, zone, names_, threshold_, out);
  const auto begin = out->begin() + static_cast<std::ptrdiff_t>(first);
  std::sort(begin, out->end(), [](const PiiEntity& a, const PiiEntity& b) {
    return a.begin != b.begin ? a.begin < b.begin : a.end != b.end ? a.end < b.end : a.entity < b.entity;
  });
  // Zones may overlap, and then both have seen the same.
  const auto same = [](const PiiEntity& a, const PiiEntity& b) {
    return a.begin == b.begin && a.end == b.end && a.entity == b.entity;
  };
  out->erase(std::unique(begin, out->end(), same), out->end());
  return next;
}

std::vector<PiiEntity> find_pii(std::string_view text, const FindPiiOptions& options) {
  std::vector<PiiEntity> out;
  PiiFinder(options).advance(text, 0, true, &out);
  return out;
}

}  // namespace whorl

#pragma once
// Personal data in text, found by the form it is written in and, where it has one, by its checksum. Names and
// places have no form; they are not looked for. Every scanner looks at a byte a bounded number of times, so
// no text can make them slow.
#include <whorl/types.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace whorl {

struct FindPiiOptions {
  // Empty = all of pii_entities(). Presidio's names (EMAIL_ADDRESS, PHONE_NUMBER, IBAN_CODE, …) are
  // understood too; results carry the name that was asked for.
  std::vector<std::string> entities = {};
  // Lower: forms without a checksum count even where no word nearby speaks of them. 0.3 adds national numbers
  // whose one check digit is right; below 0.2 nearly any run of digits is something.
  double score_threshold = 0.4;
};

struct PiiEntity {
  std::string entity = {};
  size_t begin = 0, end = 0;  // bytes of the text
  double score = 0;           // 0..1
  bool validated = false;     // a checksum or a full parse says so
  bool operator==(const PiiEntity&) const = default;
};

// EMAIL, PHONE, CREDIT_CARD, IBAN, IP_ADDRESS, MAC_ADDRESS, URL, CRYPTO, US_SSN, US_ITIN, US_PASSPORT,
// US_BANK_NUMBER, ABA_ROUTING_NUMBER, US_DRIVER_LICENSE, UK_NHS, UK_NINO, AU_ABN, AU_ACN, AU_TFN,
// AU_MEDICARE, SG_NRIC_FIN, IN_PAN, IN_AADHAAR, ES_NIF, ES_NIE, IT_FISCAL_CODE, IT_VAT_CODE, PL_PESEL,
// FI_PERSONAL_IDENTITY_CODE, MEDICAL_LICENSE.
WHORL_API const std::vector<std::string>& pii_entities();

// By begin, then end. Spans of one entity do not overlap; of two entities that overlap both stay, unless one
// lies inside the other and is less sure. Words before a span ("phone", "card", "IBAN") raise its score as
// Presidio's do. Throws std::invalid_argument for an unknown entity or a threshold outside 0..1. Text that is
// not UTF-8 is searched as it is. Any thread.
WHORL_API std::vector<PiiEntity> find_pii(std::string_view text, const FindPiiOptions& options = {});

// The same for text that grows at its end.
class WHORL_API PiiFinder {
 public:
  explicit PiiFinder(const FindPiiOptions& options = {});
  // Appends the entities that begin at or behind `from` and that no further text can change; returns what
  // `from` is next time: nothing that is found later begins before it. Begin with 0; pass the same text with
  // more at its end, of which the first bytes may be cut off as long as the 128 before `from` stay (and
  // `from` is counted anew). `finished`: nothing more will come. One call with `finished` is find_pii.
  size_t advance(std::string_view text, size_t from, bool finished, std::vector<PiiEntity>* out) const;

 private:
  std::vector<std::string> names_;  // by entity; "" = not wanted
  double threshold_;
};

}  // namespace whorl

#pragma once
// What find_pii looks for, and the scanners it adds to those of pii.h. They are given zones: stretches of
// text that may hold an entity and that none crosses.
#include <cstddef>
#include <string_view>
#include <vector>

namespace whorl::data {

// In the order of pii_entities().
enum class Pii : unsigned char {
  email,
  phone,
  credit_card,
  iban,
  ip_address,
  mac_address,
  url,
  crypto,
  us_ssn,
  us_itin,
  us_passport,
  us_bank_number,
  aba_routing_number,
  us_driver_license,
  uk_nhs,
  uk_nino,
  au_abn,
  au_acn,
  au_tfn,
  au_medicare,
  sg_nric_fin,
  in_pan,
  in_aadhaar,
  es_nif,
  es_nie,
  it_fiscal_code,
  it_vat_code,
  pl_pesel,
  fi_personal_identity_code,
  medical_license,
  count
};

struct PiiCandidate {
  Pii entity = Pii::email;
  size_t begin = 0, end = 0;
  double score = 0;
  bool validated = false;
};
using PiiCandidates = std::vector<PiiCandidate>;

// Numbers: digits, perhaps in groups, told apart by their count and check digits.
void find_number_ids(std::string_view zone, PiiCandidates* out);
// Codes of letters and digits without spaces, but for the British insurance number.
void find_letter_ids(std::string_view zone, PiiCandidates* out);
void find_crypto(std::string_view zone, PiiCandidates* out);
void find_mac_addresses(std::string_view zone, PiiCandidates* out);
// Groups of digits that could be a telephone number if somebody says so.
void find_likely_phones(std::string_view zone, PiiCandidates* out);

// One of the words that speak of `entity` stands among the last five words of `before`.
bool spoken_of(Pii entity, std::string_view before);

}  // namespace whorl::data

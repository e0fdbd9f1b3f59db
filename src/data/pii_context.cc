// Words that make a number mean something.
#include <algorithm>
#include <array>
#include <string>

#include "data/pii.h"
#include "data/pii_rules.h"

namespace whorl::data {

namespace {

constexpr size_t most_words = 5;

std::string_view words_of(Pii entity) {
  switch (entity) {
    case Pii::email:
      return "email,e-mail,mail,address";
    case Pii::phone:
      return "phone,call,number,tel,mobile,cell,fax,contact,reach,dial,text,sms,whatsapp,handy,ring,hotline";
    case Pii::credit_card:
      return "card,credit,debit,visa,master,amex,cc,payment";
    case Pii::iban:
      return "iban,bank,account,transfer,konto";
    case Pii::ip_address:
      return "ip,host,server,address,network";
    case Pii::mac_address:
      return "mac,hardware,device,address";
    case Pii::url:
      return "url,website,site,link,web";
    case Pii::crypto:
      return "wallet,bitcoin,btc,crypto,ethereum,eth";
    case Pii::us_ssn:
      return "ssn,social,security,ssns,ss#,ssid";
    case Pii::us_itin:
      return "itin,individual,taxpayer,tax,payer";
    case Pii::us_passport:
      return "passport,travel,document";
    case Pii::us_bank_number:
      return "account,bank,checking,savings,debit,acct";
    case Pii::aba_routing_number:
      return "aba,routing,bank,transit";
    case Pii::us_driver_license:
      return "driver,license,licence,permit,dl,dls,lic,driving,identification";
    case Pii::uk_nhs:
      return "nhs,national health,health";
    case Pii::uk_nino:
      return "insurance,nino,ni number,national";
    case Pii::au_abn:
      return "abn,business";
    case Pii::au_acn:
      return "acn,company";
    case Pii::au_tfn:
      return "tfn,tax,file";
    case Pii::au_medicare:
      return "medicare";
    case Pii::sg_nric_fin:
      return "nric,fin,identity,ic";
    case Pii::in_pan:
      return "pan,permanent,account";
    case Pii::in_aadhaar:
      return "aadhaar,aadhar,uidai,uid";
    case Pii::es_nif:
      return "nif,dni,documento,identificaci";
    case Pii::es_nie:
      return "nie,extranjero";
    case Pii::it_fiscal_code:
      return "fiscal,codice";
    case Pii::it_vat_code:
      return "piva,partita,iva,vat";
    case Pii::pl_pesel:
      return "pesel";
    case Pii::fi_personal_identity_code:
      return "hetu,henkil,personal";
    case Pii::medical_license:
      return "medical,certificate,dea,license";
    case Pii::count:
      break;
  }
  return "";
}

// A word of four letters and more may be part of a longer one ("telephone", "cards"); a shorter one stands
// alone or opens it.
bool says(std::string_view word, std::string_view list) {
  while (!list.empty()) {
    const size_t comma = std::min(list.find(','), list.size());
    const std::string_view known = list.substr(0, comma);
    const size_t at = word.find(known);
    if (at != std::string_view::npos && (known.size() >= 4 || word.size() == known.size())) return true;
    list.remove_prefix(std::min(comma + 1, list.size()));
  }
  return false;
}

}  // namespace

bool spoken_of(Pii entity, std::string_view before) {
  const std::string_view list = words_of(entity);
  std::array<char, 32> word{};
  size_t words = 0;
  for (size_t at = before.size(); at > 0 && words < most_words;) {
    const auto in_word = [&](char c) { return is_word(c) || c == '-' || c == '#'; };
    while (at > 0 && !in_word(before[at - 1])) --at;
    const size_t end = at;
    while (at > 0 && in_word(before[at - 1])) --at;
    if (end == at) break;
    ++words;
    const size_t size = std::min(end - at, word.size());
    for (size_t i = 0; i < size; ++i) {
      const char c = before[at + i];
      word[i] = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    }
    if (says({word.data(), size}, list)) return true;
  }
  return false;
}

}  // namespace whorl::data

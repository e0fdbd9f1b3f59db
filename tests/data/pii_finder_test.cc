// find_pii: each entity with its checksum, words nearby, text that grows, and published labels.
#include <whorl/pii.h>

#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "base/random.h"
#include "support.h"

namespace whorl {
namespace {

std::string found(const std::string& text, const std::string& entity, double threshold = 0.4) {
  std::string out;
  for (const PiiEntity& one : find_pii(text, {.entities = {entity}, .score_threshold = threshold}))
    out.append(out.empty() ? "" : "|").append(text, one.begin, one.end - one.begin);
  return out;
}

struct Case {
  const char* entity;
  const char* text;
  const char* expected;
};

// Published examples, and the same with one digit changed.
TEST(FindPii, EveryEntityByItsChecksum) {
  for (const Case& c : std::initializer_list<Case>{
           {"EMAIL", "mail jane@example.com.", "jane@example.com"},
           {"EMAIL_ADDRESS", "mail jane@example.com.", "jane@example.com"},
           {"CREDIT_CARD", "4012888888881881", "4012888888881881"},
           {"CREDIT_CARD", "4012888888881882", ""},
           {"CREDIT_CARD", "2223003122003222", "2223003122003222"},
           {"CREDIT_CARD", "5555.5555.5555.4444", "5555.5555.5555.4444"},
           {"IBAN_CODE", "pay to GB29 NWBK 6016 1331 9268 19 now", "GB29 NWBK 6016 1331 9268 19"},
           {"IBAN_CODE", "GB29 NWBK 6016 1331 9268 18", ""},
           {"IP_ADDRESS", "192.168.0.1 and 2001:db8::1", "192.168.0.1|2001:db8::1"},
           {"MAC_ADDRESS", "at 00:1A:2b:3C:4d:5E", "00:1A:2b:3C:4d:5E"},
           {"MAC_ADDRESS", "00:1A:2b:3C:4d:5E:6F", ""},
           {"URL", "see https://example.com/x.", "https://example.com/x"},
           {"CRYPTO", "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2", "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2"},
           {"CRYPTO", "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN3", ""},
           {"CRYPTO", "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq",
            "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq"},
           {"CRYPTO", "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdx", ""},
           {"US_SSN", "078-05-1120", "078-05-1120"},
           {"US_SSN", "666-05-1120", ""},
           {"US_SSN", "my ssn is 078051120", "078051120"},
           {"US_SSN", "order 078051120", ""},
           {"US_ITIN", "911-70-1234", "911-70-1234"},
           {"US_ITIN", "911-40-1234", ""},
           {"US_PASSPORT", "passport 912803456", "912803456"},
           {"US_BANK_NUMBER", "bank account 945456787654", "945456787654"},
           {"ABA_ROUTING_NUMBER", "routing number 121000358", "121000358"},
           {"ABA_ROUTING_NUMBER", "routing number 121000359", ""},
           {"US_DRIVER_LICENSE", "driver license H12234567", "H12234567"},
           {"UK_NHS", "nhs number 401-023-2137", "401-023-2137"},
           {"UK_NHS", "nhs number 401-023-2138", ""},
           {"UK_NINO", "it is AA 12 34 56 B there", "AA 12 34 56 B"},
           {"UK_NINO", "AA123456E", ""},
           {"AU_ABN", "ABN 51 824 753 556", "51 824 753 556"},
           {"AU_ABN", "ABN 52 824 753 556", ""},
           {"AU_ACN", "acn 000 000 019", "000 000 019"},
           {"AU_TFN", "tax file number 876 543 210", "876 543 210"},
           {"AU_MEDICARE", "medicare 2123 45670 1", "2123 45670 1"},
           {"SG_NRIC_FIN", "S2740116C", "S2740116C"},
           {"SG_NRIC_FIN", "S2740116D", ""},
           {"IN_PAN", "ABCPD1234Z", "ABCPD1234Z"},
           {"IN_AADHAAR", "aadhaar 3123 4567 8909", "3123 4567 8909"},
           {"IN_AADHAAR", "aadhaar 3123 4567 8908", ""},
           {"ES_NIF", "55555555K", "55555555K"},
           {"ES_NIF", "55555555L", ""},
           {"ES_NIE", "X9613851N", "X9613851N"},
           {"IT_FISCAL_CODE", "RSSMRA85T10A562S", "RSSMRA85T10A562S"},
           {"IT_FISCAL_CODE", "RSSMRA85T10A562T", ""},
           {"PL_PESEL", "pesel 44051401359", "44051401359"},
           {"PL_PESEL", "pesel 44051401358", ""},
           {"FI_PERSONAL_IDENTITY_CODE", "131052-308T", "131052-308T"},
           {"FI_PERSONAL_IDENTITY_CODE", "131052-308U", ""},
           {"MEDICAL_LICENSE", "BB1388568 is it", "BB1388568"},
           {"PHONE", "my phone number is 467 3395", "467 3395"},
           {"PHONE", "we sold 467 3395 of them", ""},
           {"PHONE", "\xe7\x94\xb5\xe8\xaf\x9d +86 138 0013 8000\xe3\x80\x82", "+86 138 0013 8000"},
       })
    EXPECT_EQ(found(c.text, c.entity), c.expected) << c.entity << ": " << c.text;
}

TEST(FindPii, WordsNearbyRaiseTheScore) {
  const auto score = [](const std::string& text) {
    const auto all = find_pii(text, {.entities = {"US_SSN"}, .score_threshold = 0});
    return all.empty() ? -1 : all[0].score;
  };
  EXPECT_DOUBLE_EQ(score("078051120"), 0.05);
  EXPECT_DOUBLE_EQ(score("social security 078051120"), 0.4);
  EXPECT_DOUBLE_EQ(score("social one two three four five 078051120"), 0.05) << "more than five words away";
}

TEST(FindPii, OptionsAreChecked) {
  EXPECT_REFUSED(find_pii("x", {.entities = {"EMIAL"}}), "did you mean 'EMAIL'?");
  EXPECT_REFUSED(find_pii("x", {.score_threshold = 2}), "between 0 and 1");
  EXPECT_EQ(find_pii("a@b.com", {.entities = {"EMAIL_ADDRESS"}})[0].entity, "EMAIL_ADDRESS");
}

std::vector<PiiEntity> in_pieces(const std::string& text, uint64_t key) {
  const PiiFinder finder;
  std::vector<PiiEntity> out;
  size_t from = 0;
  for (size_t end = 0; end < text.size();) {
    end = std::min(text.size(), end + 1 + base::below(key, end, 6));
    const size_t next = finder.advance(std::string_view(text).substr(0, end), from, false, &out);
    EXPECT_GE(next, from);
    from = next;
  }
  finder.advance(text, from, true, &out);
  return out;
}

TEST(FindPii, TextThatGrowsGivesTheSame) {
  const std::vector<std::string> parts = {
      "4111 ",  "1111 ",      "1111",    " ",       "a@b", ".com",    "+49 ",         "30 ",       "123456 ",
      "DE89 ",  "3704 0044 ", "0532 ",   "0130 00", ", ",  "the ",    "AB ",          "12 34 56 ", "C ",
      "(555) ", "201-0123",   "http://", "x.org/",  "\n",  "1.2.3.4", "\xe4\xb8\xad", "9",         "card "};
  for (uint64_t round = 0; round < 4000; ++round) {
    const uint64_t key = base::derive(5, round);
    std::string text;
    for (uint64_t i = 0; i < 2 + base::below(key, 0, 30); ++i)
      text += parts[base::below(key, i + 1, parts.size())];
    auto pieces = in_pieces(text, key), whole = find_pii(text);
    const auto by_place = [](const PiiEntity& a, const PiiEntity& b) {
      return std::tie(a.begin, a.end, a.entity) < std::tie(b.begin, b.end, b.entity);
    };
    std::sort(pieces.begin(), pieces.end(), by_place);
    pieces.erase(std::unique(pieces.begin(), pieces.end()), pieces.end());
    std::sort(whole.begin(), whole.end(), by_place);
    ASSERT_EQ(pieces.size(), whole.size()) << text;
    ASSERT_TRUE(pieces == whole) << text;
  }
}

TEST(FindPii, LinearTime) {
  for (const std::string unit :
       {"1",  "1 ",      "1-",   "a1",    "a1 ",   "@",    "a@", "a@a.",         ":",      "1:",  "+1",
        "(1", "http://", "www.", "4111 ", "DE89 ", "1.1.", "(",  "\xe4\xb8\xad", "AB 12 ", "x9-", "0x"}) {
    std::string text;
    while (text.size() < 200'000) text += unit;
    const std::clock_t start = std::clock();
    find_pii(text, {.score_threshold = 0});
    EXPECT_LT(static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC, 5.0) << unit;
  }
}

struct Counts {
  int right = 0, wrong = 0, missed = 0;
  double precision() const { return right + wrong ? right / static_cast<double>(right + wrong) : 1; }
  double recall() const { return right + missed ? right / static_cast<double>(right + missed) : 1; }
};

// Spans that overlap and name the same entity count as right.
std::map<std::string, Counts> score(const base::Json& rows, const std::map<std::string, std::string>& names) {
  std::map<std::string, Counts> out;
  FindPiiOptions options;
  for (const auto& [published, ours] : names) options.entities.push_back(ours);
  for (const auto& row : rows) {
    const std::string text = row["full_text"];
    std::vector<size_t> byte_of;  // per character
    for (size_t i = 0; i <= text.size(); ++i)
      if (i == text.size() || (static_cast<unsigned char>(text[i]) & 0xc0) != 0x80) byte_of.push_back(i);
    auto all = find_pii(text, options);
    for (const auto& span : row["spans"]) {
      const auto known = names.find(span["entity_type"]);
      if (known == names.end()) continue;
      const size_t begin = byte_of[span["start_position"].get<size_t>()],
                   end = byte_of[span["end_position"].get<size_t>()];
      const auto hit = std::find_if(all.begin(), all.end(), [&](const PiiEntity& one) {
        return one.entity == known->second && one.begin < end && begin < one.end;
      });
      Counts& counts = out[known->second];
      if (hit == all.end()) {
        ++counts.missed;
        if (std::getenv("WHORL_SHOW_MISSES"))
          std::printf("missed %s: %s\n", known->second.c_str(), text.c_str());
      } else {
        ++counts.right;
        all.erase(hit);
      }
    }
    for (const PiiEntity& one : all) {
      ++out[one.entity].wrong;
      if (std::getenv("WHORL_SHOW_MISSES"))
        std::printf("wrong %s [%s]: %s\n", one.entity.c_str(),
                    text.substr(one.begin, one.end - one.begin).c_str(), text.c_str());
    }
  }
  return out;
}

TEST(FindPii, PublishedLabels) {
  const char* set = std::getenv("WHORL_SHARED_DATA");
  const std::filesystem::path folder = set ? set : WHORL_SOURCE_DIR "/../shared/data";
  const auto path = folder / "guard/presidio_synth_v2.json";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "presidio_synth_v2.json is not here";
  const std::map<std::string, std::string> names = {
      {"EMAIL_ADDRESS", "EMAIL"},     {"PHONE_NUMBER", "PHONE"},
      {"CREDIT_CARD", "CREDIT_CARD"}, {"IBAN_CODE", "IBAN"},
      {"IP_ADDRESS", "IP_ADDRESS"},   {"US_SSN", "US_SSN"},
      {"DOMAIN_NAME", "URL"},         {"US_DRIVER_LICENSE", "US_DRIVER_LICENSE"}};
  const auto counts = score(base::read_json(path.string(), "test"), names);
  for (const auto& [entity, c] : counts)
    std::printf("%-20s precision %.3f recall %.3f (%d right, %d wrong, %d missed)\n", entity.c_str(),
                c.precision(), c.recall(), c.right, c.wrong, c.missed);
  for (const char* entity : {"EMAIL", "IBAN", "IP_ADDRESS", "US_SSN", "URL"}) {
    EXPECT_GE(counts.at(entity).precision(), 0.95) << entity;
    EXPECT_GE(counts.at(entity).recall(), 0.95) << entity;
  }
  EXPECT_GE(counts.at("CREDIT_CARD").precision(), 0.98);
  EXPECT_GE(counts.at("CREDIT_CARD").recall(), 0.9);
}

}  // namespace
}  // namespace whorl

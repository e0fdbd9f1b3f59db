// Recognisers: what each finds and what it leaves alone. Numbers are published test numbers or reserved ones.
#include "data/pii.h"

#include <ctime>

#include "base/random.h"
#include "support.h"

namespace whorl::data {
namespace {

std::string found(Entity entity, const std::string& text) {
  std::string out;
  for (const PiiSpan& span : find_pii(text, {entity}))
    out.append(out.empty() ? "" : "|").append(text, span.begin, span.end - span.begin);
  return out;
}

struct Case {
  const char* text;
  const char* expected;
};

void check(Entity entity, std::initializer_list<Case> cases) {
  for (const Case& c : cases) EXPECT_EQ(found(entity, c.text), c.expected) << c.text;
}

TEST(Pii, Email) {
  check(Entity::email, {{"mail a.b+c@example.com now", "a.b+c@example.com"},
                        {"<jane_doe@mail.example.co.uk>.", "jane_doe@mail.example.co.uk"},
                        {"a@b.de, c@d.org", "a@b.de|c@d.org"},
                        {"mailto:x@example.com?subject=hi", "x@example.com"},
                        {"Ä: jörg@example.com", "rg@example.com"},
                        {"x@example.xn--p1ai", "x@example.xn--p1ai"},
                        {"a@b", ""},
                        {"@example.com", ""},
                        {"a@.com", ""},
                        {"a@b.c", ""},
                        {"a@-b.com", ""},
                        {"a..b@c.com", ""},
                        {"user@123.456", ""},
                        {"price @ 3.50", ""},
                        {"@decorator.name", ""},
                        {"a.@b.com", ""}});
}

TEST(Pii, Url) {
  check(Entity::url, {{"see https://example.com/a?b=c#d.", "https://example.com/a?b=c#d"},
                      {"(http://example.com/x_(y))", "http://example.com/x_(y)"},
                      {"WWW.Example.com, ftp://h/f", "WWW.Example.com|ftp://h/f"},
                      {"[link](https://e.org/p)", "https://e.org/p"},
                      {"http://[::1]:80/x", "http://[::1]:80/x"},
                      {"https://", ""},
                      {"http:// x", ""},
                      {"www.hello", ""},
                      {"xhttp://a.b", ""},
                      {"awww.so.cute", ""}});
}

TEST(Pii, IpAddress) {
  check(Entity::ip_address,
        {{"host 192.168.0.1.", "192.168.0.1"},
         {"10.0.0.1:8080", "10.0.0.1"},
         {"(8.8.8.8)", "8.8.8.8"},
         {"2001:db8::8a2e:370:7334", "2001:db8::8a2e:370:7334"},
         {"2001:0db8:85a3:0000:0000:8a2e:0370:7334 x", "2001:0db8:85a3:0000:0000:8a2e:0370:7334"},
         {"::ffff:192.0.2.1", "::ffff:192.0.2.1"},
         {"fe80::1, ::1", "fe80::1|::1"},
         {"256.1.1.1", ""},
         {"1.2.3", ""},
         {"1.2.3.4.5", ""},
         {"01.2.3.4", ""},
         {"v1.2.3.4", ""},
         {"a::b", ""},
         {"std::vector", ""},
         {"12:30:45", ""},
         {"00:1A:2B:3C:4D:5E", ""},
         {"::", ""},
         {"1:2:3:4:5:6:7:8:9", ""},
         {"1::2::3", ""},
         {"12345::1", ""}});
}

TEST(Pii, CreditCard) {
  check(Entity::credit_card, {{"4111 1111 1111 1111", "4111 1111 1111 1111"},
                              {"card 4111-1111-1111-1111!", "4111-1111-1111-1111"},
                              {"5555555555554444", "5555555555554444"},
                              {"2223003122003222", "2223003122003222"},
                              {"378282246310005", "378282246310005"},
                              {"6011111111111117 and 3530111333300000", "6011111111111117|3530111333300000"},
                              {"30569309025904", "30569309025904"},
                              {"4111.1111.1111.1111", "4111.1111.1111.1111"},
                              {"4111 1111 1111 1111 12/27", "4111 1111 1111 1111"},
                              {"6304000000000000", "6304000000000000"},
                              {"4111 1111 1111 1112", ""},
                              {"0000 0000 0000 0000", ""},
                              {"1234567812345670", ""},
                              {"x4111111111111111", ""},
                              {"41111111111111111111", ""},
                              {"4111-1111 1111-1111", ""},
                              {"4111  1111 1111 1111", ""}});
}

TEST(Pii, Iban) {
  check(Entity::iban, {{"GB82 WEST 1234 5698 7654 32", "GB82 WEST 1234 5698 7654 32"},
                       {"DE89370400440532013000.", "DE89370400440532013000"},
                       {"to FR14 2004 1010 0505 0001 3M02 606 please", "FR14 2004 1010 0505 0001 3M02 606"},
                       {"nl91abna0417164300", "nl91abna0417164300"},
                       {"NO93-8601-1117-947", "NO93-8601-1117-947"},
                       {"GB82 WEST 1234 5698 7654 33", ""},
                       {"XX82 WEST 1234 5698 7654 32", ""},
                       {"DE8937040044053201300", ""},
                       {"DE893704004405320130001", ""},
                       {"xDE89370400440532013000", ""}});
}

TEST(Pii, UsSsn) {
  check(Entity::us_ssn, {{"SSN 123-45-6789.", "123-45-6789"},
                         {"123 45 6789", "123 45 6789"},
                         {"a 078-05-1120, b", "078-05-1120"},
                         {"000-12-3456", ""},
                         {"666-12-3456", ""},
                         {"900-12-3456", ""},
                         {"123-00-4567", ""},
                         {"123-45-0000", ""},
                         {"123-45-67890", ""},
                         {"1123-45-6789", ""},
                         {"123-45 6789", ""},
                         {"123456789", ""},
                         {"12-123-45-6789", ""}});
}

TEST(Pii, Phone) {
  check(Entity::phone, {{"call +1 (555) 010-9999 today", "+1 (555) 010-9999"},
                        {"+49 30 1234567", "+49 30 1234567"},
                        {"+4915112345678", "+4915112345678"},
                        {"(555) 201-0123", "(555) 201-0123"},
                        {"555-201-0123", "555-201-0123"},
                        {"555.201.0123,", "555.201.0123"},
                        {"1-800-555-0199", "1-800-555-0199"},
                        {"020 7946 0958", "020 7946 0958"},
                        {"030/1234567", "030/1234567"},
                        {"0044 20 7946 0958", "0044 20 7946 0958"},
                        {"phone: 5552010123", "5552010123"},
                        {"tel 03012345678", "03012345678"},
                        {"555-201-0123 2024", "555-201-0123"},
                        {"+1-555-201-0123 or 555-201-0124", "+1-555-201-0123|555-201-0124"},
                        {"01.84.17.61.18", "01.84.17.61.18"},
                        {"259.735.7502x459 ", "259.735.7502x459"},
                        {"555-201-0123xyz", ""},
                        {"2023-01-15", ""},
                        {"01-02-2024", ""},
                        {"01.02.2024", ""},
                        {"12:30:45", ""},
                        {"5552010123", ""},
                        {"3.14159265358979", ""},
                        {"order 1234567", ""},
                        {"1,000,000,000", ""},
                        {"12 345 678", ""},
                        {"192.168.100.200", ""},
                        {"+1", ""},
                        {"$555-201", ""},
                        {"ISBN 978-3-16-148410-0", ""},
                        {"0.123 456 789", ""},
                        {"100 200 300 400", ""},
                        {"1990-1995 2000", ""}});
}

TEST(Pii, OverlapsBecomeOneSpan) {
  const std::string text = "go to https://x.org/?m=a@b.com&ip=10.0.0.1 or a@b.com";
  std::vector<Entity> all;
  for (int i = 0; i < 7; ++i) all.push_back(static_cast<Entity>(i));
  const auto spans = find_pii(text, all);
  ASSERT_EQ(spans.size(), 2u);
  EXPECT_EQ(spans[0].entity, Entity::url);
  EXPECT_EQ(spans[1].entity, Entity::email);
}

TEST(Pii, AnyTextIsScannedInLinearTime) {
  std::vector<Entity> all;
  for (int i = 0; i < 7; ++i) all.push_back(static_cast<Entity>(i));
  for (const std::string unit : {"1", "1 ", "a", "a.", "@", "a@", "a@a.", ":", "1:", "+1", "(1", "http://",
                                 "www.", "4111 ", "DE89", "DE89 ", "1.1.", "(", "\xe4\xb8\xad"}) {
    std::string text;
    while (text.size() < 300'000) text += unit;
    const std::clock_t start = std::clock();  // a quadratic scanner would take minutes
    find_pii(text, all);
    EXPECT_LT(static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC, 5.0) << unit;
  }
}

TEST(Pii, RandomTextGivesSoundSpans) {
  static const std::string alphabet = "0123456789 -.+()@:/abcDEwhttp";
  std::vector<Entity> all;
  for (int i = 0; i < 7; ++i) all.push_back(static_cast<Entity>(i));
  for (uint64_t round = 0; round < 20'000; ++round) {
    std::string text;
    const uint64_t key = base::derive(11, round);
    for (uint64_t i = 0; i < 40; ++i) text += alphabet[base::below(key, i, alphabet.size())];
    size_t last = 0;
    for (const PiiSpan& span : find_pii(text, all)) {
      ASSERT_LE(last, span.begin);
      ASSERT_LT(span.begin, span.end);
      ASSERT_LE(span.end, text.size());
      last = span.end;
    }
  }
}

}  // namespace
}  // namespace whorl::data

namespace whorl {
namespace {

Row ticket() {
  return {.messages = {{.role = "user", .content = "I am a@b.com, call 555-201-0123 or a@b.com"},
                       {.role = "assistant",
                        .tool_calls = {{"f", R"({"mail":"x@y.org","n":1.0})"}, {"g", R"({"k":  1})"}},
                        .reasoning_content = "ip 10.0.0.1"}},
          .extra = R"({"agent": "z@y.org"})"};
}

TEST(MaskPii, MasksEveryPartOfARow) {
  const Dataset data =
      Dataset::from_rows({ticket(), {.messages = {{.role = "assistant", .content = "clean"}}}});
  const Dataset clean = data.mask_pii();
  EXPECT_EQ(clean[0].messages[0].content, "I am <EMAIL>, call <PHONE> or <EMAIL>");
  EXPECT_EQ(clean[0].messages[1].reasoning_content, "ip <IP_ADDRESS>");
  EXPECT_EQ(clean[0].messages[1].tool_calls[0].arguments, R"({"mail": "<EMAIL>", "n": 1.0})");
  EXPECT_EQ(clean[0].messages[1].tool_calls[1].arguments, R"({"k":  1})");
  EXPECT_EQ(clean[0].extra, R"({"agent": "<EMAIL>"})");
  EXPECT_EQ(clean.changes().size(), 1u);
  EXPECT_EQ(clean.changes()[0].reason, "masked EMAIL x4, IP_ADDRESS x1, PHONE x1");
  EXPECT_EQ(&clean[1], &data[1]);
  EXPECT_EQ(data[0].messages[0].content, ticket().messages[0].content) << "the old dataset is untouched";
  EXPECT_EQ(clean.mask_pii().digest(), clean.digest());
}

TEST(MaskPii, DropsReportsAndChecksOptions) {
  const Dataset data = Dataset::from_rows({ticket(), {.prompt = "", .completion = "see https://x.org"}});
  EXPECT_EQ(data.mask_pii({.mode = "drop"}).size(), 0);
  EXPECT_EQ(data.mask_pii({.entities = {"URL"}, .mode = "drop"}).size(), 1);
  const Dataset report = data.mask_pii({.mode = "report"});
  EXPECT_EQ(report.digest(), data.digest());
  EXPECT_EQ(report.changes()[1].action, "found");
  EXPECT_EQ(report.changes()[1].reason, "holds URL x1");
  EXPECT_REFUSED(data.mask_pii({.entities = {"EMIAL"}}), "did you mean 'EMAIL'?");
  EXPECT_REFUSED(data.mask_pii({.mode = "hide"}), "expected mode to be");
}

}  // namespace
}  // namespace whorl

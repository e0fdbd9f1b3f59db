// Porter's stemmer (Porter 1980, "An algorithm for suffix stripping") as NLTK extends it: a table of
// irregular forms, ies/ied of four letters, y to i only after a consonant that does not open the word, -alli
// first, -bli, -fulli and -logi, and *o for a vowel and consonant alone.
#include <algorithm>
#include <array>
#include <initializer_list>
#include <utility>

#include "base/unicode.h"
#include "whorl/metrics.h"

namespace whorl {
namespace {

using View = std::string_view;

constexpr std::pair<View, View> kIrregular[] = {
    {"sky", "sky"},        {"skies", "sky"},       {"dying", "die"},        {"lying", "lie"},
    {"tying", "tie"},      {"news", "news"},       {"innings", "inning"},   {"inning", "inning"},
    {"outings", "outing"}, {"outing", "outing"},   {"cannings", "canning"}, {"canning", "canning"},
    {"howe", "howe"},      {"proceed", "proceed"}, {"exceed", "exceed"},    {"succeed", "succeed"}};

bool is_vowel_letter(char c) { return c == 'a' || c == 'e' || c == 'i' || c == 'o' || c == 'u'; }

// A y is a consonant where what stands before it is none.
bool is_consonant(View word, size_t at) {
  if (is_vowel_letter(word[at])) return false;
  size_t run = 0;
  while (at > 0 && word[at] == 'y') --at, ++run;
  const bool start = !is_vowel_letter(word[at]);
  return run % 2 == 0 ? start : !start;
}

// How often a consonant follows a vowel.
int measure(View stem) {
  int found = 0;
  bool before = true;  // the letter before was a consonant
  for (size_t i = 0; i < stem.size(); ++i) {
    const bool now = is_vowel_letter(stem[i]) ? false : stem[i] == 'y' ? i == 0 || !before : true;
    if (i > 0 && now && !before) ++found;
    before = now;
  }
  return found;
}

bool has_vowel(View stem) {
  bool before = false;
  for (size_t i = 0; i < stem.size(); ++i) {
    const bool consonant = is_vowel_letter(stem[i]) ? false : stem[i] == 'y' ? i == 0 || !before : true;
    if (!consonant) return true;
    before = consonant;
  }
  return false;
}

bool ends_in_double_consonant(View word) {
  return word.size() >= 2 && word.back() == word[word.size() - 2] &&
         static_cast<unsigned char>(word.back()) < 0x80 && is_consonant(word, word.size() - 1);
}

bool ends_consonant_vowel_consonant(View word) {
  const size_t n = word.size();
  if (n == 2) return !is_consonant(word, 0) && is_consonant(word, 1);
  return n >= 3 && is_consonant(word, n - 3) && !is_consonant(word, n - 2) && is_consonant(word, n - 1) &&
         word.back() != 'w' && word.back() != 'x' && word.back() != 'y';
}

// The stem before a suffix. Only the first suffix that fits is asked; `more_than` is Porter's m > 0 or m > 1.
struct Suffix {
  View from, to;
};

void replace_first(std::string& word, std::initializer_list<Suffix> suffixes, int more_than) {
  for (const auto& [from, to] : suffixes) {
    if (!View(word).ends_with(from)) continue;
    // -logi keeps its l in what is measured.
    const size_t measured = word.size() - from.size() + (from == "logi" ? 1 : 0);
    if (measure(View(word).substr(0, measured)) <= more_than) return;
    if (from == "ion" && !(word.size() > 3 && (word[word.size() - 4] == 's' || word[word.size() - 4] == 't')))
      return;
    word.resize(word.size() - from.size());
    word += to;
    return;
  }
}

void cut(std::string& word, size_t letters) { word.resize(word.size() - letters); }

void step_1a(std::string& word) {
  const View v = word;
  if (v.ends_with("ies")) {
    cut(word, v.size() == 4 ? 1 : 2);
  } else if (v.ends_with("sses")) {
    cut(word, 2);
  } else if (v.ends_with("s") && !v.ends_with("ss")) {
    cut(word, 1);
  }
}

// After -ed or -ing is gone.
void mend(std::string& word) {
  const View v = word;
  if (v.ends_with("at") || v.ends_with("bl") || v.ends_with("iz")) {
    word += 'e';
  } else if (ends_in_double_consonant(v)) {
    if (v.back() != 'l' && v.back() != 's' && v.back() != 'z') cut(word, 1);
  } else if (measure(v) == 1 && ends_consonant_vowel_consonant(v)) {
    word += 'e';
  }
}

void step_1b(std::string& word) {
  const View v = word;
  if (v.ends_with("ied")) {
    cut(word, v.size() == 4 ? 1 : 2);
    return;
  }
  if (v.ends_with("eed")) {
    if (measure(v.substr(0, v.size() - 3)) > 0) cut(word, 1);
    return;
  }
  for (const View suffix : {View("ed"), View("ing")}) {
    if (!v.ends_with(suffix) || !has_vowel(v.substr(0, v.size() - suffix.size()))) continue;
    cut(word, suffix.size());
    mend(word);
    return;
  }
}

void step_1c(std::string& word) {
  if (word.size() > 2 && word.back() == 'y' && is_consonant(word, word.size() - 2)) word.back() = 'i';
}

void step_2(std::string& word) {
  while (View(word).ends_with("alli") && measure(View(word).substr(0, word.size() - 4)) > 0) cut(word, 2);
  replace_first(
      word, {{"ational", "ate"}, {"tional", "tion"}, {"enci", "ence"}, {"anci", "ance"}, {"izer", "ize"},
             {"bli", "ble"},     {"alli", "al"},     {"entli", "ent"}, {"eli", "e"},     {"ousli", "ous"},
             {"ization", "ize"}, {"ation", "ate"},   {"ator", "ate"},  {"alism", "al"},  {"iveness", "ive"},
             {"fulness", "ful"}, {"ousness", "ous"}, {"aliti", "al"},  {"iviti", "ive"}, {"biliti", "ble"},
             {"fulli", "ful"},   {"logi", "log"}},
      0);
}

void step_3(std::string& word) {
  replace_first(word,
                {{"icate", "ic"},
                 {"ative", ""},
                 {"alize", "al"},
                 {"iciti", "ic"},
                 {"ical", "ic"},
                 {"ful", ""},
                 {"ness", ""}},
                0);
}

void step_4(std::string& word) {
  replace_first(word,
                {{"al", ""},
                 {"ance", ""},
                 {"ence", ""},
                 {"er", ""},
                 {"ic", ""},
                 {"able", ""},
                 {"ible", ""},
                 {"ant", ""},
                 {"ement", ""},
                 {"ment", ""},
                 {"ent", ""},
                 {"ion", ""},
                 {"ou", ""},
                 {"ism", ""},
                 {"ate", ""},
                 {"iti", ""},
                 {"ous", ""},
                 {"ive", ""},
                 {"ize", ""}},
                1);
}

void step_5(std::string& word) {
  if (View(word).ends_with("e")) {
    const View stem = View(word).substr(0, word.size() - 1);
    const int m = measure(stem);
    if (m > 1 || (m == 1 && !ends_consonant_vowel_consonant(stem))) cut(word, 1);
  }
  if (View(word).ends_with("ll") && measure(View(word).substr(0, word.size() - 1)) > 1) cut(word, 1);
}

}  // namespace

std::string porter_stem(std::string_view given) {
  std::string word = base::lower(given);
  for (const auto& [form, stem] : kIrregular)
    if (word == form) return std::string(stem);
  // Characters of the word, not bytes; beyond ASCII they are consonants all the same.
  const auto continuations = std::count_if(
      given.begin(), given.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; });
  if (std::ssize(given) - continuations <= 2) return word;
  step_1a(word);
  step_1b(word);
  step_1c(word);
  step_2(word);
  step_3(word);
  step_4(word);
  step_5(word);
  return word;
}

}  // namespace whorl

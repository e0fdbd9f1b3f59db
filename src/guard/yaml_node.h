#pragma once
// A value in a YAML document that knows its place, so that every complaint about it can name file and line.
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "base/yaml.h"

namespace whorl::guard {

inline constexpr const char* kLoad = "Guardrail.load";

class Node {
 public:
  explicit Node(const base::Yaml& yaml);  // the root; the document must outlive the node

  std::string where() const { return yaml_->where(pointer_); }
  template <class... Parts>
  [[noreturn]] void fail(const Parts&... parts) const {
    base::invalid("[", kLoad, "] ", where(), ": ", parts...);
  }

  bool is_null() const;
  bool is_list() const;
  bool is_object() const;
  // The value of a key; empty when it is missing or null.
  std::optional<Node> at(std::string_view key) const;
  Node require(std::string_view key) const;
  std::vector<Node> items() const;    // of a list, which it must be
  std::vector<Node> entries() const;  // of an object, which it must be; name() is the key
  const std::string& name() const { return name_; }

  // Refuses every other key, naming the nearest; a key of `refused` is refused in its own words.
  struct Refusal {
    std::string_view key;
    const char* why;
  };
  void only(std::initializer_list<std::string_view> known, std::initializer_list<Refusal> refused = {}) const;

  std::string text() const;
  bool boolean() const;
  int64_t integer(int64_t least, int64_t most) const;
  double number(double least) const;
  std::vector<std::string> texts() const;  // a list of strings
  std::string choice(const std::vector<std::string>& choices) const;

  // A field, if it is there.
  void read(std::string_view key, std::string& into) const;
  void read(std::string_view key, bool& into) const;
  void append(std::string_view key, std::vector<std::string>& into) const;

 private:
  Node(const base::Yaml& yaml, const base::Json& value, std::string pointer, std::string name);
  [[noreturn]] void wrong(const char* expected) const;
  std::string called() const;  // "'flows'", or "this value"

  const base::Yaml* yaml_;
  const base::Json* value_;
  std::string pointer_, name_;
};

}  // namespace whorl::guard

#pragma once
// An object of the pipeline's JSON, read field by field: every error names file, line, step and field.
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/json.h"
#include "pipeline/spec.h"

namespace whorl::pipeline {

class JsonReader {
 public:
  // `label` says which thing it is in messages: "step 'train'", "" at the top. Throws unless `json` is an
  // object.
  JsonReader(const base::Json& json, const Places& places, std::string pointer, std::string label);

  void only(const std::vector<std::string>& known) const;  // else "did you mean"
  const base::Json* find(const char* key) const;           // null for a missing field and for null

  std::string text(const char* key, const std::string& fallback = {}) const;
  std::string required_text(const char* key) const;
  int64_t integer(const char* key, int64_t fallback, int64_t least) const;
  double number(const char* key, double fallback, double least) const;
  bool boolean(const char* key, bool fallback) const;
  uint64_t bytes(const char* key) const;                  // 0; a number, or "512Mi", "2Gi", "1.5G"
  std::vector<std::string> texts(const char* key) const;  // a list of strings, or one string
  std::map<std::string, std::string> text_map(const char* key) const;
  Value value(const char* key) const;  // null if missing
  Object object(const char* key) const;

  // Members of an object, or entries of a list, each as a reader of its own.
  void each_member(const char* key, const std::function<void(const std::string&, const base::Json&,
                                                             const std::string& pointer)>& use) const;
  void each_entry(const char* key,
                  const std::function<void(const base::Json&, const std::string& pointer)>& use) const;
  JsonReader nested(const char* key) const;  // of a field that is there

  [[noreturn]] void fail(const char* key, const std::string& what) const;  // "…: field 'key': what"
  [[noreturn]] void expected(const char* key, const char* wanted, const base::Json& got) const;
  std::string context(const char* key) const;
  const std::string& pointer() const { return pointer_; }
  const std::string& label() const { return label_; }

 private:
  const base::Json& json_;
  const Places& places_;
  std::string pointer_, label_;
};

}  // namespace whorl::pipeline

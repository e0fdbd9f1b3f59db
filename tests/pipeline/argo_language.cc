#include "pipeline/argo_language.h"

#include <algorithm>
#include <cctype>

namespace whorl::pipeline::testing {
namespace {

class Parser {
 public:
  Parser(const std::string& text, const Json& scope) : text_(text), scope_(scope) {}

  Json all() {
    Json value = either();
    if (peek() != 0) fail("more text");
    return value;
  }

 private:
  [[noreturn]] void fail(const std::string& what) {
    throw std::runtime_error(what + " at " + std::to_string(at_) + " of " + text_);
  }
  char peek() {
    while (at_ < text_.size() && text_[at_] == ' ') ++at_;
    return at_ < text_.size() ? text_[at_] : 0;
  }
  bool take(const std::string& token) {
    peek();
    if (text_.compare(at_, token.size(), token) != 0) return false;
    at_ += token.size();
    return true;
  }
  void expect(const std::string& token) {
    if (!take(token)) fail("expected " + token);
  }

  // Both sides are read either way, so that what a real parser would refuse is refused here too.
  Json either() {
    Json value = both();
    while (take("||")) {
      const bool left = value.get<bool>();
      skip_ = skip_ + left;
      const Json right = both();
      skip_ = skip_ - left;
      value = left || right.get<bool>();
    }
    return value;
  }
  Json both() {
    Json value = compared();
    while (take("&&")) {
      const bool left = value.get<bool>();
      skip_ = skip_ + !left;
      const Json right = compared();
      skip_ = skip_ - !left;
      value = left && right.get<bool>();
    }
    return value;
  }
  Json compared() {
    const Json left = joined();
    for (const char* op : {"==", "!=", "<=", ">=", "<", ">"})
      if (take(op)) return order(left, op, joined());
    if (take("in ")) {
      const Json right = joined();
      if (skip_ > 0) return true;
      if (!right.is_array()) fail("'in' without a list");
      return std::any_of(right.begin(), right.end(), [&](const Json& entry) { return entry == left; });
    }
    return left;
  }
  Json order(const Json& left, const std::string& op, const Json& right) {
    if (skip_ > 0) return true;
    if (op == "==") return left == right;
    if (op == "!=") return left != right;
    const bool kinds = (left.is_number() && right.is_number()) || (left.is_string() && right.is_string());
    if (!kinds) fail("no order");
    return op == "<" ? left < right : op == "<=" ? left <= right : op == ">" ? left > right : left >= right;
  }
  Json joined() {
    Json value = member();
    while (take("+")) {
      const Json right = member();
      if (skip_ == 0) value = value.get<std::string>() + right.get<std::string>();
    }
    return value;
  }
  Json member() {
    Json value = primary();
    for (;;) {
      std::string key;
      if (take(".")) {
        key = word();
      } else if (take("[")) {
        key = either().get<std::string>();
        expect("]");
      } else {
        return value;
      }
      if (skip_ > 0) continue;
      if (!value.is_object() || !value.contains(key)) fail("no member " + key);
      value = Json(value[key]);
    }
  }
  std::string word() {
    peek();
    std::string made;
    while (at_ < text_.size() && (std::isalnum(static_cast<unsigned char>(text_[at_])) || text_[at_] == '_'))
      made += text_[at_++];
    if (made.empty()) fail("expected a name");
    return made;
  }
  Json primary() {
    const char c = peek();
    if (c == '\'') return string();
    if (take("(")) {
      Json value = either();
      expect(")");
      return value;
    }
    if (take("[")) {
      Json made = Json::array();
      while (!take("]")) {
        made.push_back(either());
        take(",");
      }
      return made;
    }
    if (c == '-' || std::isdigit(static_cast<unsigned char>(c))) return number();
    const std::string name = word();
    if (name == "true" || name == "false") return name == "true";
    if (name == "null") return nullptr;
    if (take("(")) return call(name);
    if (skip_ > 0) return Json();
    if (!scope_.contains(name)) fail("no name " + name);
    return scope_[name];
  }
  Json string() {
    std::string quoted = "\"";
    for (++at_; text_.at(at_) != '\''; ++at_) {
      if (text_[at_] == '"') quoted += '\\';
      quoted += text_[at_];
      if (text_[at_] == '\\') quoted += text_.at(++at_);
    }
    ++at_;
    return Json::parse(quoted + "\"");
  }
  Json number() {
    const size_t begin = at_;
    while (at_ < text_.size() && std::string("+-.eE0123456789").find(text_[at_]) != std::string::npos) ++at_;
    return Json::parse(text_.substr(begin, at_ - begin));
  }
  Json call(const std::string& name) {
    std::vector<Json> arguments;
    while (!take(")")) {
      arguments.push_back(either());
      take(",");
    }
    if (skip_ > 0) return Json();
    const auto text = [&](size_t i) { return arguments.at(i).get<std::string>(); };
    if (name == "fromJSON") return Json::parse(text(0));
    if (name == "float") return std::stod(text(0));
    if (name == "lower") {
      std::string made = text(0);
      for (char& c : made) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
      return made;
    }
    if (name == "replace") return text(0) == text(1) ? text(2) : text(0);
    fail("no function " + name);
  }

  const std::string& text_;
  const Json& scope_;
  size_t at_ = 0;
  int skip_ = 0;  // > 0: read, but what it says does not matter
};

const Json* look_up(const Json& scope, const std::string& dotted) {
  const Json* value = &scope;
  for (size_t at = 0; at <= dotted.size();) {
    const size_t dot = std::min(dotted.find('.', at), dotted.size());
    const std::string key = dotted.substr(at, dot - at);
    if (!value->is_object() || !value->contains(key)) return nullptr;
    value = &(*value)[key];
    at = dot + 1;
  }
  return value->is_string() ? value : nullptr;
}

}  // namespace

Json evaluate(const std::string& expression, const Json& scope) { return Parser(expression, scope).all(); }

std::string fill(const std::string& text, const Json& scope) {
  std::string made;
  for (size_t at = 0; at < text.size();) {
    const size_t open = text.find("{{", at);
    const size_t close = open == std::string::npos ? open : text.find("}}", open);
    if (close == std::string::npos) return made + text.substr(at);
    const std::string tag = text.substr(open + 2, close - open - 2);
    made += text.substr(at, open - at);
    if (tag[0] == '=') {
      made += evaluate(tag.substr(1), scope).dump();
    } else if (const Json* value = look_up(scope, tag)) {
      made += value->get<std::string>();
    } else {
      made += "{{" + tag + "}}";
    }
    at = close + 2;
  }
  return made;
}

// Names may hold '-', which the language would read as a minus: Argo folds it to '_' as well.
bool depends_hold(const std::string& depends, const Json& results) {
  std::string folded = depends;
  std::replace(folded.begin(), folded.end(), '-', '_');
  Json scope = Json::object();
  for (const auto& [name, value] : results.items()) {
    std::string key = name;
    std::replace(key.begin(), key.end(), '-', '_');
    scope[key] = value;
  }
  return evaluate(folded, scope).get<bool>();
}

}  // namespace whorl::pipeline::testing

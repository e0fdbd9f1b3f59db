#include "eval/answer_cache.h"

#include <sys/file.h>

#include <nlohmann/json.hpp>

#include "base/check.h"
#include "base/hash.h"

namespace whorl::eval {

using base::Json;

namespace {

std::string checksum(const std::string& text) {
  const uint64_t value = base::xxh3_64(text);
  return base::to_hex({reinterpret_cast<const char*>(&value), sizeof value});
}

std::string dumped(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

}  // namespace

AnswerCache::AnswerCache(base::FileSystem& fs, const std::string& path) {
  file_ = std::make_unique<base::File>(base::File::append(fs, path, "Evaluator.run"));
  if (file_->descriptor() >= 0 && ::flock(file_->descriptor(), LOCK_EX | LOCK_NB) != 0)
    base::failed("[Evaluator.run] ", path,
                 ": another evaluation is writing here; wait for it, or give `out` ", "another folder");
  read(fs, path);
}

void AnswerCache::read(base::FileSystem& fs, const std::string& path) {
  const std::string text = base::read_file(fs, path, uint64_t{1} << 34, "Evaluator.run");
  size_t whole = text.rfind('\n');
  whole = whole == std::string::npos ? 0 : whole + 1;
  int64_t line = 0;
  for (size_t begin = 0; begin < whole;) {
    const size_t end = text.find('\n', begin);
    const std::string context = base::concat("[Evaluator.run] ", path, ":", ++line);
    const Json entry = base::parse_json(std::string_view(text).substr(begin, end - begin), context);
    const Json& answer = base::require_object(entry, "answer", context);
    if (base::require_string(entry, "check", context) != checksum(dumped(answer)))
      base::invalid(context, ": the line was changed since it was written; delete it to ask again");
    answers_[base::require_string(entry, "key", context)] = answer;
    begin = end + 1;
  }
  if (whole < text.size() && fs.truncate(file_->descriptor(), whole) != 0)
    base::failed("[Evaluator.run] ", path, ": cannot take off the line that was cut short");
}

const Json* AnswerCache::find(const std::string& key) const {
  const auto found = answers_.find(key);
  return found == answers_.end() ? nullptr : &found->second;
}

void AnswerCache::put(const std::string& key, Json answer) {
  if (file_) {
    // Read back what was written, so that a resumed run sees the same value as this one.
    const std::string text = dumped(answer);
    const Json entry = {{"key", key}, {"check", checksum(text)}};
    std::string line = entry.dump();
    line.pop_back();
    line += ",\"answer\":" + text + "}\n";
    file_->write(line.data(), line.size());
    answers_[key] = Json::parse(text);
  } else {
    answers_[key] = std::move(answer);
  }
}

void AnswerCache::sync() {
  if (file_) file_->fsync();
}

}  // namespace whorl::eval

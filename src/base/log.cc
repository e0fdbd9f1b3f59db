// spdlog stays in this file: it brings the level filter and the lock around the sink.
#include "base/log.h"

#include <spdlog/logger.h>
#include <spdlog/sinks/base_sink.h>

#include <atomic>
#include <memory>
#include <mutex>

namespace whorl::base {

namespace {

class CallbackSink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  explicit CallbackSink(LogSink callback) : callback_(std::move(callback)) {}

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    callback_(static_cast<LogLevel>(message.level - spdlog::level::debug),
              std::string_view(message.payload.data(), message.payload.size()));
  }
  void flush_() override {}

 private:
  LogSink callback_;
};

spdlog::level::level_enum spd(LogLevel level) {
  return static_cast<spdlog::level::level_enum>(spdlog::level::debug + static_cast<int>(level));
}

std::atomic<int> threshold{100};  // above every level: silent

std::mutex& logger_mutex() {
  static std::mutex mutex;
  return mutex;
}
std::shared_ptr<spdlog::logger>& logger() {
  static std::shared_ptr<spdlog::logger> instance;
  return instance;
}

}  // namespace

const char* name_of(LogLevel level) {
  constexpr const char* names[] = {"debug", "info", "warn", "error"};
  return names[static_cast<int>(level)];
}

void set_log_sink(LogSink sink, LogLevel level) {
  std::lock_guard lock(logger_mutex());
  threshold = sink ? static_cast<int>(level) : 100;
  logger() = sink ? std::make_shared<spdlog::logger>("whorl", std::make_shared<CallbackSink>(std::move(sink)))
                  : nullptr;
  if (logger()) logger()->set_level(spd(level));
}

bool log_enabled(LogLevel level) { return static_cast<int>(level) >= threshold; }

void log_message(LogLevel level, std::string_view message) {
  std::shared_ptr<spdlog::logger> target;
  {
    std::lock_guard lock(logger_mutex());
    target = logger();
  }
  if (target) target->log(spd(level), spdlog::string_view_t(message.data(), message.size()));
}

}  // namespace whorl::base

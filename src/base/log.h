#pragma once
// The library prints nothing. A host that wants to listen installs a sink; until then messages are dropped
// before they are formatted.
#include <functional>
#include <string_view>

#include "base/check.h"

namespace whorl::base {

enum class LogLevel { debug, info, warn, error };
const char* name_of(LogLevel level);

using LogSink = std::function<void(LogLevel, std::string_view message)>;

// Messages of `level` and above go to `sink`, one call at a time, from whichever thread logs. An empty
// sink silences the library again. A sink must not log.
void set_log_sink(LogSink sink, LogLevel level = LogLevel::info);

bool log_enabled(LogLevel level);
void log_message(LogLevel level, std::string_view message);

template <class... Parts>
void log(LogLevel level, const Parts&... parts) {
  if (log_enabled(level)) log_message(level, concat(parts...));
}

}  // namespace whorl::base

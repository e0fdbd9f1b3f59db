// An answer that leaves in pieces. The engine's thread feeds each new piece to the flows without a model,
// which let out what can no longer become a match and end the generation at once; the caller's thread asks
// the judges about windows, and emits.
#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>

#include "base/check.h"
#include "guard/guarded.h"

namespace whorl::guard {
namespace {

// Clean text that the flows without a model let out, and how many tokens it took.
struct Piece {
  std::string text;
  int64_t tokens = 0;
};

// Between the engine's thread and the caller's.
class Channel {
 public:
  explicit Channel(StreamGuard guard) : guard_(std::move(guard)) {}

  // On the engine's thread. False ends the generation.
  bool take(const StreamEvent& event) {
    std::lock_guard lock(mutex_);
    if (blocked_) return false;
    const auto start = Clock::now();
    add(guard_.feed(event.text), std::ssize(event.ids));
    if (event.finished && !blocked_) add(guard_.finish(), 0);
    seconds_ += seconds_since(start);
    arrived_.notify_all();
    return !blocked_;
  }
  // Waits a little while for pieces or a block, unless no more can come.
  std::vector<Piece> pieces(bool last) {
    std::unique_lock lock(mutex_);
    const auto patience = std::chrono::milliseconds(last ? 0 : 5);
    arrived_.wait_for(lock, patience, [&] { return !pieces_.empty() || blocked_; });
    return std::exchange(pieces_, {});
  }
  bool blocked() {
    std::lock_guard lock(mutex_);
    return blocked_;
  }
  std::vector<Finding> findings() {
    std::lock_guard lock(mutex_);
    return findings_;
  }
  double seconds() {
    std::lock_guard lock(mutex_);
    return seconds_;
  }

 private:
  void add(StreamGuard::Step step, int64_t tokens) {
    findings_.insert(findings_.end(), step.findings.begin(), step.findings.end());
    blocked_ = blocked_ || step.blocked;
    waiting_ += tokens;
    if (step.released.empty()) return;
    pieces_.push_back({std::move(step.released), std::exchange(waiting_, 0)});
  }

  std::mutex mutex_;
  std::condition_variable arrived_;
  StreamGuard guard_;
  std::vector<Piece> pieces_;
  std::vector<Finding> findings_;
  int64_t waiting_ = 0;  // tokens whose text is withheld
  bool blocked_ = false;
  double seconds_ = 0;
};

bool ends_sentence(const std::string& text) {
  const size_t last = text.find_last_not_of(" \"')]");
  return text.find('\n') != std::string::npos ||
         (last != std::string::npos && std::string_view(".!?").find(text[last]) != std::string_view::npos);
}

// Which pieces the judges look at next. The first window is chunk_size tokens, each later one brings
// chunk_size - context_size new ones behind context_size old ones; it ends with a sentence if one ends in its
// second half.
class Windows {
 public:
  explicit Windows(const StreamingEntry& options) : options_(options) {
    if (!options_.enabled) options_.chunk_size = INT64_MAX;  // the whole answer is one window
  }

  void add(Piece piece) {
    tokens_ += piece.tokens;
    pending_.push_back(std::move(piece));
  }
  bool due(bool last) const {
    const int64_t fresh = first_ ? options_.chunk_size : options_.chunk_size - options_.context_size;
    return !pending_.empty() && (last || tokens_ >= fresh);
  }
  struct Window {
    std::string context, fresh;
  };
  Window next(bool last) {
    const size_t count = last ? pending_.size() : cut();
    Window window;
    for (const auto& piece : context_) window.context += piece.text;
    for (size_t i = 0; i < count; ++i) {
      window.fresh += pending_.front().text;
      tokens_ -= pending_.front().tokens;
      context_.push_back(std::move(pending_.front()));
      pending_.pop_front();
    }
    first_ = false;
    shorten_context();
    return window;
  }

 private:
  size_t cut() const {
    for (size_t count = pending_.size(); count > pending_.size() / 2 && count > 0; --count)
      if (ends_sentence(pending_[count - 1].text)) return count;
    return pending_.size();
  }
  void shorten_context() {
    int64_t held = 0;
    size_t keep = 0;
    while (keep < context_.size() && held < options_.context_size) {
      ++keep;
      held += std::max<int64_t>(1, context_[context_.size() - keep].tokens);
    }
    while (context_.size() > keep) context_.pop_front();
  }

  StreamingEntry options_;
  std::deque<Piece> pending_, context_;
  int64_t tokens_ = 0;
  bool first_ = true;
};

class Streaming {
 public:
  Streaming(const Guardrail::Impl& impl, const GuardStreamCallback& callback, GenerateRequest request,
            GuardContext context)
      : impl_(impl),
        callback_(callback),
        request_(std::move(request)),
        context_(std::move(context)),
        place_(impl.rooms.places[static_cast<int>(Place::output)]),
        windows_(impl.rooms.config.streaming),
        // A call's text must not leave before the call was checked.
        hold_(!request_.tools.empty() && impl.has_flows(Place::tool_output)),
        channel_(std::make_shared<Channel>(place_.texts.stream())) {}

  GuardedResult run(GuardResult input);

 private:
  void pump();
  void judge(const Windows::Window& window);
  void emit(const std::string& text);
  void block(const ItemResult& item);
  void finish(GuardedResult& result);
  void check_rest(const GenerateResult& made);
  void end_generation();

  const Guardrail::Impl& impl_;
  const GuardStreamCallback& callback_;
  GenerateRequest request_;
  GuardContext context_;
  const PlaceRails& place_;
  Windows windows_;
  bool hold_, wanted_ = true;
  std::string held_, released_;
  int64_t windows_judged_ = 0;
  GuardResult output_;
  std::shared_ptr<Channel> channel_;
  std::optional<Generation> generation_;
};

void Streaming::emit(const std::string& text) {
  if (text.empty() || !wanted_) return;
  if (hold_) {
    held_ += text;
    return;
  }
  released_ += text;
  if (!callback_ || callback_({text})) return;
  wanted_ = false;
  generation_->cancel();
}

void Streaming::block(const ItemResult& item) {
  generation_->cancel();
  add_result(impl_.rooms.config, Place::output, item, output_);
}

void Streaming::judge(const Windows::Window& window) {
  Item item;
  item.place = Place::output;
  item.text = window.context + window.fresh;
  item.values = values_of(context_.messages, context_.chunks);
  item.has_evidence = !context_.chunks.empty();
  item.text_flows = false;
  item.part = base::concat("window ", windows_judged_++);
  const ItemResult result = check_items(impl_.rooms, {item}).front();
  if (result.blocked) return block(result);
  add_result(impl_.rooms.config, Place::output, result, output_);
  emit(window.fresh);
}

// Until the generation has ended and everything it let out was judged, or somebody blocks.
void Streaming::pump() {
  while (output_.allowed() && wanted_) {
    const bool last = generation_->done();
    for (Piece& piece : channel_->pieces(last)) {
      if (place_.asks_model) {
        windows_.add(std::move(piece));
      } else {
        emit(piece.text);
      }
    }
    while (output_.allowed() && wanted_ && windows_.due(last)) judge(windows_.next(last));
    if (last || channel_->blocked()) return;
  }
}

// What only the whole answer can tell: findings of the flows without a model, and the calls.
void Streaming::check_rest(const GenerateResult& made) {
  ItemResult text;
  for (auto& [flow, decision] : text_decisions(place_, channel_->findings(), "", channel_->seconds())) {
    text.changed = text.changed || decision.verdict == "changed";
    if (decision.verdict == "blocked" && !text.blocked) {
      text.blocked = true;
      text.blocked_by = flow->name();
      text.refusal = refusal_of(*flow, decision);
    }
    text.decisions.push_back(std::move(decision));
  }
  add_result(impl_.rooms.config, Place::output, text, output_);
  if (!output_.allowed()) return;
  output_.tool_calls = made.tool_calls;
  const auto calls = check_items(impl_.rooms, impl_.call_items(made.tool_calls, context_.tools));
  for (size_t i = 0; i < calls.size(); ++i) {
    output_.tool_calls[i].arguments = calls[i].text;
    add_result(impl_.rooms.config, Place::tool_output, calls[i], output_);
  }
}

void Streaming::finish(GuardedResult& result) {
  check_rest(result.result);
  if (output_.allowed() && hold_) {
    hold_ = false;
    emit(std::exchange(held_, {}));
  }
  const std::string refusal = output_.text;
  if (output_.allowed()) output_.text = released_;
  settle(impl_, output_, result);
  result.result.text = released_;
  if (!output_.allowed()) result.output.text = refusal;
  if (!output_.allowed() || !wanted_) {  // more was generated than has left
    result.result.content = released_;
    result.result.tool_calls.clear();
    result.result.ids.clear();
    result.result.logprobs.clear();
  }
  if (callback_ && wanted_) callback_({"", true, output_.error});
}

// After a fault of ours or of the callback: nothing of it goes on running.
void Streaming::end_generation() {
  generation_->cancel();
  try {
    generation_->wait();
  } catch (const std::exception&) {
    // The first fault is the one to tell.
  }
}

GuardedResult Streaming::run(GuardResult input) {
  const auto start = Clock::now();
  GuardedResult result;
  result.input = std::move(input);
  generation_ = impl_.rooms.engine->submit(
      request_, [channel = channel_](const StreamEvent& event) { return channel->take(event); });
  try {
    pump();
  } catch (...) {
    end_generation();
    throw;
  }
  result.result = generation_->wait().front();
  output_.seconds = seconds_since(start);
  finish(result);
  return result;
}

}  // namespace
}  // namespace whorl::guard

namespace whorl {

GuardedResult Guardrail::stream(const GenerateRequest& request, const GuardStreamCallback& callback,
                                const GuardContext& context) const {
  const auto conversation = guard::conversation_of(*impl_, request, "[Guardrail.stream]");
  GuardResult input = std::move(guard::check_conversations(*impl_, {conversation}).front());
  if (!input.allowed()) {
    GuardedResult result = guard::blocked_input(std::move(input));
    result.result.text.clear();
    result.result.content.clear();
    if (callback) callback({"", true, result.input.error});
    return result;
  }
  GenerateRequest going = guard::guarded_request(*impl_, request, input.messages);
  GuardContext around = guard::context_of(going, input.messages, context);
  return guard::Streaming(*impl_, callback, std::move(going), std::move(around)).run(std::move(input));
}

}  // namespace whorl

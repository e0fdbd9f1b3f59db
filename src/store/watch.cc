// Looking for changes of `latest`. Listing a folder works on every file system, across machines too, and
// costs microseconds; change notifications of the kernel do neither.
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "base/check.h"
#include "base/log.h"
#include "store/store_impl.h"

namespace whorl {

namespace {
// The watch whose callback this thread may be running.
thread_local const void* running_watch = nullptr;
}  // namespace

struct StoreWatch::Impl {
  std::shared_ptr<AdapterStore::Impl> store;
  std::function<void(const AdapterVersion&)> callback;
  std::map<std::string, int64_t> seen;
  std::mutex mutex, joining;
  std::condition_variable wake;
  bool stopping = false;
  std::thread thread;

  // Still joinable only when the last handle went away inside the callback: the thread destroys itself.
  ~Impl() {
    if (thread.joinable()) thread.detach();
  }

  // From inside the callback the thread cannot wait for itself; it ends when the callback returns.
  void stop() {
    {
      std::lock_guard lock(mutex);
      stopping = true;
    }
    wake.notify_all();
    if (running_watch == this) return;
    std::lock_guard lock(joining);
    if (thread.joinable()) thread.join();
  }

  void look() {
    for (const std::string& name : store::adapter_names(*store)) {
      const int64_t latest = store::read_pointer(*store, name, "AdapterStore.watch").version;
      if (latest == 0 || seen[name] == latest) continue;
      const store::Manifest manifest = store::read_manifest(*store, name, latest, "AdapterStore.watch");
      seen[name] = latest;
      callback(store::to_public(manifest, latest));
    }
  }

  static void loop(const std::shared_ptr<Impl>& watch) {
    running_watch = watch.get();
    for (;;) {
      try {
        watch->look();
      } catch (const std::exception& error) {
        base::log(base::LogLevel::warn, "[AdapterStore.watch] ", error.what());
      }
      std::unique_lock lock(watch->mutex);
      if (watch->wake.wait_for(lock, watch->store->options.poll_interval, [&] { return watch->stopping; }))
        return;
    }
  }
};

void StoreWatch::stop() { impl_->stop(); }

StoreWatch AdapterStore::watch(std::function<void(const AdapterVersion&)> callback) const {
  base::check_argument(static_cast<bool>(callback), "[AdapterStore.watch] expected a callback");
  // The thread keeps the inner state alive; the handle's own owner stops it when the last copy goes.
  auto state = std::make_shared<StoreWatch::Impl>();
  state->store = impl_;
  state->callback = std::move(callback);
  state->thread = std::thread([state] { StoreWatch::Impl::loop(state); });
  return StoreWatch(
      std::shared_ptr<StoreWatch::Impl>(state.get(), [state](StoreWatch::Impl* watch) { watch->stop(); }));
}

int64_t AdapterStore::wait_for_change(const std::string& name, int64_t known,
                                      std::chrono::milliseconds timeout) const {
  const store::Reference reference = store::parse_reference(name, 0, "AdapterStore.wait_for_change");
  const auto end = std::chrono::steady_clock::now() + timeout;
  for (;;) {
    const int64_t latest =
        store::read_pointer(*impl_, reference.name, "AdapterStore.wait_for_change").version;
    if (latest != known) return latest;
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
    if (left.count() <= 0) return known;
    std::this_thread::sleep_for(std::min(left, impl_->options.poll_interval));
  }
}

}  // namespace whorl

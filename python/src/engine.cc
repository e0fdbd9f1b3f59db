#include "engine.h"

#include <algorithm>
#include <stdexcept>

#include "fields.h"
#include "module.h"

namespace whorl::python {

// ---- closing -------------------------------------------------------------------------------------------
std::shared_ptr<InferenceEngine> Engine::open(const char* call) const {
  if (!*slot_) throw std::runtime_error(std::string("[InferenceEngine.") + call + "] the engine is closed");
  return *slot_;
}

void Engine::close() { slot_->reset(); }

std::unique_ptr<Engine> make_engine(const Model& base, const AdapterStore* store, const py::object& options,
                                    const py::kwargs& keywords) {
  const auto chosen = options_from<EngineOptions>("InferenceEngine", options, keywords);
  auto engine = compute([&] {
    return store ? std::make_unique<InferenceEngine>(base, *store, chosen)
                 : std::make_unique<InferenceEngine>(base, chosen);
  });
  return std::make_unique<Engine>(std::move(engine));
}

// ---- waiting -------------------------------------------------------------------------------------------
Running::Running(Generation generation, std::shared_ptr<Pending> pending)
    : generation_(std::move(generation)), pending_(std::move(pending)) {}

bool Running::done() const { return generation_.done(); }

void Running::cancel() const {
  compute([&] { generation_.cancel(); });
}

std::vector<GenerateResult> Running::wait() const {
  constexpr double kBetweenSignals = 0.02;  // seconds; its end is known at once
  while (!compute([&] { return generation_.wait_for(kBetweenSignals); })) {
    if (PyErr_CheckSignals() == 0) continue;
    py::error_already_set interrupt;
    compute([&] { generation_.cancel(); });
    throw interrupt;
  }
  try {
    auto results = compute([&] { return generation_.wait(); });
    pending_->rethrow();
    return results;
  } catch (...) {
    pending_->rethrow();
    throw;
  }
}

// ---- requests ------------------------------------------------------------------------------------------
namespace {

void set_input(const std::string& where, GenerateRequest& request, const py::object& input) {
  if (input.is_none()) return;
  if (py::isinstance<py::str>(input)) {
    request.prompt = input.cast<std::string>();
    return;
  }
  if (py::isinstance<GenerateRequest>(input)) {
    request = input.cast<GenerateRequest>();
    return;
  }
  if (!py::isinstance<py::sequence>(input)) {
    throw py::type_error("[" + where +
                         "] 'input' expected text, token ids, messages or GenerateRequest, got " +
                         described(input));
  }
  const auto items = input.cast<py::sequence>();
  if (items.size() > 0 && py::isinstance<py::int_>(items[0])) {
    request.prompt_ids = value_from<std::vector<int32_t>>("input", input);
    return;
  }
  request.messages = messages_from(where, input);
}

}  // namespace

GenerateRequest request_from(const std::string& where, const py::object& input, const py::kwargs& keywords) {
  GenerateRequest request;
  set_input(where, request, input);
  // "sampling" first, so that single options given beside it win.
  std::vector<Setter> setters;
  add_setters(setters, request);
  add_setters(setters, request.sampling);
  py::kwargs rest(py::reinterpret_steal<py::kwargs>(PyDict_Copy(keywords.ptr())));
  if (rest.contains("sampling")) {
    const py::object sampling = rest.attr("pop")("sampling");
    if (!sampling.is_none()) request.sampling = value_from<SamplingOptions>("sampling", sampling);
  }
  apply(where, setters, rest);
  return request;
}

namespace {

Event event_of(const StreamEvent& event) {
  Event made{event.index, event.text, event.ids, event.finished};
  if (event.result) made.result = *event.result;
  return made;
}

Running start(InferenceEngine& engine, const GenerateRequest& request, const py::object& callback) {
  auto pending = std::make_shared<Pending>();
  auto held = callback.is_none() ? nullptr : shared_object(callback);
  const auto on_event = [pending, held](const StreamEvent& event) {
    if (!held) return true;
    return pending->run([&] {
      const py::object answer = (*held)(event_of(event));
      return answer.is_none() || py::cast<bool>(answer);
    });
  };
  auto generation = compute([&] { return engine.submit(request, on_event); });
  return Running(std::move(generation), std::move(pending));
}

// All requests run together; an interrupt or a failure of one cancels the rest.
std::vector<std::vector<GenerateResult>> wait_all(const std::vector<Running>& all) {
  std::vector<std::vector<GenerateResult>> results;
  try {
    for (const auto& one : all) results.push_back(one.wait());
  } catch (...) {
    for (const auto& one : all) one.cancel();
    throw;
  }
  return results;
}

bool is_batch(const py::object& input) {
  if (!py::isinstance<py::list>(input) && !py::isinstance<py::tuple>(input)) return false;
  const auto items = input.cast<py::sequence>();
  return items.size() > 0 && py::isinstance<GenerateRequest>(items[0]);
}

}  // namespace

py::object generate(Engine& self, const py::object& input, const py::kwargs& keywords) {
  const std::string where = "InferenceEngine.generate";
  const auto engine = self.open("generate");
  if (is_batch(input)) {
    if (keywords.size() > 0)
      throw py::type_error("[" + where + "] options of a list of requests belong in each request");
    std::vector<Running> all;
    for (auto item : input) {
      if (!py::isinstance<GenerateRequest>(item)) {
        throw py::type_error("[" + where + "] expected GenerateRequest, got " + described(item));
      }
      all.push_back(start(*engine, item.cast<GenerateRequest>(), py::none()));
    }
    return py::cast(wait_all(all));
  }
  const auto request = request_from(where, input, keywords);
  if (request.sampling.n != 1) {
    throw std::invalid_argument("[" + where + "] n must be 1, got " + std::to_string(request.sampling.n) +
                                "; use submit(...).wait() for several samples");
  }
  const auto results = start(*engine, request, py::none()).wait();
  return py::cast(results.at(0));
}

Running submit(Engine& self, const py::object& input, const py::object& callback,
               const py::kwargs& keywords) {
  const auto engine = self.open("submit");
  return start(*engine, request_from("InferenceEngine.submit", input, keywords), callback);
}

}  // namespace whorl::python

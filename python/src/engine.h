#pragma once
// What stands between Python and an engine's thread: closing, waiting that Ctrl-C can end, events that
// outlive their call.
#include <whorl/inference_engine.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "compute.h"
#include "fields.h"

namespace whorl::python {

template <>
Fields<SamplingOptions> fields_of<SamplingOptions>();
template <>
inline constexpr bool kDictWillDo<SamplingOptions> = true;

// StreamEvent with its own copy of the result.
struct Event {
  int64_t index = 0;
  std::string text;
  std::vector<int32_t> ids;
  bool finished = false;
  std::optional<GenerateResult> result = {};
};

class Running {
 public:
  Running(Generation generation, std::shared_ptr<Pending> pending);
  std::vector<GenerateResult> wait() const;
  bool done() const;
  void cancel() const;

 private:
  Generation generation_;
  std::shared_ptr<Pending> pending_;  // of the Python callback; touched with the interpreter's lock held
};

class Engine {
 public:
  explicit Engine(std::unique_ptr<InferenceEngine> engine) : slot_(make_slot(std::move(engine))) {}
  // Throws std::runtime_error after close().
  std::shared_ptr<InferenceEngine> open(const char* call) const;
  void close();

 private:
  Slot<InferenceEngine> slot_;
};

std::unique_ptr<Engine> make_engine(const Model& base, const AdapterStore* store, const py::object& options,
                                    const py::kwargs& keywords);
// Text, token ids, messages or a GenerateRequest, with the keywords of a request and of its sampling on top.
GenerateRequest request_from(const std::string& where, const py::object& input, const py::kwargs& keywords);
py::object generate(Engine& self, const py::object& input, const py::kwargs& keywords);
Running submit(Engine& self, const py::object& input, const py::object& callback, const py::kwargs& keywords);

}  // namespace whorl::python

#include "module.h"

#include <pybind11/pybind11.h>

#include "compute.h"

PYBIND11_MODULE(_whorl, m) {
  using namespace whorl::python;
  m.doc() = "The C++ library's public headers, one for one. Import `whorl`, not this.";
  bind_types(m);
  bind_adapter(m);
  bind_model(m);
  bind_dataset(m);
  bind_adapter_store(m);
  bind_trainer(m);
  bind_inference_engine(m);
  bind_metric_functions(m);
  bind_statistics(m);
  bind_evaluator(m);
  bind_guardrail(m);
  bind_pii(m);
  bind_pipeline(m);
  bind_pipeline_manifests(m);
  pybind11::module_::import("atexit").attr("register")(pybind11::cpp_function([] {
    close_all();
    drop_log_sink();
  }));
}

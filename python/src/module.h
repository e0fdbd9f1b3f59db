#pragma once
// One function per binding file; module.cc calls them in the order in which their types need each other.
#include <pybind11/pybind11.h>

namespace whorl::python {

void bind_types(pybind11::module_& m);
void bind_adapter(pybind11::module_& m);
void bind_model(pybind11::module_& m);
void bind_dataset(pybind11::module_& m);
void bind_adapter_store(pybind11::module_& m);
void bind_trainer(pybind11::module_& m);
void bind_inference_engine(pybind11::module_& m);
void bind_metric_functions(pybind11::module_& m);
void bind_statistics(pybind11::module_& m);
void bind_evaluator(pybind11::module_& m);
void bind_guardrail(pybind11::module_& m);
void bind_pii(pybind11::module_& m);
void bind_pipeline(pybind11::module_& m);
void bind_pipeline_manifests(pybind11::module_& m);

void drop_log_sink();

}  // namespace whorl::python

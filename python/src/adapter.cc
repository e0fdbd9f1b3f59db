#include <pybind11/numpy.h>
#include <whorl/adapter.h>

#include "compute.h"
#include "fields.h"
#include "module.h"

namespace whorl::python {

template <>
Fields<AdapterModule> fields_of<AdapterModule>() {
  using A = AdapterModule;
  return {field("name", &A::name, "as the base model calls it: \"model.layers.0.self_attn.q_proj\""),
          field("rank", &A::rank, "rows of A"),
          field("inputs", &A::inputs, "columns of A"),
          field("outputs", &A::outputs, "rows of B"),
          field("alpha", &A::alpha, "after alpha_pattern"),
          field("scale", &A::scale, "alpha / rank, or alpha / sqrt(rank) with rank-stabilised LoRA")};
}

template <>
Fields<AdapterSaveOptions> fields_of<AdapterSaveOptions>() {
  return {field("dtype", &AdapterSaveOptions::dtype,
                "\"float32\" keeps every bit; \"bfloat16\" halves the file and rounds")};
}

namespace {

py::array_t<float> tensor(const Adapter& self, const std::string& name) {
  const auto found = self.tensor(name);
  py::array_t<float> made(std::vector<py::ssize_t>(found.shape.begin(), found.shape.end()));
  std::copy(found.values.begin(), found.values.end(), made.mutable_data());
  return made;
}

void bind_files(py::class_<Adapter>& c) {
  c.def_static(
      "load",
      [](const std::filesystem::path& folder) { return compute([&] { return Adapter::load(folder); }); },
      py::arg("folder"),
      "Reads a PEFT folder (adapter_config.json, adapter_model.safetensors), checked whole before use. "
      "Raises\n"
      "ValueError for contents that are not plain LoRA, RuntimeError for what the disk refuses.\n\n"
      ">>> adapter = whorl.Adapter.load(\"adapters/tickets\")");
  OwnSignatures own;
  const auto doc = call_doc<AdapterSaveOptions>("save(self, folder: os.PathLike | str", "None",
                                                "Writes a PEFT folder, durably. The same adapter gives the "
                                                "same bytes.\n\n>>> adapter.save(\"adapters/tickets\")");
  c.def(
      "save",
      [](const Adapter& self, const std::filesystem::path& folder, const py::object& options,
         const py::kwargs& keywords) {
        const auto chosen = options_from<AdapterSaveOptions>("Adapter.save", options, keywords);
        compute([&] { self.save(folder, chosen); });
      },
      py::arg("folder"), py::kw_only(), py::arg("options") = py::none(), doc.c_str());
}

}  // namespace

void bind_adapter(py::module_& m) {
  bind_result<AdapterModule>(m, "AdapterModule", "One adapted linear.");
  bind_options<AdapterSaveOptions>(m, "AdapterSaveOptions", "How an adapter is written.");
  py::class_<Adapter> c(
      m, "Adapter", "A LoRA adapter as data: W x + scale * B (A x) for every adapted linear W. Immutable.");
  bind_files(c);
  c.def_property_readonly("rank", &Adapter::rank,
                          "The configuration's r; see modules for each linear's own.");
  c.def_property_readonly("alpha", &Adapter::alpha, "The configuration's lora_alpha.");
  c.def_property_readonly("use_rslora", &Adapter::use_rslora);
  c.def_property_readonly("target_modules", &Adapter::target_modules, "Names, endings, or [\"all-linear\"].");
  c.def_property_readonly("base_model", &Adapter::base_model, "base_model_name_or_path, '' if unknown.");
  c.def_property_readonly("modules", &Adapter::modules, "The adapted linears, sorted by name.");
  c.def_property_readonly("parameter_count", &Adapter::parameter_count);
  c.def_property_readonly("memory_bytes", &Adapter::memory_bytes);
  c.def_property_readonly(
      "digest", [](const Adapter& self) { return self.digest(); },
      "SHA-256 over what the adapter computes: equal digests mean equal adapters.");
  c.def_property_readonly(
      "metadata", [](const Adapter& self) { return self.metadata(); },
      "Free text that travels with the file.");
  c.def_property_readonly(
      "warnings", [](const Adapter& self) { return self.warnings(); },
      "What was read but has no effect here.");
  c.def("with_metadata", &Adapter::with_metadata, py::arg("metadata"),
        "The same adapter with other metadata.");
  c.def("config_json", &Adapter::config_json, "adapter_config.json as save() writes it.");
  c.def(
      "delta_norms", [](const Adapter& self) { return compute([&] { return self.delta_norms(); }); },
      "Frobenius norm of scale * B A by linear: how far the adapter moves each.");
  c.def(
      "tensor_shapes",
      [](const Adapter& self) {
        std::map<std::string, std::vector<int64_t>> shapes;
        for (const auto& t : self.tensors()) shapes[t.name] = t.shape;
        return shapes;
      },
      "Shape of every tensor by its name in the file.");
  {
    OwnSignatures own;
    c.def("tensor", &tensor, py::arg("name"),
          "tensor(self, name: str) -> numpy.ndarray\n\nOne tensor as float32, by its name in the file.");
  }
  c.def("__eq__", [](const Adapter& self, const py::object& other) {
    return py::isinstance<Adapter>(other) && self.digest() == other.cast<const Adapter&>().digest();
  });
  c.def("__hash__", [](const Adapter& self) { return py::hash(py::str(self.digest())); });
  c.def("__repr__", [](const Adapter& self) {
    return "Adapter(rank=" + std::to_string(self.rank()) +
           ", modules=" + std::to_string(self.modules().size()) + ", digest='" + self.digest().substr(0, 12) +
           "')";
  });
}

}  // namespace whorl::python

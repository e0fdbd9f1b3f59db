#include <whorl/adapter_store.h>

#include "compute.h"
#include "fields.h"
#include "module.h"

namespace whorl::python {

template <>
Fields<AdapterVersion> fields_of<AdapterVersion>() {
  using A = AdapterVersion;
  return {field("name", &A::name, "the adapter"),
          field("version", &A::version, "1, 2, 3, …"),
          field("digest", &A::digest, "Adapter.digest"),
          field("rank", &A::rank, "the configuration's r"),
          field("bytes", &A::bytes, "of its files"),
          field("created", &A::created, "seconds since 1970"),
          field("latest", &A::latest, "what get(name) returns at the time of asking"),
          custom<A>(
              "metadata", "dict[str, str]", "as given to publish()",
              [](const A& self) { return self.metadata; }, [](A&, py::handle) {})};
}

template <>
Fields<PublishOptions> fields_of<PublishOptions>() {
  using P = PublishOptions;
  return {
      custom<P>(
          "metadata", "dict[str, str]", "free text kept with the version",
          [](const P& self) { return self.metadata; },
          [](P& self, py::handle value) {
            try {
              self.metadata = value.cast<std::map<std::string, std::string>>();
            } catch (const py::cast_error&) {
              throw py::type_error("'metadata' expected dict[str, str], got " + described(value));
            }
          }),
      field("promote", &P::promote, "make it latest; False to evaluate it first and promote() later"),
      field("dtype", &P::dtype, "\"bfloat16\" halves the bytes, and rounds; folders are kept as they are")};
}

namespace {

template <class Duration>
Field<StoreOptions> seconds_field(const char* name, Duration StoreOptions::*member, const char* doc) {
  using Seconds = std::chrono::duration<double>;
  return custom<StoreOptions>(
      name, "float", doc, [member](const StoreOptions& self) { return Seconds(self.*member).count(); },
      [member, name](StoreOptions& self, py::handle value) {
        self.*member = std::chrono::duration_cast<Duration>(Seconds(value_from<double>(name, value)));
      });
}

}  // namespace

template <>
Fields<StoreOptions> fields_of<StoreOptions>() {
  using S = StoreOptions;
  return {field("create", &S::create, "False: a folder that is no store is an error"),
          seconds_field("poll_interval", &S::poll_interval, "seconds between two looks of a watch"),
          seconds_field("foreign_grace", &S::foreign_grace,
                        "seconds until leftovers of other machines are collected")};
}

template <>
Fields<StoreProblem> fields_of<StoreProblem>() {
  return {field("path", &StoreProblem::path, "beneath the store"),
          field("what", &StoreProblem::what, "what is wrong")};
}

template <>
Fields<StoreReport> fields_of<StoreReport>() {
  using S = StoreReport;
  return {
      field("versions", &S::versions, "compared"), field("files", &S::files, "compared"),
      field("bytes", &S::bytes, "compared"), field("problems", &S::problems, "empty = all is well"),
      custom<S>("ok", "bool", "no problems", [](const S& self) { return self.ok(); }, [](S&, py::handle) {})};
}

template <>
Fields<GarbageReport> fields_of<GarbageReport>() {
  return {field("removed", &GarbageReport::removed, "files and folders"),
          field("bytes", &GarbageReport::bytes, "that they held")};
}

namespace {

using Class = py::class_<AdapterStore>;

AdapterVersion publish(AdapterStore& self, const std::string& name, const py::object& adapter,
                       const py::object& options, const py::kwargs& keywords) {
  const auto chosen = options_from<PublishOptions>("AdapterStore.publish", options, keywords);
  if (py::isinstance<Adapter>(adapter)) {
    const auto held = adapter.cast<Adapter>();
    return compute([&] { return self.publish(name, held, chosen); });
  }
  const auto folder = value_from<std::filesystem::path>("adapter", adapter);
  return compute([&] { return self.publish(name, folder, chosen); });
}

Slot<StoreWatch> watch(const AdapterStore& self, const py::object& callback) {
  auto held = shared_object(callback);
  auto watching = compute([&] {
    return self.watch([held](const AdapterVersion& version) {
      py::gil_scoped_acquire lock;
      try {
        (*held)(version);
      } catch (py::error_already_set& error) {
        error.discard_as_unraisable("AdapterStore.watch");
      }
    });
  });
  return make_slot(std::make_unique<StoreWatch>(std::move(watching)));
}

struct Watch {
  Slot<StoreWatch> slot;
  void stop() const { slot->reset(); }
};

void bind_watch(py::module_& m) {
  py::class_<Watch>(m, "StoreWatch", "A running watch; a context manager. It ends with stop().")
      .def("stop", &Watch::stop, "Returns when no callback runs any more.")
      .def("__enter__", [](const py::object& self) { return self; })
      .def("__exit__", [](const Watch& self, const py::args&) { self.stop(); });
}

void bind_publish(Class& c) {
  OwnSignatures own;
  const auto open_doc =
      call_doc<StoreOptions>("__init__(self, folder: os.PathLike | str", "None",
                             "Opens a store, or makes it.\n\n>>> store = whorl.AdapterStore(\"store\")");
  c.def(py::init(
            [](const std::filesystem::path& folder, const py::object& options, const py::kwargs& keywords) {
              const auto chosen = options_from<StoreOptions>("AdapterStore", options, keywords);
              return compute([&] { return AdapterStore(folder, chosen); });
            }),
        py::arg("folder"), py::kw_only(), py::arg("options") = py::none(), open_doc.c_str());
  const auto publish_doc = call_doc<PublishOptions>(
      "publish(self, name: str, adapter: Adapter | os.PathLike | str", "AdapterVersion",
      "The next version of `name`: an Adapter, or a PEFT folder kept byte for byte. Durable when it "
      "returns.\n\n"
      ">>> store.publish(\"tickets\", runs[0].adapter).version\n1");
  c.def("publish", &publish, py::arg("name"), py::arg("adapter"), py::kw_only(),
        py::arg("options") = py::none(), publish_doc.c_str());
}

void bind_reading(Class& c) {
  c.def(
      "get",
      [](const AdapterStore& self, const std::string& name, int64_t version) {
        return compute([&] { return self.get(name, version); });
      },
      py::arg("name"), py::arg("version") = 0,
      "An adapter, compared with its digest. Version 0 is the latest; the name may carry it: "
      "\"tickets@3\".\n\n"
      ">>> adapter = store.get(\"tickets\")");
  c.def(
      "resolve",
      [](const AdapterStore& self, const std::string& name, int64_t version) {
        return compute([&] { return self.resolve(name, version); });
      },
      py::arg("name"), py::arg("version") = 0, "What get() would return, without reading it.");
  c.def(
      "export_peft",
      [](const AdapterStore& self, const std::string& name, const std::filesystem::path& folder,
         int64_t version) { compute([&] { self.export_peft(name, folder, version); }); },
      py::arg("name"), py::arg("folder"), py::arg("version") = 0,
      "Writes the published PEFT files, byte for byte.");
  c.def(
      "contains",
      [](const AdapterStore& self, const std::string& name) {
        return compute([&] { return self.contains(name); });
      },
      py::arg("name"),
      "Whether it has a version; \"name@3\" asks for that one. `name in store` is the same.");
  c.def("__contains__", [](const AdapterStore& self, const std::string& name) {
    return compute([&] { return self.contains(name); });
  });
  c.def(
      "list", [](const AdapterStore& self) { return compute([&] { return self.list(); }); },
      "Names with at least one version, sorted.");
  c.def(
      "versions",
      [](const AdapterStore& self, const std::string& name) {
        return compute([&] { return self.versions(name); });
      },
      py::arg("name"), "Ascending.");
  c.def(
      "wait_for_change",
      [](const AdapterStore& self, const std::string& name, int64_t known, double timeout) {
        const std::chrono::milliseconds limit(static_cast<int64_t>(timeout * 1000));
        return compute([&] { return self.wait_for_change(name, known, limit); });
      },
      py::arg("name"), py::arg("known"), py::arg("timeout"),
      "Waits until the latest version is another than `known` (0 = none); timeout in seconds. Returns it, or "
      "`known`.");
  c.def_property_readonly("path", [](const AdapterStore& self) { return self.path(); });
  c.def("__repr__", [](const AdapterStore& self) { return "AdapterStore('" + self.path().string() + "')"; });
}

void bind_writing(Class& c) {
  c.def(
      "promote",
      [](AdapterStore& self, const std::string& name, int64_t version) {
        compute([&] { self.promote(name, version); });
      },
      py::arg("name"), py::arg("version"), "Makes it latest, durably. Running requests keep what they have.");
  c.def(
      "rollback",
      [](AdapterStore& self, const std::string& name) {
        return compute([&] { return self.rollback(name); });
      },
      py::arg("name"), "Makes latest what it was before the last publish or promote.");
  c.def(
      "delete_version",
      [](AdapterStore& self, const std::string& name, int64_t version) {
        compute([&] { self.delete_version(name, version); });
      },
      py::arg("name"), py::arg("version"), "Not the latest: promote another first. The number stays used.");
  c.def(
      "delete_adapter",
      [](AdapterStore& self, const std::string& name) { compute([&] { self.delete_adapter(name); }); },
      py::arg("name"), "All versions.");
  c.def(
      "verify", [](const AdapterStore& self) { return compute([&] { return self.verify(); }); },
      "Reads and compares every file.\n\n>>> store.verify().ok\nTrue");
  c.def(
      "collect_garbage", [](AdapterStore& self) { return compute([&] { return self.collect_garbage(); }); },
      "Removes what no version needs any more. Safe beside publishers.");
  OwnSignatures own;
  c.def(
      "watch",
      [](const AdapterStore& self, const py::object& callback) { return Watch{watch(self, callback)}; },
      py::arg("callback"),
      "watch(self, callback: collections.abc.Callable[[AdapterVersion], object]) -> StoreWatch\n\n"
      "callback(AdapterVersion), from a thread of its own, once per adapter that is there and whenever a "
      "latest moves.");
}

}  // namespace

void bind_adapter_store(py::module_& m) {
  bind_result<AdapterVersion>(m, "AdapterVersion", "One published version.");
  bind_options<PublishOptions>(m, "PublishOptions", "How a version is published.");
  bind_options<StoreOptions>(m, "StoreOptions", "How a store is opened.");
  bind_result<StoreProblem>(m, "StoreProblem", "What verify() found wrong with one file.");
  bind_result<StoreReport>(m, "StoreReport", "What verify() found.");
  bind_result<GarbageReport>(m, "GarbageReport", "What collect_garbage() removed.");
  bind_watch(m);
  Class c(m, "AdapterStore",
          "Versions of adapters in one folder, shared by any number of threads and processes. What publish() "
          "acknowledged\n"
          "survives kill -9 and power loss; a reader sees the old version or the new one.");
  bind_publish(c);
  bind_reading(c);
  bind_writing(c);
}

}  // namespace whorl::python

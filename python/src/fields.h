#pragma once
// Plain structs as Python classes, from one table of fields each: the keyword-only constructor, the signature
// with every default, the attributes, the "did you mean" of a misspelt name and to_dict() cannot disagree.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>
#include <pybind11/stl/filesystem.h>
#include <pybind11/typing.h>

#include <algorithm>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "convert.h"

namespace whorl::python {

template <class T>
struct Field {
  std::string name, type, doc;
  std::function<py::object(const T&)> get;
  std::function<void(T&, py::handle)> set;
  std::function<void(py::class_<T>&, bool)> define;  // as an attribute; true = may be assigned
};
template <class T>
using Fields = std::vector<Field<T>>;

// Specialised beside each binding: the fields of T in the order of its header.
template <class T>
Fields<T> fields_of();

template <class V>
constexpr bool kIsOptional = false;
template <class V>
constexpr bool kIsOptional<std::optional<V>> = true;

// How the stubs and signatures call a C++ type.
template <class V>
std::string type_name() {
  if constexpr (kIsOptional<V>) {
    return type_name<typename V::value_type>() + " | None";
  } else if constexpr (std::is_same_v<V, bool>) {
    return "bool";
  } else if constexpr (std::is_integral_v<V>) {
    return "int";
  } else if constexpr (std::is_floating_point_v<V>) {
    return "float";
  } else if constexpr (std::is_same_v<V, std::string>) {
    return "str";
  } else if constexpr (std::is_same_v<V, std::filesystem::path>) {
    return "os.PathLike | str";
  } else if constexpr (std::is_same_v<V, std::vector<std::string>>) {
    return "str | list[str]";
  } else if constexpr (requires { typename V::value_type; }) {
    return "list[" + type_name<typename V::value_type>() + "]";
  } else {
    return py::str(py::type::of<V>().attr("__name__"));
  }
}

// Options inside options, which may be written as a dict too; specialised where fields_of<V> is declared.
template <class V>
constexpr bool kDictWillDo = false;

struct Setter {
  std::string name;
  std::function<void(py::handle)> set;
};

// Applies every keyword or throws TypeError naming the nearest valid one.
void apply(const std::string& where, const std::vector<Setter>& setters, const py::kwargs& keywords);
template <class T>
void apply_to(const std::string& where, T& target, const py::kwargs& keywords);

template <class V>
V value_from(const std::string& name, py::handle value) {
  if constexpr (kDictWillDo<V>) {
    if (py::isinstance<py::dict>(value)) {
      V made{};
      apply_to(type_name<V>(), made, py::kwargs(py::reinterpret_borrow<py::kwargs>(value)));
      return made;
    }
  }
  if constexpr (std::is_same_v<V, std::vector<std::string>>) {
    if (py::isinstance<py::str>(value)) return {value.cast<std::string>()};
  }
  try {
    return value.cast<V>();
  } catch (const py::cast_error&) {
    throw py::type_error("'" + name + "' expected " + type_name<V>() + ", got " + described(value));
  }
}

using PathOrEmpty = py::typing::Union<std::filesystem::path, py::str>;

// pathlib has no empty path: it would make "." of "no folder", and options copied from it would mean that.
template <class V>
py::object to_python(const V& value) {
  if constexpr (std::is_same_v<V, std::filesystem::path>) {
    if (value.empty()) return py::str("");
  }
  return py::cast(value);
}

// A member, perhaps of T's base, that Python sees as the type it is.
template <class T, class V, class Owner>
Field<T> inherited(const char* name, V Owner::*member, const char* doc) {
  Field<T> made{name, type_name<V>(), doc, {}, {}, {}};
  made.get = [member](const T& self) { return to_python(self.*member); };
  made.set = [member, name](T& self, py::handle value) { self.*member = value_from<V>(name, value); };
  made.define = [member, name, doc](py::class_<T>& made_class, bool writable) {
    using Seen = std::conditional_t<std::is_same_v<V, std::filesystem::path>, PathOrEmpty, V>;
    auto get = [member](const T& self) -> Seen {
      if constexpr (std::is_same_v<V, Seen>) {
        return self.*member;
      } else {
        return to_python(self.*member);
      }
    };
    if (!writable) {
      made_class.def_property_readonly(name, get, doc);
      return;
    }
    made_class.def_property(name, get, [member](T& self, const V& value) { self.*member = value; }, doc);
  };
  return made;
}

template <class T, class V>
Field<T> field(const char* name, V T::*member, const char* doc) {
  return inherited<T>(name, member, doc);
}

// A member that Python writes in several ways (dicts for messages, dicts for JSON) and reads in one.
template <class T, class Get, class Set>
Field<T> custom(const char* name, const char* type, const char* doc, Get get, Set set) {
  Field<T> made{name, type, doc, {}, {}, {}};
  made.get = [get](const T& self) -> py::object {
    if constexpr (std::is_base_of_v<py::object, std::decay_t<decltype(get(self))>>) {
      return get(self);
    } else {
      return py::cast(get(self));
    }
  };
  made.set = [set](T& self, py::handle value) { set(self, value); };
  made.define = [get, set, name, doc](py::class_<T>& made_class, bool writable) {
    if (!writable) {
      made_class.def_property_readonly(name, get, doc);
      return;
    }
    made_class.def_property(name, get, [set](T& self, const py::object& value) { set(self, value); }, doc);
  };
  return made;
}

// Text that holds JSON: written as str, dict or list; read as str.
template <class T>
Field<T> json_field(const char* name, std::string T::*member, const char* doc) {
  return custom<T>(
      name, "str | dict | list | None", doc, [member](const T& self) -> std::string { return self.*member; },
      [member](T& self, py::handle value) { self.*member = json_text(value); });
}

// ---- keyword arguments ---------------------------------------------------------------------------------
template <class T>
void add_setters(std::vector<Setter>& setters, T& target) {
  for (auto& f : fields_of<T>()) {
    setters.push_back({f.name, [set = f.set, &target](py::handle value) { set(target, value); }});
  }
}

template <class T>
void apply_to(const std::string& where, T& target, const py::kwargs& keywords) {
  if (keywords.size() == 0) return;
  std::vector<Setter> setters;
  add_setters(setters, target);
  apply(where, setters, keywords);
}

// The options of a call: the object, if one is given, with the keywords on top.
template <class T>
T options_from(const std::string& where, const py::object& options, const py::kwargs& keywords) {
  T made{};
  if (!options.is_none()) {
    if (!py::isinstance<T>(options)) {
      throw py::type_error("[" + where + "] 'options' expected " + type_name<T>() + ", got " +
                           described(options));
    }
    made = options.cast<T>();
  }
  apply_to(where, made, keywords);
  return made;
}

// ---- signatures ----------------------------------------------------------------------------------------
// "rank: int = 8, alpha: float = 16.0"
template <class T>
std::string keywords_text(const std::vector<std::string>& leave_out = {}) {
  std::string text;
  const T defaults{};
  for (const auto& f : fields_of<T>()) {
    if (std::find(leave_out.begin(), leave_out.end(), f.name) != leave_out.end()) continue;
    const auto value = default_text(f.get(defaults));
    text += (text.empty() ? "" : ", ") + f.name + ": " + f.type + " = " + value;
  }
  return text;
}

// "  rank: more: more capacity, more bytes to serve (default 8)\n" for each field
template <class T>
std::string fields_text() {
  std::string text;
  const T defaults{};
  for (const auto& f : fields_of<T>()) {
    text += "  " + f.name + ": " + f.doc + " (default " + default_text(f.get(defaults)) + ")\n";
  }
  return text;
}

// A documented call with options: "load(path: str, *, options: LoadOptions | None = None, format: str =
// 'auto') -> X".
template <class T>
std::string call_doc(const std::string& head, const std::string& result, const std::string& body) {
  return head + ", *, options: " + type_name<T>() + " | None = None, " + keywords_text<T>() + ") -> " +
         result + "\n\n" + body + "\n\nOptions:\n" + fields_text<T>();
}

// Functions bound while this lives carry the signature that their docstring opens with.
struct OwnSignatures {
  py::options options;
  OwnSignatures() { options.disable_function_signatures(); }
};

// ---- classes -------------------------------------------------------------------------------------------
template <class T>
std::string repr(const T& self) {
  std::string text = type_name<T>() + "(";
  bool first = true;
  for (const auto& f : fields_of<T>()) {
    text += (first ? "" : ", ") + f.name + "=" + std::string(py::repr(f.get(self)));
    first = false;
  }
  return text + ")";
}

template <class T>
py::dict to_dict(const T& self) {
  py::dict made;
  for (const auto& f : fields_of<T>()) made[py::str(f.name)] = plain(f.get(self));
  return made;
}

template <class T>
void define_common(py::class_<T>& made) {
  made.def("to_dict", &to_dict<T>, "The fields as plain dicts, lists, numbers and strings, ready for JSON.");
  made.def("__repr__", &repr<T>);
  made.def("__eq__", [](const T& self, const py::object& other) {
    return py::isinstance<T>(other) && to_dict(self).equal(to_dict(other.cast<const T&>()));
  });
  made.attr("__hash__") = py::none();
}

// Options: keyword-only constructor, attributes that can be assigned.
template <class T>
py::class_<T> bind_options(py::module_& m, const char* name, const std::string& doc) {
  py::class_<T> made(m, name, doc.c_str());
  {
    OwnSignatures own;
    const std::string text = "__init__(self, *, " + keywords_text<T>() + ") -> None\n\n" + doc +
                             "\n\nFields:\n" + fields_text<T>();
    made.def(py::init([where = std::string(name)](const py::kwargs& keywords) {
               T self{};
               apply_to(where, self, keywords);
               return self;
             }),
             text.c_str());
  }
  for (const auto& f : fields_of<T>()) f.define(made, true);
  define_common(made);
  made.def(py::pickle([](const T& self) { return to_dict(self); },
                      [where = std::string(name)](const py::dict& state) {
                        T self{};
                        apply_to(where, self, py::kwargs(py::reinterpret_borrow<py::kwargs>(state)));
                        return self;
                      }));
  return made;
}

// Results: attributes that can be read.
template <class T>
py::class_<T> bind_result(py::module_& m, const char* name, const std::string& doc) {
  py::class_<T> made(m, name, doc.c_str());
  for (const auto& f : fields_of<T>()) f.define(made, false);
  define_common(made);
  return made;
}

}  // namespace whorl::python

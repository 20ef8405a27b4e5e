// C++ over the C boundary of plugin.h: a check is a function on typed rows. Header only; needs C++17 and nothing else.
//
//   #include <hostcheck/plugin.hpp>
//
//   struct Device { std::string_view netns, ifname; std::optional<std::int64_t> speed_mbps; };
//
//   void check(const hostcheck::Input& input, hostcheck::Output& output) {
//     for (const Device& each : input.rows<Device>("devices", {{"netns", &Device::netns}, ...})) {
//       if (each.speed_mbps && *each.speed_mbps < input.integer("slow_mbps")) {
//         hostcheck::Finding found("nic.slow");
//         found.subject("netns", each.netns).subject("ifname", each.ifname).summary("...");
//         found.evidence("speed", *each.speed_mbps, "Mbit/s", "ETHTOOL_MSG_LINKMODES_GET");
//         output.add(found);
//       }
//     }
//   }
//   HOSTCHECK_PLUGIN("slow_nic", check)
//
// Errors: an exception that leaves check() is the failure of the plugin, with its what() as the reason. Input throws
// hostcheck::Error for a name that plugin.toml does not have. Threads, units and lifetimes: see plugin.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <hostcheck/plugin.h>

namespace hostcheck {

// A plugin that asks for what is not there.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

inline std::string_view view(hostcheck_text text) {
  return text.size == 0 ? std::string_view{} : std::string_view(text.data, text.size);
}
inline hostcheck_text text_of(std::string_view text) {
  return {text.data(), text.size()};
}

// A value to hand over. Text is copied.
class Value {
 public:
  Value() = default;  // NULL
  template <typename T, std::enable_if_t<std::is_integral_v<T>, int> = 0>
  Value(T number) : kind_(HOSTCHECK_INTEGER), integer_(static_cast<std::int64_t>(number)) {}
  Value(double number) : kind_(HOSTCHECK_REAL), real_(number) {}
  Value(std::string_view text) : kind_(HOSTCHECK_TEXT), text_(text) {}
  Value(const char* text) : Value(std::string_view(text)) {}
  Value(const std::string& text) : Value(std::string_view(text)) {}
  template <typename T>
  Value(const std::optional<T>& value) {
    if (value) *this = Value(*value);
  }
  // Points into this value.
  [[nodiscard]] hostcheck_value raw() const { return {kind_, 0, integer_, real_, text_of(text_)}; }

 private:
  std::uint32_t kind_ = HOSTCHECK_NULL;
  std::int64_t integer_ = 0;
  double real_ = 0;
  std::string text_;
};

// One cell as a T: text, integer, real or boolean. NULL is T{} ("" or 0), or none for std::optional<T>.
template <typename T>
T cell_as(const hostcheck_value& value) {
  if constexpr (std::is_same_v<T, std::string_view>) {
    return value.kind == HOSTCHECK_TEXT ? view(value.text) : std::string_view{};
  } else if constexpr (std::is_same_v<T, std::string>) {
    return std::string(cell_as<std::string_view>(value));
  } else if constexpr (std::is_same_v<T, bool>) {
    return value.kind == HOSTCHECK_INTEGER && value.integer != 0;
  } else if constexpr (std::is_integral_v<T>) {
    return value.kind == HOSTCHECK_INTEGER ? static_cast<T>(value.integer)
           : value.kind == HOSTCHECK_REAL  ? static_cast<T>(value.real)
                                           : T{};
  } else if constexpr (std::is_floating_point_v<T>) {
    return value.kind == HOSTCHECK_REAL      ? static_cast<T>(value.real)
           : value.kind == HOSTCHECK_INTEGER ? static_cast<T>(value.integer)
                                             : T{};
  } else {
    if (value.kind == HOSTCHECK_NULL) return std::nullopt;
    return cell_as<typename T::value_type>(value);
  }
}

// Which column fills which member of a row struct.
template <typename Row>
class Field {
 public:
  template <typename T>
  Field(std::string_view column, T Row::*member)
      : column_(column), set_([member](Row& row, const hostcheck_value& cell) { row.*member = cell_as<T>(cell); }) {}
  [[nodiscard]] std::string_view column() const { return column_; }
  void set(Row& row, const hostcheck_value& cell) const { set_(row, cell); }

 private:
  std::string_view column_;
  std::function<void(Row&, const hostcheck_value&)> set_;
};

// The facts of the run, read only.
class Input {
 public:
  explicit Input(const hostcheck_input& input) : input_(input) {}

  // Time between the two samples; 0 when there was one.
  [[nodiscard]] std::uint64_t observed_ms() const { return input_.observed_ms; }
  // Whether it is a [[table]] that this hostcheck knows. One that is older than plugins' tables knows none.
  [[nodiscard]] bool brings(std::string_view name) const {
    if (input_.size < offsetof(hostcheck_input, own_table) + sizeof(input_.own_table)) return false;
    for (std::uint64_t at = 0; at < input_.own_tables; ++at) {
      if (view(input_.own_table[at].name) == name) return true;
    }
    return false;
  }
  // Whether findings of this check are asked for.
  [[nodiscard]] bool wants(std::string_view id) const {
    for (std::uint64_t at = 0; at < input_.checks; ++at) {
      if (view(input_.check[at]) == id) return true;
    }
    return false;
  }

  // The [[input]] of this name as it came over.
  [[nodiscard]] const hostcheck_table& table(std::string_view name) const {
    for (std::uint64_t at = 0; at < input_.tables; ++at) {
      if (view(input_.table[at].name) == name) return input_.table[at];
    }
    throw Error("plugin.toml has no [[input]] '" + std::string(name) + "'");
  }
  // Why part or all of what the input reads could not be read; "" where all was.
  [[nodiscard]] std::string_view absent(std::string_view name) const { return view(table(name).absent); }

  // Its rows as structs. Text members point into the input.
  template <typename Row>
  [[nodiscard]] std::vector<Row> rows(std::string_view name, std::initializer_list<Field<Row>> fields) const {
    const hostcheck_table& from = table(name);
    std::vector<std::uint64_t> places;
    for (const Field<Row>& field : fields) places.push_back(place_of(from, field.column()));
    std::vector<Row> rows(from.rows);
    for (std::uint64_t row = 0; row < from.rows; ++row) {
      std::size_t at = 0;
      for (const Field<Row>& field : fields) field.set(rows[row], from.cell[row * from.columns + places[at++]]);
    }
    return rows;
  }

  // Parameters, by the names of plugin.toml.
  [[nodiscard]] std::int64_t integer(std::string_view name) const { return cell_as<std::int64_t>(param(name)); }
  [[nodiscard]] double real(std::string_view name) const { return cell_as<double>(param(name)); }
  [[nodiscard]] std::string_view text(std::string_view name) const { return cell_as<std::string_view>(param(name)); }

 private:
  [[nodiscard]] static std::uint64_t place_of(const hostcheck_table& table, std::string_view column) {
    for (std::uint64_t at = 0; at < table.columns; ++at) {
      if (view(table.column[at]) == column) return at;
    }
    throw Error("input '" + std::string(view(table.name)) + "' has no column '" + std::string(column) + "'");
  }
  [[nodiscard]] const hostcheck_value& param(std::string_view name) const {
    for (std::uint64_t at = 0; at < input_.params; ++at) {
      if (view(input_.param[at].name) == name) return input_.param[at].value;
    }
    throw Error("plugin.toml has no parameter '" + std::string(name) + "'");
  }
  const hostcheck_input& input_;
};

enum class Severity : std::uint32_t {
  info = HOSTCHECK_INFO,
  warning = HOSTCHECK_WARNING,
  critical = HOSTCHECK_CRITICAL
};
enum class Status : std::uint32_t {
  confirmed = HOSTCHECK_CONFIRMED,
  suspected = HOSTCHECK_SUSPECTED,
  inconclusive = HOSTCHECK_INCONCLUSIVE,
  refuted = HOSTCHECK_REFUTED,
};
// "1 client", "3 clients": a number with the words for one or for any other, for texts.
inline std::string counted(std::uint64_t number, std::string_view one, std::string_view several) {
  return (std::to_string(number) += ' ') += number == 1 ? one : several;
}

// Whether evidence is the state now, or was counted or seen between the two samples.
enum class When : std::uint32_t { now = 0, window = 1 };

// A finding under construction. Severity and status are those of plugin.toml unless they are set.
class Finding {
 public:
  explicit Finding(std::string_view id) : id_(id) {}

  Finding& severity(Severity severity) {
    severity_ = static_cast<std::uint32_t>(severity);
    return *this;
  }
  Finding& status(Status status) {
    status_ = static_cast<std::uint32_t>(status);
    return *this;
  }
  Finding& subject(std::string_view name, Value value) {
    subject_.push_back({std::string(name), std::move(value)});
    return *this;
  }
  Finding& summary(std::string text) {
    summary_ = std::move(text);
    return *this;
  }
  Finding& evidence(std::string_view what, Value value, std::string_view unit, std::string_view source,
                    When when = When::now) {
    evidence_.push_back({std::string(what), std::move(value), std::string(unit), std::string(source), when});
    return *this;
  }
  // A candidate that is ruled out, with the value that rules it out.
  Finding& excluded(std::string_view id, std::string_view because) {
    excluded_.push_back({std::string(id), std::string(because)});
    return *this;
  }
  // A cure for this very finding; with any, those of plugin.toml are left out.
  Finding& fix(std::string_view text, std::string_view command = {}, std::string_view persist = {}) {
    fixes_.push_back({std::string(text), std::string(command), std::string(persist)});
    return *this;
  }

  // Hands it to output.finding.
  void hand_to(const hostcheck_output& output) const {
    std::vector<hostcheck_field> subject;
    for (const auto& [name, value] : subject_) subject.push_back({text_of(name), value.raw()});
    std::vector<hostcheck_evidence> evidence;
    for (const Proof& each : evidence_) {
      evidence.push_back({text_of(each.what), each.value.raw(), text_of(each.unit), text_of(each.source),
                          static_cast<std::uint32_t>(each.when), 0});
    }
    std::vector<hostcheck_exclusion> excluded;
    for (const auto& [id, because] : excluded_) excluded.push_back({text_of(id), text_of(because)});
    std::vector<hostcheck_fix> fixes;
    for (const Cure& each : fixes_) fixes.push_back({text_of(each.text), text_of(each.command), text_of(each.persist)});
    const hostcheck_finding raw = {sizeof(hostcheck_finding),
                                   severity_,
                                   status_,
                                   0,
                                   text_of(id_),
                                   text_of(summary_),
                                   subject.size(),
                                   subject.data(),
                                   evidence.size(),
                                   evidence.data(),
                                   excluded.size(),
                                   excluded.data(),
                                   fixes.size(),
                                   fixes.data()};
    output.finding(output.context, &raw);
  }

 private:
  struct Proof {
    std::string what;
    Value value;
    std::string unit, source;
    When when;
  };
  struct Cure {
    std::string text, command, persist;
  };
  std::string id_, summary_;
  std::uint32_t severity_ = HOSTCHECK_DEFAULT;
  std::uint32_t status_ = HOSTCHECK_BY_CLAIM;
  std::vector<std::pair<std::string, Value>> subject_;
  std::vector<Proof> evidence_;
  std::vector<std::pair<std::string, std::string>> excluded_;
  std::vector<Cure> fixes_;
};

// What check() says.
class Output {
 public:
  explicit Output(const hostcheck_output& output) : output_(output) {}

  void add(const Finding& finding) { finding.hand_to(output_); }
  // The check could not judge, or not all.
  void unknown(std::string_view id, std::string_view reason) {
    output_.unknown(output_.context, text_of(id), text_of(reason));
  }
  // One row of a [[table]] of plugin.toml: columns and their values. Rules, queries and snapshots have the table under
  // its name.
  void row(std::string_view table, const std::vector<std::pair<std::string, Value>>& cells) {
    std::vector<hostcheck_field> fields;
    for (const auto& [name, value] : cells) fields.push_back({text_of(name), value.raw()});
    output_.row(output_.context, text_of(table), fields.size(), fields.data());
  }
  // Not all rows of a [[table]] can be told. Throws where hostcheck is too old to hear of it.
  void absent(std::string_view table, std::string_view reason) {
    if (output_.size < offsetof(hostcheck_output, absent) + sizeof(output_.absent)) {
      throw Error("this hostcheck knows no plugin's table that is absent in part");
    }
    output_.absent(output_.context, text_of(table), text_of(reason));
  }
  // Asks for a probe on behalf of a check; see hostcheck_probe for what becomes of it. netns "": where hostcheck runs.
  void probe(std::string_view id, std::string_view kind, std::string_view target, std::string_view netns,
             const std::vector<std::pair<std::string, Value>>& arguments = {}) {
    std::vector<hostcheck_field> fields;
    for (const auto& [name, value] : arguments) fields.push_back({text_of(name), value.raw()});
    const hostcheck_probe raw = {sizeof(hostcheck_probe),
                                 0,
                                 text_of(id),
                                 text_of(kind),
                                 text_of(target),
                                 text_of(netns),
                                 fields.size(),
                                 fields.data()};
    output_.probe(output_.context, &raw);
  }

 private:
  const hostcheck_output& output_;
};

// What HOSTCHECK_PLUGIN puts around a check: exceptions end here.
inline int guarded(void (*check)(const Input&, Output&), const hostcheck_input* input, const hostcheck_output* output,
                   const char** failure) {
  static std::string words;
  try {
    Output answer(*output);
    check(Input(*input), answer);
    return 0;
  } catch (const std::exception& thrown) {
    words = thrown.what();
  } catch (...) {
    words = "threw something that is no std::exception";
  }
  *failure = words.c_str();
  return 1;
}

}  // namespace hostcheck

// Exports the descriptor. name: as in plugin.toml. function: void(const hostcheck::Input&, hostcheck::Output&).
#define HOSTCHECK_PLUGIN(plugin_name, function)                                                        \
  extern "C" __attribute__((visibility("default"))) const hostcheck_plugin* hostcheck_plugin_entry() { \
    static const hostcheck_plugin descriptor = {                                                       \
        HOSTCHECK_ABI, sizeof(hostcheck_plugin), plugin_name, HOSTCHECK_SDK_VERSION,                   \
        [](const hostcheck_input* input, const hostcheck_output* output, const char** failure) {       \
          return hostcheck::guarded(&(function), input, output, failure);                              \
        }};                                                                                            \
    return &descriptor;                                                                                \
  }

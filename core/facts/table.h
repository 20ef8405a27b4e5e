// How a table of facts is described, once, next to its row struct. From the description come the SQL columns, the
// snapshot, JSON, `hostcheck tables` and the deltas between two samples.
//
//   struct Link {
//     Symbol netns;
//     std::uint32_t ifindex = 0;
//     Counter rx_bytes;
//     static const TableInfo& table();
//   };
//   const TableInfo& Link::table() {
//     static const TableInfo info =
//         TableBuilder<Link>("links", "Network interfaces, one row each")
//             .key<&Link::netns>("netns", "", "namespace that was asked", "Name of the network namespace")
//             .key<&Link::ifindex>("ifindex", "", "ifinfomsg.ifi_index", "Number of the interface")
//             .counter<&Link::rx_bytes>("rx_bytes", "bytes", "IFLA_STATS64 rx_bytes", "Bytes received")
//             .build();
//     return info;
//   }
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/facts/cell.h"

namespace hostcheck::facts {

// A number that only ever counts up, and how far it went during the observation.
struct Counter {
  std::uint64_t value = 0;             // since the kernel object was made
  std::optional<std::uint64_t> delta;  // increase between the two samples; absent without a second sample, when the row
                                       // is new, or when the counter went backwards (the object was made anew)
  std::uint32_t span_ms = 0;           // time between the two samples, 0 without a second one
  Counter() = default;
  Counter(std::uint64_t counted) : value(counted) {}  // NOLINT(google-explicit-constructor): reads as the number it is
};

struct Column {
  std::string name;  // as in SQL
  Type type = Type::text;
  std::string unit;       // "bytes", "ms", "packets", ...; "" for names and plain numbers
  std::string source;     // where the kernel keeps it: attribute, struct field or file
  std::string meaning;    // one sentence for the reader of `hostcheck tables`
  bool key = false;       // part of what tells rows apart
  bool observed = false;  // exists only with two samples (…_delta, …_per_second)
  Cell (*read)(const void* row, std::string& scratch) = nullptr;
};

struct TableInfo {
  std::string name;
  std::string meaning;
  std::vector<Column> columns;
  std::vector<Counter* (*)(void* row)> counters;  // each gives nullptr where the row has no such counter
  std::string brought_by = {};                    // the plugin that brings its rows; "" for hostcheck's own tables
  bool compared = true;                           // by diff; only asked of tables that plugins bring

  // Index of a column by name; nullopt where there is none.
  [[nodiscard]] std::optional<std::size_t> column(std::string_view column_name) const;
  [[nodiscard]] std::vector<std::string> column_names() const;
};

template <typename Row>
class TableBuilder {
 public:
  TableBuilder(std::string_view name, std::string_view meaning) {
    info_.name = name;
    info_.meaning = meaning;
  }

  // A column that shows one member of the row.
  template <auto Member>
  TableBuilder& column(std::string_view name, std::string_view unit, std::string_view source,
                       std::string_view meaning) {
    using T = std::remove_cvref_t<decltype(std::declval<Row>().*Member)>;
    info_.columns.push_back({std::string(name), member_type<T>(), std::string(unit), std::string(source),
                             std::string(meaning), false, false, [](const void* row, std::string& scratch) {
                               return member_cell(static_cast<const Row*>(row)->*Member, scratch);
                             }});
    return *this;
  }

  // The same, and it is part of what tells rows apart.
  template <auto Member>
  TableBuilder& key(std::string_view name, std::string_view unit, std::string_view source, std::string_view meaning) {
    column<Member>(name, unit, source, meaning);
    info_.columns.back().key = true;
    return *this;
  }

  // A column that is worked out from the row by a function Cell(const Row&, std::string& scratch).
  template <auto Function>
  TableBuilder& computed(std::string_view name, Type type, std::string_view unit, std::string_view source,
                         std::string_view meaning) {
    info_.columns.push_back(
        {std::string(name), type, std::string(unit), std::string(source), std::string(meaning), false, false,
         [](const void* row, std::string& scratch) { return Function(*static_cast<const Row*>(row), scratch); }});
    return *this;
  }

  // The column just described is part of what tells rows apart.
  TableBuilder& as_key() {
    info_.columns.back().key = true;
    return *this;
  }

  // A Counter (or std::optional<Counter>) member: three columns, NAME, NAME_delta and NAME_per_second.
  template <auto Member>
  TableBuilder& counter(std::string_view name, std::string_view unit, std::string_view source,
                        std::string_view meaning) {
    return counter_from<&slot<Member>>(name, unit, source, meaning);
  }

  // The same for a counter that is found by a function Counter*(Row&); nullptr reads as NULL.
  template <auto Slot>
  TableBuilder& counter_from(std::string_view name, std::string_view unit, std::string_view source,
                             std::string_view meaning) {
    const std::string base(name);
    info_.columns.push_back({base, Type::integer, std::string(unit), std::string(source), std::string(meaning), false,
                             false, [](const void* row, std::string& scratch) {
                               const Counter* counted = get<Slot>(row);
                               return counted == nullptr ? Cell{} : member_cell(counted->value, scratch);
                             }});
    add_observed<Slot>(base, unit, source, meaning);
    return *this;
  }

  // The same where the value is read by another function, Cell(const Row&, std::string& scratch), than the counter
  // itself, which is then needed only when two samples are taken.
  template <auto Read, auto Slot>
  TableBuilder& counter_from(std::string_view name, std::string_view unit, std::string_view source,
                             std::string_view meaning) {
    computed<Read>(name, Type::integer, unit, source, meaning);
    add_observed<Slot>(std::string(name), unit, source, meaning);
    return *this;
  }

  // The whole table exists only with an observation.
  TableBuilder& observed() {
    for (Column& each : info_.columns) each.observed = true;
    return *this;
  }

  [[nodiscard]] TableInfo build() { return std::move(info_); }

 private:
  template <auto Member>
  static Counter* slot(Row& row) {
    auto& member = row.*Member;
    if constexpr (std::is_same_v<std::remove_cvref_t<decltype(member)>, Counter>) {
      return &member;
    } else {
      return member ? &*member : nullptr;
    }
  }
  template <auto Slot>
  static const Counter* get(const void* row) {
    return Slot(*const_cast<Row*>(static_cast<const Row*>(row)));  // NOLINT: Slot only finds it
  }
  template <auto Slot>
  void add_observed(const std::string& base, std::string_view unit, std::string_view source, std::string_view meaning) {
    info_.columns.push_back({base + "_delta", Type::integer, std::string(unit), std::string(source),
                             std::string(meaning) + "; increase during the observation", false, true,
                             [](const void* row, std::string& scratch) {
                               const Counter* counted = get<Slot>(row);
                               return counted == nullptr ? Cell{} : member_cell(counted->delta, scratch);
                             }});
    info_.columns.push_back({base + "_per_second", Type::real, std::string(unit) + "/s", std::string(source),
                             std::string(meaning) + "; increase per second of observation", false, true,
                             [](const void* row, std::string&) {
                               const Counter* counted = get<Slot>(row);
                               if (counted == nullptr || !counted->delta || counted->span_ms == 0) return Cell{};
                               return real_cell(static_cast<double>(*counted->delta) * 1000.0 / counted->span_ms);
                             }});
    info_.counters.push_back([](void* row) { return Slot(*static_cast<Row*>(row)); });
  }
  TableInfo info_;
};

// Every table that hostcheck knows, in the order of `hostcheck tables`. A new fact adds its line here (catalogue.cpp).
[[nodiscard]] std::span<const TableInfo* const> catalogue();
// Makes a table that a plugin brings (brought_by is set, Column::read is not) known to every reader of the catalogue,
// behind hostcheck's own and for as long as the process lives. To be called before a database is opened that shall have
// it, and from one thread only. Returns the table; where there is one of that name already, that one, which stays.
const TableInfo& add_table(TableInfo info);
// Whether a plugin brings the table.
[[nodiscard]] bool is_brought_table(std::string_view name);
// By name; nullptr where there is none.
[[nodiscard]] const TableInfo* find_table(std::string_view name);
[[nodiscard]] std::vector<std::string> table_names();

}  // namespace hostcheck::facts

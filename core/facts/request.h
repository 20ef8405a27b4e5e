// What a run asks to be gathered: tables, columns and, where every reader of a table says so, only some of its rows.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/facts/cell.h"

namespace hostcheck::facts {

// One term of a WHERE clause with a literal on its right.
struct Constraint {
  enum class Op { eq, ne, lt, le, gt, ge, glob, like, is_null, not_null };
  std::string column;
  Op op = Op::eq;
  Value value;
  bool operator==(const Constraint&) const = default;
};

class TableRequest {
 public:
  // One reader of the table: the columns that it reads and the terms that all its rows satisfy (none: it reads all
  // rows).
  void add_reader(const std::set<std::string>& columns, std::vector<Constraint> all_of);

  // Whether any reader reads the column.
  [[nodiscard]] bool wants(std::string_view column) const;
  // Whether any reader reads a NAME_delta or NAME_per_second column.
  [[nodiscard]] bool wants_observation() const;
  // The values that the column may have in rows that anybody wants, when every reader has `column = literal`; nullopt
  // when some reader wants rows whatever the column's value. A source may pass these to the kernel.
  [[nodiscard]] std::optional<std::vector<Value>> only(std::string_view column) const;
  [[nodiscard]] std::optional<std::vector<std::string>> only_text(std::string_view column) const;
  [[nodiscard]] std::optional<std::vector<std::int64_t>> only_integers(std::string_view column) const;
  // Like only_text, with `=` and GLOB both as shell patterns (an `=` literal's wildcards are kept literal by the
  // caller's data: no sysctl or interface name has them).
  [[nodiscard]] std::optional<std::vector<std::string>> only_patterns(std::string_view column) const;
  // Whether some reader has an = or GLOB term on the column that accepts the text, or no such term. For sources that
  // filter while they parse, before a row is made.
  [[nodiscard]] bool may_want(std::string_view column, const Value& value) const;

  // The readers that read any of these columns, on their own: for what is costly to find out, and only for the rows
  // that they want.
  [[nodiscard]] TableRequest readers_of(std::span<const std::string_view> columns) const;
  // Adds every reader of another request for the same table.
  void merge(const TableRequest& other);

  // Asked for by the same readers in the same order.
  bool operator==(const TableRequest&) const = default;

  [[nodiscard]] const std::set<std::string>& columns() const { return columns_; }
  [[nodiscard]] const std::vector<std::vector<Constraint>>& readers() const { return readers_; }

 private:
  std::set<std::string> columns_;
  std::vector<std::vector<Constraint>> readers_;
  std::vector<std::set<std::string>> reader_columns_;  // of each of readers_
};

// Whether a value satisfies a constraint as SQLite would say (text compared bytewise, NULL satisfies only is_null).
[[nodiscard]] bool satisfies(const Cell& cell, const Constraint& constraint);

// What is asked of each table, by its name. A table that is not in it is not gathered.
using Request = std::map<std::string, TableRequest, std::less<>>;

// Every table with all its columns and rows.
[[nodiscard]] Request request_everything();

}  // namespace hostcheck::facts

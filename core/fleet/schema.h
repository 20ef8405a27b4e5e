// The tables of a fleet's database: the tables of facts under their own names with a column `host` in front, and what
// the reports say.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/facts/table.h"

namespace hostcheck::fleet {

// In the order of widening: a column of a type can take every value of those before it, up to text.
enum class ColumnType : std::uint8_t { boolean, integer, real, text, json, time };
// As PostgreSQL calls it: "boolean", "bigint", "double precision", "text", "jsonb", "timestamp with time zone".
[[nodiscard]] std::string_view sql_name(ColumnType type);
[[nodiscard]] ColumnType column_type(facts::Type type);

struct Column {
  std::string name;
  ColumnType type = ColumnType::text;
  std::string comment;
};

struct Table {
  std::string name;
  std::string comment;
  std::vector<Column> columns;       // `host` is the first
  std::vector<std::string> indexed;  // columns that have an index; `host` always has one
};

// The comment of the table `runs` begins with it: by that a schema is known as one of ours. Its number is raised when
// an older program could misunderstand the tables.
inline constexpr std::string_view kMark = "hostcheck collect, format 1: ";

// runs, findings, suppressed_findings, checks, capabilities, gathered, absences, then the catalogue of facts.
[[nodiscard]] std::span<const Table> tables();
// By name; nullptr where there is none.
[[nodiscard]] const Table* find_table(std::string_view name);
// Whether it is one of the tables that are no facts.
[[nodiscard]] bool is_own_table(std::string_view name);
// What a column's comment says: the meaning, the unit, the kernel's source.
[[nodiscard]] std::string comment_of(std::string_view meaning, std::string_view unit, std::string_view source);

// "name" with its quotes, and 'text' with its own.
[[nodiscard]] std::string quoted_name(std::string_view name);
[[nodiscard]] std::string quoted_text(std::string_view text);

// Statements that make a table with its comments and indexes, unless it is there.
[[nodiscard]] std::string create_table(const Table& table);
// Views, and operators and functions by which queries written for `hostcheck query` run.
[[nodiscard]] std::string create_helpers();
// All of it, for a schema of this name, which becomes the search path of the session.
[[nodiscard]] std::string create_schema(std::string_view schema);

}  // namespace hostcheck::fleet

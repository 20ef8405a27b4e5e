// SQL over the facts of a run: SQLite in memory, whose tables read the fact tables in place.
//
//   auto database = sql::Database::open();                  // no facts yet
//   auto request = database->plan("SELECT ...");            // what has to be gathered for it
//   facts::Facts facts = gather(*request, ...);
//   database->use(facts);
//   auto answer = database->run("SELECT ...", {});          // compiled once, by plan()
//
// A query is one SELECT on the tables of facts::catalogue() and on absences_table(). Besides SQLite's own scalar,
// aggregate, window, date, JSON and mathematical functions it may use those listed in functions.h.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"
#include "core/facts/facts.h"
#include "core/facts/request.h"

namespace hostcheck::sql {

// Values for :name in a query; the name without the colon.
using Parameters = std::map<std::string, facts::Value, std::less<>>;

// What one query may cost. Beyond it the query is stopped with an Error of code limit.
struct Limits {
  std::chrono::milliseconds time{2000};
  std::size_t memory_bytes = 256UL << 20;
  std::size_t rows = 10'000'000;  // of the answer
};

// A column of an answer and, where it is a table's column and not an expression, which.
struct AnswerColumn {
  std::string name;
  std::string table;   // "" for an expression
  std::string column;  // "" for an expression
};

struct Answer {
  std::vector<AnswerColumn> columns;
  std::vector<std::vector<facts::Value>> rows;
};

// The table `absences`: Facts::absences() as rows. It is never gathered, so no Request has it.
[[nodiscard]] const facts::TableInfo& absences_table();

// What a query reads: tables and columns, found by SQLite itself, and the row filters that reach the sources.
// Error code invalid: the query does not compile; the message names the unknown table or column and the nearest one, or
// says what is not allowed (writing, ATTACH, PRAGMA, file and extension functions, more than one statement). Opens a
// Database for itself; whoever has one uses Database::plan.
[[nodiscard]] Result<facts::Request> plan(std::string_view query);

// Whether a new table or column may be called so: lower case letters, digits and _, a letter first, at most 63 of them;
// no keyword of SQL and no name that SQLite, hostcheck's probes or a snapshot keep for themselves.
[[nodiscard]] bool is_free_name(std::string_view name);

// Queries on one set of facts. Read-only by construction: no writing, no ATTACH, no PRAGMA, no file functions.
class Database {
 public:
  // Without facts: for planning; every table reads as empty until use().
  [[nodiscard]] static Result<Database> open();
  // The same, then use(facts).
  [[nodiscard]] static Result<Database> open(const facts::Facts& facts);
  Database(Database&&) noexcept;
  Database& operator=(Database&&) noexcept;
  ~Database();

  // Reads these facts from now on. They must outlive the Database (or the next use()) and not change meanwhile. A table
  // that was not gathered reads as empty; callers compare plan() with Facts::find() and Facts::absences() before they
  // believe an empty answer. What was planned before stays compiled.
  void use(const facts::Facts& facts);

  // As the function plan(); the compiled query is kept for run().
  [[nodiscard]] Result<facts::Request> plan(std::string_view query);
  // The columns that the query answers with, without running it.
  [[nodiscard]] Result<std::vector<AnswerColumn>> columns(std::string_view query);
  // The names of the query's :parameters, without the colon.
  [[nodiscard]] Result<std::vector<std::string>> parameters(std::string_view query);
  // Every :name in the query needs a value; values that the query does not name are ignored.
  [[nodiscard]] Result<Answer> run(std::string_view query, const Parameters& parameters, const Limits& limits = {});

 private:
  struct State;
  explicit Database(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace hostcheck::sql

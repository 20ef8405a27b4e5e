#include "core/sql/database.h"

#include <algorithm>
#include <unordered_map>

#include <fmt/format.h>
#include <sqlite3.h>

#include "core/base/text.h"
#include "core/base/units.h"
#include "core/sql/absences.h"
#include "core/sql/fact_module.h"
#include "core/sql/functions.h"
#include "core/sql/outer_join.h"
#include "core/sql/sandbox.h"
#include "core/sql/sqlite_values.h"

namespace hostcheck::sql {
namespace {

struct Compiled {
  Statement statement;
  facts::Request request;
};

std::string text_or_empty(const char* text) {
  return text == nullptr ? std::string() : std::string(text);
}

std::vector<AnswerColumn> columns_of(sqlite3_stmt* statement) {
  std::vector<AnswerColumn> columns;
  for (int at = 0; at < sqlite3_column_count(statement); ++at) {
    columns.push_back({text_or_empty(sqlite3_column_name(statement, at)),
                       text_or_empty(sqlite3_column_table_name(statement, at)),
                       text_or_empty(sqlite3_column_origin_name(statement, at))});
  }
  return columns;
}

// Numbers after "VIRTUAL TABLE INDEX " in the rows of EXPLAIN QUERY PLAN: the scans that the plan really uses.
std::optional<int> scan_number(std::string_view detail) {
  constexpr std::string_view kMark = "VIRTUAL TABLE INDEX ";
  const std::size_t at = detail.find(kMark);
  if (at == std::string_view::npos) return std::nullopt;
  const std::string_view rest = detail.substr(at + kMark.size());
  return parse_number<int>(rest.substr(0, rest.find(':')));
}

// What is wrong with a statement that compiled.
std::optional<std::string_view> unfit(sqlite3_stmt* statement) {
  if (statement == nullptr) return "empty";
  if (sqlite3_stmt_isexplain(statement) != 0) return "EXPLAIN is not allowed in a query";
  if (sqlite3_column_count(statement) == 0 || sqlite3_stmt_readonly(statement) == 0) {
    return "a query can only read: one SELECT";
  }
  return std::nullopt;
}

bool is_reader(const facts::TableRequest& table, const std::vector<facts::Constraint>& terms) {
  const auto same = [](const facts::Constraint& a, const facts::Constraint& b) {
    return a.column == b.column && a.op == b.op && a.value == b.value;
  };
  return std::any_of(table.readers().begin(), table.readers().end(), [&](const auto& each) {
    return std::equal(each.begin(), each.end(), terms.begin(), terms.end(), same);
  });
}

// Whether every term of a is one of b's, and b has more.
bool is_weaker(const Scan& a, const Scan& b) {
  return a.info == b.info && a.terms.size() < b.terms.size() &&
         std::all_of(a.terms.begin(), a.terms.end(), [&](const Term& term) {
           return std::find(b.terms.begin(), b.terms.end(), term) != b.terms.end();
         });
}

// Whether SQLite was offered the same table with more and with fewer terms, so that only its final plan tells what is
// read. (It asks again for each branch of an OR.) Otherwise all offers together say what is read: each scan was offered
// in one way.
bool is_choice(const Tables& tables) {
  const auto scan = [&](int number) -> const Scan& { return tables.scans[static_cast<std::size_t>(number)]; };
  return std::any_of(tables.offered.begin(), tables.offered.end(), [&](int a) {
    return std::any_of(tables.offered.begin(), tables.offered.end(),
                       [&](int b) { return is_weaker(scan(a), scan(b)); });
  });
}

}  // namespace

struct Database::State {
  Tables tables;
  Authorizer authorizer;
  std::unique_ptr<AbsenceRows> absences;
  std::unique_ptr<sqlite3, CloseConnection> connection;
  std::map<std::string, Compiled, std::less<>> compiled;
  bool knows_json = false;

  Result<Statement> prepare(std::string_view query);
  Result<Compiled*> compile(std::string_view query);
  Result<std::vector<int>> scans_used(std::string_view query);
  Result<facts::Request> request_for(std::string_view query);
  void meet_json();
  Result<Answer> step(sqlite3_stmt* statement, std::string_view query, const Limits& limits);
  Error error(int code, std::string_view query, const Limits& limits) const {
    return query_error(connection.get(), code, authorizer, query, limits);
  }
  void forget_rows();
};

void Database::State::forget_rows() {
  for (auto& table : tables.tables) {
    table->data = nullptr;
    table->indexes.clear();
    table->matches.clear();
  }
}

// Has SQLite declare json_each and json_tree, which it does at their first use, and then asks to be allowed it.
void Database::State::meet_json() {
  if (knows_json) return;
  tables.declaring = true;
  sqlite3_exec(connection.get(), "SELECT 1 FROM json_each('[]'), json_tree('[]')", nullptr, nullptr, nullptr);
  tables.declaring = false;
  knows_json = true;
}

Result<Statement> Database::State::prepare(std::string_view query) {
  if (query.find("json_") != std::string_view::npos || query.find("JSON_") != std::string_view::npos) meet_json();
  authorizer.reads.clear();
  authorizer.denied.clear();
  tables.offered.clear();
  tables.distrust_auxiliary = has_foreign_term_in_outer_join(query);
  const Limits limits;
  const Bounds bounds(connection.get(), limits);
  sqlite3_stmt* raw = nullptr;
  const char* tail = nullptr;
  const int code = sqlite3_prepare_v3(connection.get(), query.data(), static_cast<int>(query.size()),
                                      SQLITE_PREPARE_PERSISTENT, &raw, &tail);
  Statement statement(raw);
  if (code != SQLITE_OK) return unexpected(error(code, query, limits));
  if (const auto wrong = unfit(raw)) return unexpected(make_error(ErrorCode::invalid, "query", "", *wrong));
  const std::string_view rest = query.substr(static_cast<std::size_t>(tail - query.data()));
  if (!trim(rest).empty()) {
    sqlite3_stmt* more = nullptr;
    // Nothing but a comment gives no statement and no error.
    const int rest_code =
        sqlite3_prepare_v2(connection.get(), rest.data(), static_cast<int>(rest.size()), &more, nullptr);
    const Statement second(more);
    if (rest_code != SQLITE_OK || second != nullptr) {
      return unexpected(make_error(ErrorCode::invalid, "query", "", "more than one statement; a query is one SELECT"));
    }
  }
  return statement;
}

Result<std::vector<int>> Database::State::scans_used(std::string_view query) {
  const std::string explained = "EXPLAIN QUERY PLAN " + std::string(query);
  tables.offered.clear();
  sqlite3_stmt* raw = nullptr;
  int code = sqlite3_prepare_v2(connection.get(), explained.data(), static_cast<int>(explained.size()), &raw, nullptr);
  const Statement statement(raw);
  std::vector<int> used;
  while (code == SQLITE_OK || code == SQLITE_ROW) {
    code = sqlite3_step(statement.get());
    if (code != SQLITE_ROW) break;
    const auto* detail = reinterpret_cast<const char*>(sqlite3_column_text(statement.get(), 3));
    if (detail == nullptr) continue;
    if (const auto number = scan_number(detail)) used.push_back(*number);
  }
  if (code != SQLITE_DONE) return unexpected(error(code, query, {}));
  return used;
}

// Called right after prepare() of the same query.
Result<facts::Request> Database::State::request_for(std::string_view query) {
  const auto reads = authorizer.reads;
  std::vector<int> scans = tables.offered;
  if (is_choice(tables)) {
    auto used = scans_used(query);
    if (!used) return unexpected(used.error());
    scans = *std::move(used);
  }
  facts::Request request;
  for (const auto& [name, columns] : reads) {
    if (name == absences_table().name) continue;
    facts::TableRequest& table = request[name];
    bool scanned = false;
    for (const int number : scans) {
      const Scan& scan = tables.scans[static_cast<std::size_t>(number)];
      if (scan.info->name != name) continue;
      std::vector<facts::Constraint> terms;
      for (const Term& term : scan.terms) terms.push_back(term.constraint);
      if (!is_reader(table, terms)) table.add_reader(columns, std::move(terms));
      scanned = true;
    }
    // Read, but optimised away: ask for all of it, as the text says.
    if (!scanned) table.add_reader(columns, {});
  }
  return request;
}

Result<Compiled*> Database::State::compile(std::string_view query) {
  if (const auto found = compiled.find(query); found != compiled.end()) return &found->second;
  auto statement = prepare(query);
  if (!statement) return unexpected(statement.error());
  auto request = request_for(query);
  if (!request) return unexpected(request.error());
  const auto [made, inserted] =
      compiled.emplace(std::string(query), Compiled{*std::move(statement), *std::move(request)});
  return &made->second;
}

bool is_free_name(std::string_view name) {
  const auto fits = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; };
  if (name.empty() || name.size() > 63 || name.front() < 'a' || name.front() > 'z') return false;
  if (!std::all_of(name.begin(), name.end(), fits)) return false;
  for (const std::string_view taken : {"sqlite_", "json_", "pragma_", "probe_"}) {
    if (name.starts_with(taken)) return false;
  }
  for (const std::string_view taken : {"absences", "columns", "snapshot", "brought", "main", "temp", "rowid", "oid"}) {
    if (name == taken) return false;
  }
  return sqlite3_keyword_check(name.data(), static_cast<int>(name.size())) == 0;
}

Database::Database(std::unique_ptr<State> state) : state_(std::move(state)) {}
Database::Database(Database&&) noexcept = default;
Database& Database::operator=(Database&&) noexcept = default;
Database::~Database() = default;

Result<Database> Database::open() {
  auto state = std::make_unique<State>();
  state->authorizer.tables = &state->tables;
  sqlite3* raw = nullptr;
  int code =
      sqlite3_open_v2(":memory:", &raw, SQLITE_OPEN_READWRITE | SQLITE_OPEN_MEMORY | SQLITE_OPEN_NOMUTEX, nullptr);
  state->connection.reset(raw);
  if (code == SQLITE_OK) code = register_fact_tables(raw, state->tables);
  if (code == SQLITE_OK) code = register_functions(raw);
  if (code == SQLITE_OK) code = lock_down(raw, state->authorizer);
  if (code != SQLITE_OK) return unexpected(make_error(ErrorCode::failed, "open", "SQLite", sqlite3_errstr(code)));
  return Database(std::move(state));
}

Result<Database> Database::open(const facts::Facts& facts) {
  auto database = open();
  if (database) database->use(facts);
  return database;
}

void Database::use(const facts::Facts& facts) {
  state_->forget_rows();
  state_->absences = std::make_unique<AbsenceRows>(facts.absences());
  for (auto& table : state_->tables.tables) {
    table->data = table->info == &absences_table() ? state_->absences.get() : facts.find(table->info->name);
  }
}

Result<facts::Request> Database::plan(std::string_view query) {
  auto compiled = state_->compile(query);
  if (!compiled) return unexpected(compiled.error());
  return (*compiled)->request;
}

Result<std::vector<AnswerColumn>> Database::columns(std::string_view query) {
  auto compiled = state_->compile(query);
  if (!compiled) return unexpected(compiled.error());
  return columns_of((*compiled)->statement.get());
}

Result<std::vector<std::string>> Database::parameters(std::string_view query) {
  auto compiled = state_->compile(query);
  if (!compiled) return unexpected(compiled.error());
  sqlite3_stmt* statement = (*compiled)->statement.get();
  std::vector<std::string> names;
  for (int at = 1; at <= sqlite3_bind_parameter_count(statement); ++at) {
    const std::string name = text_or_empty(sqlite3_bind_parameter_name(statement, at));
    if (!name.starts_with(':')) {
      return unexpected(make_error(ErrorCode::invalid, "query", "", "parameters are written :name"));
    }
    names.push_back(name.substr(1));
  }
  return names;
}

Result<Answer> Database::State::step(sqlite3_stmt* statement, std::string_view query, const Limits& limits) {
  const Bounds bounds(connection.get(), limits);
  const auto beyond = [](std::string what) { return unexpected(make_error(ErrorCode::limit, "query", "", what)); };
  Answer answer{columns_of(statement), {}};
  const int width = static_cast<int>(answer.columns.size());
  std::size_t bytes = 0;
  int code = SQLITE_ROW;
  while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
    if (answer.rows.size() == limits.rows) return beyond(fmt::format("answers with more than {} rows", limits.rows));
    std::vector<facts::Value>& row = answer.rows.emplace_back();
    row.reserve(answer.columns.size());
    bytes += sizeof row + answer.columns.size() * sizeof(facts::Value);
    for (int at = 0; at < width; ++at) {
      row.push_back(value_of(statement, at));
      if (const auto* text = std::get_if<std::string>(&row.back())) bytes += text->size();
    }
    if (bytes > limits.memory_bytes) {
      return beyond(fmt::format("needs more than {}", human_bytes(static_cast<double>(limits.memory_bytes))));
    }
  }
  if (code != SQLITE_DONE) return unexpected(error(code, query, limits));
  return answer;
}

Result<Answer> Database::run(std::string_view query, const Parameters& parameters, const Limits& limits) {
  auto compiled = state_->compile(query);
  if (!compiled) return unexpected(compiled.error());
  auto names = this->parameters(query);
  if (!names) return unexpected(names.error());
  sqlite3_stmt* statement = (*compiled)->statement.get();
  sqlite3_reset(statement);
  for (std::size_t at = 0; at < names->size(); ++at) {
    const auto found = parameters.find((*names)[at]);
    if (found == parameters.end()) {
      std::vector<std::string> known;
      for (const auto& [name, value] : parameters) known.push_back(name);
      return unexpected(
          make_error(ErrorCode::invalid, "query", "",
                     fmt::format("parameter :{} has no value{}", (*names)[at], did_you_mean((*names)[at], known))));
    }
    if (const int code = bind_value(statement, static_cast<int>(at) + 1, found->second); code != SQLITE_OK) {
      return unexpected(state_->error(code, query, limits));
    }
  }
  state_->authorizer.denied.clear();
  auto answer = state_->step(statement, query, limits);
  sqlite3_reset(statement);
  return answer;
}

Result<facts::Request> plan(std::string_view query) {
  auto database = Database::open();
  if (!database) return unexpected(database.error());
  return database->plan(query);
}

}  // namespace hostcheck::sql

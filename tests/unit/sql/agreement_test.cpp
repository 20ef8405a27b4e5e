// Whatever is asked, the answer is the one that SQLite gives on plain tables with the same rows: over all the facts,
// and over only those rows that the plan says are needed.
#include <algorithm>
#include <random>

#include <gtest/gtest.h>
#include <sqlite3.h>

#include "core/facts/facts.h"
#include "core/sql/database.h"

namespace hostcheck::sql {
namespace {

using facts::Value;
using Rows = std::vector<std::vector<Value>>;

constexpr std::string_view kTables[] = {"neighbours", "namespaces"};

class Generator {
 public:
  explicit Generator(unsigned seed) : random_(seed) {}
  std::size_t below(std::size_t end) { return std::uniform_int_distribution<std::size_t>(0, end - 1)(random_); }
  template <typename T>
  const T& one_of(const std::vector<T>& all) {
    return all[below(all.size())];
  }

  // A cell of a kind that the column can have.
  Value cell(const facts::Column& column) {
    static const std::vector<std::string> kTexts = {"a", "A", "ab", "abc", "b", "5", "05", "5.0", "%", "x*", "[a]", ""};
    if (below(6) == 0) return {};
    switch (column.type) {
      case facts::Type::boolean:
        return static_cast<std::int64_t>(below(2));
      case facts::Type::integer:
        return static_cast<std::int64_t>(below(8)) - 1;
      case facts::Type::real:
        return static_cast<double>(below(12)) / 2;
      case facts::Type::text:
        return one_of(kTexts);
    }
    return {};
  }

  std::string literal() {
    static const std::vector<std::string> kLiterals = {"1",    "5",   "-1",   "2.5", "5.0",  "'a'", "'ab'", "'5'",
                                                       "'05'", "'A'", "NULL", "'%'", "TRUE", "''",  "3",    "'5.0'"};
    return one_of(kLiterals);
  }

  std::string column_of(const std::string& alias, std::string_view table) {
    const facts::TableInfo& info = *facts::find_table(table);
    return alias + "." + info.columns[below(std::min<std::size_t>(info.columns.size(), 7))].name;
  }

  std::string term(const std::vector<std::pair<std::string, std::string_view>>& scope) {
    static const std::vector<std::string> kOps = {"=", "=", "=", "<>", "<", "<=", ">", ">=", "IS", "IS NOT"};
    static const std::vector<std::string> kPatterns = {"'a*'", "'*'", "'?'",  "'[a-b]*'", "'a%'",
                                                       "'%'",  "'_'", "'A%'", "5"};
    const auto& [alias, table] = one_of(scope);
    const std::string left = column_of(alias, table);
    switch (below(11)) {
      case 0:
        return left + " IS NULL";
      case 1:
        return left + " IS NOT NULL";
      case 2:
        return left + (below(2) == 0 ? " GLOB " : " LIKE ") + one_of(kPatterns);
      case 3:
        return left + " IN (" + literal() + ", " + literal() + ")";
      case 4:
        return left + " BETWEEN " + literal() + " AND " + literal();
      case 5: {
        const auto& [other, its] = one_of(scope);
        return left + " " + one_of(kOps) + " " + column_of(other, its);
      }
      case 6:
        return left + " = " + literal() + " COLLATE NOCASE";
      case 7:
        return literal() + " " + one_of(kOps) + " " + left;
      default:
        return left + " " + one_of(kOps) + " " + literal();
    }
  }

  std::string condition(const std::vector<std::pair<std::string, std::string_view>>& scope, int depth = 0) {
    switch (depth > 1 ? 9 : below(10)) {
      case 0:
        return "(" + condition(scope, depth + 1) + " OR " + condition(scope, depth + 1) + ")";
      case 1:
        return "NOT (" + condition(scope, depth + 1) + ")";
      case 2:
      case 3:
      case 4:
        return condition(scope, depth + 1) + " AND " + condition(scope, depth + 1);
      case 5: {
        auto inner = scope;
        inner.emplace_back("s" + std::to_string(depth), kTables[below(2)]);
        return std::string(below(2) == 0 ? "" : "NOT ") + "EXISTS (SELECT 1 FROM " + std::string(inner.back().second) +
               " " + inner.back().first + " WHERE " + condition({inner.back(), scope.front()}, depth + 1) + ")";
      }
      case 6:
        return column_of(scope[0].first, scope[0].second) + " IN (SELECT " + column_of("i", kTables[0]) + " FROM " +
               std::string(kTables[0]) + " i WHERE " + term({{"i", kTables[0]}}) + ")";
      default:
        return term(scope);
    }
  }

  std::string query() {
    static const std::vector<std::string> kJoins = {" JOIN ", " LEFT JOIN ", " RIGHT JOIN ", " FULL JOIN "};
    const std::pair<std::string, std::string_view> a{"a", kTables[below(2)]};
    const std::pair<std::string, std::string_view> b{"b", kTables[below(2)]};
    std::string from = std::string(a.second) + " a";
    if (below(6) == 0)
      from = "(SELECT * FROM " + std::string(a.second) + " WHERE " + term({{std::string(a.second), a.second}}) + ") a";
    std::vector<std::pair<std::string, std::string_view>> scope = {a};
    if (below(2) == 0) {
      scope.push_back(b);
      from += one_of(kJoins) + std::string(b.second) + " b ON " + condition(scope, 1);
    }
    std::string text = "SELECT " + column_of(a.first, a.second) + ", " +
                       column_of(scope.back().first, scope.back().second) + " FROM " + from + " WHERE " +
                       condition(scope);
    switch (below(8)) {
      case 0:
        return "WITH c(x, y) AS (" + text + ") SELECT x, count(*) FROM c GROUP BY x";
      case 1:
        return "SELECT 1, count(*) FROM " + from + " WHERE " + condition(scope);
      case 2:
        return text + " UNION ALL SELECT " + column_of("u", kTables[1]) + ", 7 FROM " + std::string(kTables[1]) +
               " u WHERE " + condition({{"u", kTables[1]}});
      default:
        return text;
    }
  }

 private:
  std::mt19937 random_;
};

struct CloseConnection {
  void operator()(sqlite3* connection) const { sqlite3_close(connection); }
};
using Connection = std::unique_ptr<sqlite3, CloseConnection>;

std::string quoted(const Value& value) {
  if (const auto* integer = std::get_if<std::int64_t>(&value)) return std::to_string(*integer);
  if (const auto* real = std::get_if<double>(&value)) return std::to_string(*real);
  if (const auto* text = std::get_if<std::string>(&value)) return "'" + *text + "'";
  return "NULL";
}

Connection plain_tables(const facts::Facts& facts) {
  sqlite3* raw = nullptr;
  sqlite3_open(":memory:", &raw);
  Connection connection(raw);
  std::string script;
  std::string scratch;
  for (const std::string_view name : kTables) {
    const facts::TableData& data = *facts.find(name);
    std::string columns;
    for (const facts::Column& column : data.info().columns) {
      columns += (columns.empty() ? "" : ",") + column.name +
                 (column.type == facts::Type::text   ? " TEXT"
                  : column.type == facts::Type::real ? " REAL"
                                                     : " INTEGER");
    }
    script += "CREATE TABLE " + std::string(name) + "(" + columns + ");";
    for (std::size_t row = 0; row < data.size(); ++row) {
      std::string values;
      for (std::size_t column = 0; column < data.info().columns.size(); ++column) {
        values += (column == 0 ? "" : ",") + quoted(facts::to_value(data.cell(row, column, scratch)));
      }
      script += "INSERT INTO " + std::string(name) + " VALUES(" + values + ");";
    }
  }
  char* message = nullptr;
  EXPECT_EQ(sqlite3_exec(raw, script.c_str(), nullptr, nullptr, &message), SQLITE_OK) << message;
  return connection;
}

Rows rows_of_sqlite(sqlite3* connection, const std::string& query) {
  Rows rows;
  sqlite3_stmt* statement = nullptr;
  EXPECT_EQ(sqlite3_prepare_v2(connection, query.c_str(), -1, &statement, nullptr), SQLITE_OK)
      << query << ": " << sqlite3_errmsg(connection);
  while (sqlite3_step(statement) == SQLITE_ROW) {
    auto& row = rows.emplace_back();
    for (int at = 0; at < sqlite3_column_count(statement); ++at) {
      switch (sqlite3_column_type(statement, at)) {
        case SQLITE_INTEGER:
          row.emplace_back(static_cast<std::int64_t>(sqlite3_column_int64(statement, at)));
          break;
        case SQLITE_FLOAT:
          row.emplace_back(sqlite3_column_double(statement, at));
          break;
        case SQLITE_TEXT:
          row.emplace_back(std::string(reinterpret_cast<const char*>(sqlite3_column_text(statement, at))));
          break;
        default:
          row.emplace_back();
          break;
      }
    }
  }
  sqlite3_finalize(statement);
  std::sort(rows.begin(), rows.end());
  return rows;
}

Rows rows_of(Database& database, const std::string& query) {
  auto answer = database.run(query, {}, {std::chrono::seconds(20)});
  EXPECT_TRUE(answer) << query << ": " << (answer ? "" : answer.error().message());
  if (!answer) return {};
  std::sort(answer->rows.begin(), answer->rows.end());
  return std::move(answer->rows);
}

// Only the rows of which some reader says that it wants them; and only the columns that are read.
facts::Facts needed(const facts::Facts& all, const facts::Request& request) {
  facts::Facts some;
  for (const auto& [name, asked] : request) {
    const facts::TableData& data = *all.find(name);
    auto rows = std::make_unique<facts::ValueRows>(data.info());
    std::string scratch;
    for (std::size_t row = 0; row < data.size(); ++row) {
      const auto accepts = [&](const std::vector<facts::Constraint>& terms) {
        return std::all_of(terms.begin(), terms.end(), [&](const facts::Constraint& each) {
          return facts::satisfies(data.cell(row, *data.info().column(each.column), scratch), each);
        });
      };
      if (std::none_of(asked.readers().begin(), asked.readers().end(), accepts)) continue;
      auto& kept = rows->rows.emplace_back(data.info().columns.size());
      for (std::size_t column = 0; column < kept.size(); ++column) {
        if (asked.wants(data.info().columns[column].name))
          kept[column] = facts::to_value(data.cell(row, column, scratch));
      }
    }
    some.put(std::move(rows));
  }
  return some;
}

class Agreement : public ::testing::TestWithParam<unsigned> {};

TEST_P(Agreement, WithPlainTablesAndWithWhatThePlanAsksFor) {
  Generator generator(GetParam());
  facts::Facts facts;
  for (const std::string_view name : kTables) {
    auto data = std::make_unique<facts::ValueRows>(*facts::find_table(name));
    for (std::size_t row = 0; row < 25; ++row) {
      auto& made = data->rows.emplace_back();
      for (const facts::Column& column : data->info().columns) made.push_back(generator.cell(column));
    }
    facts.put(std::move(data));
  }
  const Connection plain = plain_tables(facts);
  auto database = Database::open(facts);
  ASSERT_TRUE(database);
  std::size_t filtered = 0;
  for (int round = 0; round < 300; ++round) {
    const std::string query = generator.query();
    const Rows expected = rows_of_sqlite(plain.get(), query);
    ASSERT_EQ(rows_of(*database, query), expected) << query;
    const auto request = database->plan(query);
    ASSERT_TRUE(request);
    const facts::Facts some = needed(facts, *request);
    auto smaller = Database::open(some);
    ASSERT_EQ(rows_of(*smaller, query), expected) << query;
    for (const auto& [name, asked] : *request) {
      filtered += std::count_if(asked.readers().begin(), asked.readers().end(),
                                [](const auto& terms) { return !terms.empty(); });
    }
  }
  EXPECT_GT(filtered, 100U);  // else the test proves little
}

INSTANTIATE_TEST_SUITE_P(Seeds, Agreement, ::testing::Values(1U, 2U, 3U, 4U, 5U, 6U));

}  // namespace
}  // namespace hostcheck::sql

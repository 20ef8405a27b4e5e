#include <array>
#include <cerrno>
#include <set>
#include <utility>

#include <unistd.h>

#include "core/base/text.h"
#include "core/cli/answer.h"
#include "core/cli/brought.h"
#include "core/cli/commands.h"
#include "core/cli/console.h"
#include "core/cli/exit_status.h"
#include "core/cli/prompt.h"
#include "core/conclude/sample.h"
#include "core/facts/probe.h"
#include "core/gather/gather.h"
#include "core/observe/observation.h"
#include "core/report/layout.h"
#include "core/sql/database.h"
#include "core/sql/snapshot.h"

namespace hostcheck::cli {
namespace {

constexpr std::chrono::milliseconds kDefaultWindow{2000};
constexpr std::size_t kMostWarnings = 10;

Result<std::string> read_standard_input() {
  std::string text;
  std::array<char, 4096> buffer;
  while (true) {
    const ssize_t got = ::read(STDIN_FILENO, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return unexpected(errno_error(errno, "read", "standard input"));
    if (got == 0) return text;
    text.append(buffer.data(), static_cast<std::size_t>(got));
  }
}

// What the query reads and could not be read, so that nobody takes an empty answer for a healthy one.
void warn_of_absences(const facts::Request& request, const facts::Facts& facts) {
  std::set<std::string> told;
  for (const facts::Absence& absence : facts.absences()) {
    const auto table = request.find(absence.table);
    if (table == request.end()) continue;
    if (!absence.column.empty() && !table->second.wants(absence.column)) continue;
    std::string line = absence.table + (absence.column.empty() ? "" : "." + absence.column);
    if (!absence.subject.empty()) line += " of " + absence.subject;
    if (!absence.netns.empty()) line += " in namespace " + absence.netns;
    line += " could not be read: " + absence.reason;
    if (!absence.remedy.empty()) line += " (" + absence.remedy + ")";
    told.insert(report::printable(line));
  }
  std::size_t count = 0;
  for (const std::string& line : told) {
    if (count++ == kMostWarnings) {
      complain("and " + std::to_string(told.size() - kMostWarnings) + " more; SELECT * FROM absences shows them");
      break;
    }
    complain(line);
  }
}

// Prints the answer of these facts.
int show(const std::string& sql, const QueryOptions& options, const facts::Request& read, const facts::Facts& facts,
         sql::Database& database) {
  database.use(facts);
  sql::Limits limits;
  limits.time = std::chrono::milliseconds(60'000);  // a person is waiting, not a catalogue of rules
  limits.memory_bytes = 1UL << 30;
  auto answer = database.run(sql, {}, limits);
  if (!answer) return fail(answer.error());
  warn_of_absences(read, facts);
  const std::string text = options.format == "json"  ? answer_as_json(*answer)
                           : options.format == "csv" ? answer_as_csv(*answer)
                                                     : answer_as_table(*answer);
  return print(text) ? kExitOk : kExitUnknown;
}

// Why a table that is not known may be missing.
int fail_with(const Error& error, const Bringers& bringers) {
  const int status = fail(error);
  for (const Error& each : bringers.refused) complain("a plugin is not used: " + each.message());
  return status;
}

// The same for the facts of a snapshot.
int answer_from(const std::string& sql, const QueryOptions& options, const Bringers& bringers) {
  auto snapshot = sql::read_snapshot(options.from);
  if (!snapshot) return fail(snapshot.error());
  auto database = sql::Database::open();  // with the tables that the snapshot has made known
  if (!database) return fail(database.error());
  const auto read = database->plan(sql);
  if (!read) return fail_with(read.error(), bringers);
  bring_tables(bringers, *read, snapshot->facts, *database);
  return show(sql, options, *read, snapshot->facts, *database);
}

// Gathers what the SQL reads, and prints its answer.
int answer(const std::string& sql, const QueryOptions& options, const Bringers& bringers) {
  if (!options.from.empty()) return answer_from(sql, options, bringers);
  auto database = sql::Database::open();
  if (!database) return fail(database.error());
  auto request = database->plan(sql);
  if (!request) return fail_with(request.error(), bringers);
  const facts::Request read = *request;
  // Who asks for absences alone asks for those of everything.
  if (request->empty() && sql.find(sql::absences_table().name) != std::string::npos)
    *request = facts::request_everything();
  auto namespaces = gather::plan_namespaces(options.netns, request->contains("namespaces"));
  if (!namespaces) return fail(namespaces.error());
  const bool may_observe = !options.observe || options.observe->count() > 0;
  facts::Request gathered = request_for_brought(bringers, read, *database, may_observe);
  bool observed = false;
  for (const facts::Request* each : {&read, &std::as_const(gathered)}) {
    for (const auto& [name, table] : *each) {
      observed = observed || table.wants_observation() || observe::is_observation_table(name);
    }
  }
  for (const auto& [name, table] : *request) gathered[name].merge(table);
  const auto window = options.observe.value_or(observed ? kDefaultWindow : std::chrono::milliseconds{0});
  facts::Facts facts = conclude::sample(gathered, *namespaces, window, conclude::sleep_through);
  for (const auto& [name, table] : read) {
    if (!facts::is_asked_table(name) || facts::is_brought_table(name)) continue;
    facts.add_absence(name, "", make_error(ErrorCode::unsupported, "", "", "only hostcheck run fills it"));
  }
  bring_tables(bringers, read, facts, *database);
  return show(sql, options, read, facts, *database);
}

}  // namespace

int query(const QueryOptions& options) {
  const auto bringers = load_bringers(options.rules);
  if (!bringers) return fail(bringers.error());
  std::string sql = options.sql;
  if (sql.empty() && ::isatty(STDIN_FILENO) == 1 && ::isatty(STDOUT_FILENO) == 1) {
    return prompt(options, [&](const QueryOptions& asked) { (void)answer(asked.sql, asked, *bringers); });
  }
  if (sql.empty()) {
    auto text = read_standard_input();
    if (!text) return fail(text.error());
    sql = std::move(*text);
  }
  if (trim(sql).empty()) {
    complain("query: no SQL given; for example: hostcheck query 'SELECT ifname, state FROM links'");
    return kExitUsage;
  }
  if (trim(sql) == ".tables") return tables(TablesOptions{options.rules, "", "text"});
  return answer(sql, options, *bringers);
}

}  // namespace hostcheck::cli

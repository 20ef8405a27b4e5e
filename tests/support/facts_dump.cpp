// Gathers named tables and prints them as JSON, without SQL or rules: for the tests of sources.
//   facts_dump [--netns NAME|all] [--observe MS [--until-eof]] [TABLE[:COLUMN=VALUE]...]...
// --until-eof: the window goes on until standard input is at its end, when that comes later.
// {"TABLE":[{"COLUMN":value,...},...],...,"absences":[...]}; a column without a value is null. No TABLE: all of them.
#include <chrono>
#include <cstdio>
#include <iostream>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>
#include <poll.h>
#include <unistd.h>

#include "core/base/text.h"
#include "core/conclude/sample.h"
#include "core/gather/gather.h"

namespace {

using namespace hostcheck;
using Json = nlohmann::ordered_json;

Json to_json(const facts::Cell& cell, facts::Type type) {
  switch (cell.kind) {
    case facts::Cell::Kind::null:
      return nullptr;
    case facts::Cell::Kind::integer:
      if (type == facts::Type::boolean) return cell.integer != 0;
      return cell.integer;
    case facts::Cell::Kind::real:
      return cell.real;
    case facts::Cell::Kind::text:
      return std::string(cell.text);
  }
  return nullptr;
}

Json rows_of(const facts::TableData& data, bool with_deltas) {
  Json rows = Json::array();
  std::string scratch;
  for (std::size_t row = 0; row < data.size(); ++row) {
    Json object = Json::object();
    for (std::size_t column = 0; column < data.info().columns.size(); ++column) {
      const facts::Column& described = data.info().columns[column];
      if (described.observed && !with_deltas) continue;
      object[described.name] = to_json(data.cell(row, column, scratch), described.type);
    }
    rows.push_back(std::move(object));
  }
  return rows;
}

// "TABLE:COLUMN=VALUE:COLUMN=VALUE": one reader of all columns with these terms.
bool add_table(const std::string& argument, bool with_deltas, facts::Request& request) {
  const std::string name = argument.substr(0, argument.find(':'));
  const facts::TableInfo* info = facts::find_table(name);
  if (info == nullptr) {
    std::cerr << "facts_dump: no table '" << name << "'" << did_you_mean(name, facts::table_names()) << "\n";
    return false;
  }
  std::vector<facts::Constraint> terms;
  std::size_t at = name.size();
  while (at < argument.size()) {
    const std::size_t end = std::min(argument.find(':', at + 1), argument.size());
    const std::string term = argument.substr(at + 1, end - at - 1);
    const std::size_t equals = term.find('=');
    if (equals == std::string::npos) return false;
    facts::Constraint constraint{term.substr(0, equals), facts::Constraint::Op::eq, {}};
    const std::string value = term.substr(equals + 1);
    const auto column = info->column(constraint.column);
    if (!column) return false;
    const auto number = parse_number<std::int64_t>(value);
    if (number && info->columns[*column].type != facts::Type::text) {
      constraint.value = *number;
    } else {
      constraint.value = value;
    }
    terms.push_back(std::move(constraint));
    at = end;
  }
  std::set<std::string> columns;
  for (const facts::Column& column : info->columns) {
    if (!column.observed || with_deltas) columns.insert(column.name);
  }
  request[name].add_reader(columns, std::move(terms));
  return true;
}

// A Wait: what is asked for at least, and then until whoever holds the other end of standard input closes it.
void wait_until_eof(std::chrono::milliseconds window, const conclude::Tick& tick) {
  conclude::sleep_through(window, tick);
  while (true) {
    const int pause = tick ? static_cast<int>(tick().count()) : -1;
    pollfd input{STDIN_FILENO, POLLIN, 0};
    char byte = 0;
    if (::poll(&input, 1, pause) > 0 && ::read(STDIN_FILENO, &byte, 1) <= 0) return;
  }
}

int run(const std::vector<std::string>& arguments) {
  std::string netns;
  bool until_eof = false;
  std::chrono::milliseconds window{0};
  std::vector<std::string> tables;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    if (arguments[i] == "--netns" && i + 1 < arguments.size()) {
      netns = arguments[++i];
    } else if (arguments[i] == "--observe" && i + 1 < arguments.size()) {
      window = std::chrono::milliseconds(std::stol(arguments[++i]));
    } else if (arguments[i] == "--until-eof") {
      until_eof = true;
    } else {
      tables.push_back(arguments[i]);
    }
  }
  facts::Request request;
  const bool with_deltas = window.count() > 0;
  if (tables.empty()) tables = facts::table_names();
  for (const std::string& table : tables) {
    if (!add_table(table, with_deltas, request)) return 64;
  }
  const auto options = gather::plan_namespaces(netns, request.contains("namespaces"));
  if (!options) {
    std::cerr << "facts_dump: " << options.error().message() << "\n";
    return 3;
  }
  const facts::Facts facts =
      conclude::sample(request, *options, window, until_eof ? wait_until_eof : conclude::sleep_through);
  Json out = Json::object();
  for (const auto& [name, asked] : request) {
    const facts::TableData* data = facts.find(name);
    out[name] = data == nullptr ? Json::array() : rows_of(*data, with_deltas);
  }
  Json absences = Json::array();
  for (const facts::Absence& absence : facts.absences()) {
    absences.push_back({{"table", absence.table},
                        {"column", absence.column},
                        {"netns", absence.netns},
                        {"subject", absence.subject},
                        {"code", name_of(absence.code)},
                        {"reason", absence.reason},
                        {"remedy", absence.remedy}});
  }
  out["absences"] = std::move(absences);
  std::cout << out.dump(-1, ' ', false, Json::error_handler_t::replace) << "\n";
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run({argv + 1, argv + argc});
  } catch (const std::exception& error) {
    std::cerr << "facts_dump: " << error.what() << "\n";
    return 3;
  }
}

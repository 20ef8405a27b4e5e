#include "core/sql/scan.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <optional>
#include <string>

namespace hostcheck::sql {
namespace {

using facts::Constraint;
using facts::Type;

std::optional<Constraint::Op> op_of(int code) {
  using Op = Constraint::Op;
  switch (code) {
    case SQLITE_INDEX_CONSTRAINT_EQ:
    case SQLITE_INDEX_CONSTRAINT_IS:
      return Op::eq;
    case SQLITE_INDEX_CONSTRAINT_NE:
      return Op::ne;
    case SQLITE_INDEX_CONSTRAINT_LT:
      return Op::lt;
    case SQLITE_INDEX_CONSTRAINT_LE:
      return Op::le;
    case SQLITE_INDEX_CONSTRAINT_GT:
      return Op::gt;
    case SQLITE_INDEX_CONSTRAINT_GE:
      return Op::ge;
    case SQLITE_INDEX_CONSTRAINT_GLOB:
      return Op::glob;
    case SQLITE_INDEX_CONSTRAINT_LIKE:
      return Op::like;
    case SQLITE_INDEX_CONSTRAINT_ISNULL:
      return Op::is_null;
    case SQLITE_INDEX_CONSTRAINT_ISNOTNULL:
      return Op::not_null;
    default:
      return std::nullopt;  // IS NOT, MATCH, LIMIT, ...: left to SQLite
  }
}

// The literal as SQLite would compare it with a column of the type; nullopt where that is better left to SQLite.
std::optional<facts::Value> literal_for(Type type, Constraint::Op op, sqlite3_value* value) {
  const int kind = sqlite3_value_type(value);
  const auto text = [&] {
    return std::string(reinterpret_cast<const char*>(sqlite3_value_text(value)),
                       static_cast<std::size_t>(sqlite3_value_bytes(value)));
  };
  if (op == Constraint::Op::glob || op == Constraint::Op::like) {
    if (kind != SQLITE_TEXT || type != Type::text) return std::nullopt;
    return text();
  }
  if (type == Type::text) {
    // SQLite would turn 5.0 into '5.0' before it compares, and shows it here as 5.
    if (kind == SQLITE_TEXT) return text();
    return std::nullopt;
  }
  constexpr double kExact = 9007199254740992.0;
  if (kind == SQLITE_INTEGER) {
    const std::int64_t number = sqlite3_value_int64(value);
    if (type == Type::real && std::abs(static_cast<double>(number)) >= kExact) return std::nullopt;
    return number;
  }
  if (kind == SQLITE_FLOAT) {
    const double number = sqlite3_value_double(value);
    if (std::abs(number) < kExact) return number;
  }
  return std::nullopt;
}

// The term of a constraint with a literal on its right; nullopt for every other constraint.
std::optional<Term> literal_term(const facts::TableInfo& info, sqlite3_index_info& offer, int at) {
  const auto& constraint = offer.aConstraint[at];
  const auto op = op_of(constraint.op);
  if (!op) return std::nullopt;
  const auto column = static_cast<std::size_t>(constraint.iColumn);
  const std::string& name = info.columns[column].name;
  if (*op == Constraint::Op::is_null || *op == Constraint::Op::not_null) return Term{column, {name, *op, {}}};
  sqlite3_value* value = nullptr;
  if (sqlite3_vtab_rhs_value(&offer, at, &value) != SQLITE_OK || value == nullptr) return std::nullopt;
  if (sqlite3_value_type(value) == SQLITE_NULL) return std::nullopt;
  auto literal = literal_for(info.columns[column].type, *op, value);
  if (!literal) return std::nullopt;
  return Term{column, {name, *op, *std::move(literal)}};
}

// The share of a table's rows that is expected to satisfy column = something.
double share_of_equal(const facts::Column& column) {
  if (column.name == "netns") return 0.9;  // most runs look at one namespace
  if (column.name == "family" || column.type == Type::boolean) return 0.5;
  return column.key || column.name == "name" ? 0.01 : 0.05;
}

double share_of(const facts::TableInfo& info, const Term& term) {
  using Op = Constraint::Op;
  switch (term.constraint.op) {
    case Op::eq:
      return share_of_equal(info.columns[term.column]);
    case Op::glob:
    case Op::like:
      return 0.1;
    case Op::ne:
    case Op::not_null:
      return 0.9;
    default:
      return 0.4;
  }
}

// A constraint of an offer that has a literal on its right.
struct LiteralTerm {
  Term term;
  int place = 0;          // in the offer
  bool is_equal = false;  // written with =
};

struct Offer {
  std::vector<LiteralTerm> literals;
  std::vector<int> joined;  // places of = with a value that comes from elsewhere
};

// SQLite adds `c >= 'x' AND c < 'y'` to `c GLOB 'x*'`; the GLOB says it all.
bool is_implied(const Term& term, const std::vector<LiteralTerm>& all) {
  using Op = Constraint::Op;
  if (term.constraint.op != Op::ge && term.constraint.op != Op::lt) return false;
  return std::any_of(all.begin(), all.end(), [&](const LiteralTerm& each) {
    const Constraint& glob = each.term.constraint;
    if (glob.op != Op::glob || each.term.column != term.column) return false;
    const auto& pattern = std::get<std::string>(glob.value);
    std::string bound = pattern.substr(0, pattern.find_first_of("*?["));
    if (bound.empty()) return false;
    if (term.constraint.op == Op::lt) ++bound.back();
    return term.constraint.value == facts::Value(bound);
  });
}

// Terms that SQLite makes for virtual tables only; see outer_join.h.
bool is_auxiliary(Constraint::Op op) {
  using Op = Constraint::Op;
  return op == Op::ne || op == Op::not_null || op == Op::glob || op == Op::like;
}

Offer read_offer(const facts::TableInfo& info, bool distrust_auxiliary, sqlite3_index_info& offered) {
  Offer offer;
  for (int at = 0; at < offered.nConstraint; ++at) {
    const auto& constraint = offered.aConstraint[at];
    if (constraint.usable == 0 || constraint.iColumn < 0) continue;
    const auto op = op_of(constraint.op);
    if (!op || (distrust_auxiliary && is_auxiliary(*op))) continue;
    // SQLite compares x IN (...) by other conversions than x = value; it is left to SQLite.
    if (sqlite3_vtab_in(&offered, at, -1) != 0) continue;
    const bool compares = *op != Constraint::Op::is_null && *op != Constraint::Op::not_null &&
                          *op != Constraint::Op::glob && *op != Constraint::Op::like;
    if (compares && std::strcmp(sqlite3_vtab_collation(&offered, at), "BINARY") != 0) continue;
    const bool is_equal = constraint.op == SQLITE_INDEX_CONSTRAINT_EQ;
    if (auto term = literal_term(info, offered, at)) {
      offer.literals.push_back({*std::move(term), at, is_equal});
    } else if (is_equal) {
      offer.joined.push_back(at);
    }
  }
  std::erase_if(offer.literals, [&](const LiteralTerm& each) { return is_implied(each.term, offer.literals); });
  return offer;
}

}  // namespace

Scan plan_scan(const facts::TableInfo& info, double rows, bool distrust_auxiliary, sqlite3_index_info& offered) {
  const Offer offer = read_offer(info, distrust_auxiliary, offered);
  Scan scan{&info, {}, {}};
  double share = 1;
  int argument = 0;
  const auto probe = [&](int place) {
    const auto column = static_cast<std::size_t>(offered.aConstraint[place].iColumn);
    if (std::find(scan.probe.begin(), scan.probe.end(), column) != scan.probe.end()) return;
    scan.probe.push_back(column);
    offered.aConstraintUsage[place].argvIndex = ++argument;
  };
  for (const int place : offer.joined) {
    probe(place);
    share *= share_of_equal(info.columns[static_cast<std::size_t>(offered.aConstraint[place].iColumn)]);
  }
  for (const LiteralTerm& each : offer.literals) {
    scan.terms.push_back(each.term);
    share *= share_of(info, each.term);
    if (each.is_equal && !offer.joined.empty()) probe(each.place);
    // SQLite is told of every term that is used, though its value is known: a term in the ON of a LEFT JOIN is offered
    // to the table on the left too, and SQLite drops that offer only when it sees the term used.
    int& told = offered.aConstraintUsage[each.place].argvIndex;
    if (told == 0) told = -1;
  }
  for (const LiteralTerm& each : offer.literals) {
    int& told = offered.aConstraintUsage[each.place].argvIndex;
    if (told < 0) told = ++argument;
  }
  offered.estimatedRows = static_cast<sqlite3_int64>(std::max(1.0, rows * share));
  offered.estimatedCost = std::max(1.0, scan.probe.empty() ? rows : 4 + rows * share);
  return scan;
}

bool accepts(const facts::TableData& data, const Scan& scan, std::size_t row, std::string& scratch) {
  return std::all_of(scan.terms.begin(), scan.terms.end(), [&](const Term& term) {
    return facts::satisfies(data.cell(row, term.column, scratch), term.constraint);
  });
}

}  // namespace hostcheck::sql

#include "core/sql/functions.h"

#include <algorithm>
#include <optional>
#include <vector>

#include <fmt/format.h>

#include "core/base/address.h"
#include "core/base/text.h"
#include "core/base/units.h"
#include "core/sql/printf.h"

namespace hostcheck::sql {
namespace {

struct Prefix {
  IpAddress address;
  unsigned length = 0;
};

std::optional<Prefix> parse_prefix(std::string_view text) {
  const std::size_t slash = text.find('/');
  const auto address = IpAddress::parse(text.substr(0, slash));
  if (!address) return std::nullopt;
  const auto bits = static_cast<unsigned>(address->size() * 8);
  if (slash == std::string_view::npos) return Prefix{*address, bits};
  const auto length = parse_number<unsigned>(text.substr(slash + 1));
  if (!length || *length > bits) return std::nullopt;
  return Prefix{*address, *length};
}

std::optional<std::string_view> text_of(sqlite3_value* value) {
  if (sqlite3_value_type(value) == SQLITE_NULL) return std::nullopt;
  const auto* text = reinterpret_cast<const char*>(sqlite3_value_text(value));
  if (text == nullptr) return std::nullopt;
  return std::string_view(text, static_cast<std::size_t>(sqlite3_value_bytes(value)));
}

void give(sqlite3_context* context, std::string_view text) {
  sqlite3_result_text64(context, text.data(), text.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
}

void ip_in(sqlite3_context* context, int, sqlite3_value** values) {
  const auto address_text = text_of(values[0]);
  const auto prefix_text = text_of(values[1]);
  if (!address_text || !prefix_text) return;
  const auto address = IpAddress::parse(*address_text);
  const auto prefix = parse_prefix(*prefix_text);
  if (!address || !prefix) return;
  const bool inside =
      address->family() == prefix->address.family() && address->in_prefix(prefix->address, prefix->length);
  sqlite3_result_int(context, inside ? 1 : 0);
}

void ip_family(sqlite3_context* context, int, sqlite3_value** values) {
  const auto text = text_of(values[0]);
  if (!text) return;
  if (const auto prefix = parse_prefix(*text)) give(context, name_of(prefix->address.family()));
}

void has_flag(sqlite3_context* context, int, sqlite3_value** values) {
  auto flags = text_of(values[0]);
  const auto flag = text_of(values[1]);
  if (!flags || !flag) return;
  bool found = false;
  while (!found && !flags->empty()) {
    const std::size_t comma = flags->find(',');
    found = trim(flags->substr(0, comma)) == *flag;
    flags->remove_prefix(comma == std::string_view::npos ? flags->size() : comma + 1);
  }
  sqlite3_result_int(context, found ? 1 : 0);
}

template <std::string (*Format)(double)>
void formatted(sqlite3_context* context, int, sqlite3_value** values) {
  const int type = sqlite3_value_numeric_type(values[0]);
  if (type != SQLITE_INTEGER && type != SQLITE_FLOAT) return;
  give(context, Format(sqlite3_value_double(values[0])));
}

// SQLite's functions that read nothing but their arguments, see https://sqlite.org/lang_corefunc.html and the pages
// beside it. Not among them: whatever loads code, touches files, tells of the library or the connection, or is random.
constexpr std::string_view kSqliteFunctions[] = {
    // scalar
    "abs", "char", "coalesce", "glob", "hex", "ifnull", "iif", "instr", "length", "like", "likelihood", "likely",
    "lower", "ltrim", "max", "min", "nullif", "quote", "replace", "round", "rtrim", "sign", "substr", "substring",
    "trim", "typeof", "unicode", "unlikely", "upper", "zeroblob",
    // aggregate
    "avg", "count", "group_concat", "sum", "total",
    // window
    "row_number", "rank", "dense_rank", "percent_rank", "cume_dist", "ntile", "lag", "lead", "first_value",
    "last_value", "nth_value",
    // date and time
    "date", "time", "datetime", "julianday", "unixepoch", "strftime",
    // JSON
    "json", "json_array", "json_array_length", "json_each", "json_extract", "json_group_array", "json_group_object",
    "json_insert", "json_object", "json_patch", "json_quote", "json_remove", "json_replace", "json_set", "json_tree",
    "json_type", "json_valid", "->", "->>",
    // mathematical
    "acos", "asin", "atan", "atan2", "ceil", "ceiling", "cos", "degrees", "exp", "floor", "ln", "log", "log10", "log2",
    "mod", "pi", "pow", "power", "radians", "sin", "sqrt", "tan", "trunc"};

struct OwnFunction {
  const char* name;
  int arguments;
  void (*call)(sqlite3_context*, int, sqlite3_value**);
};
constexpr OwnFunction kOwnFunctions[] = {
    {"ip_in", 2, ip_in},
    {"ip_family", 1, ip_family},
    {"has_flag", 2, has_flag},
    {"human_bytes", 1, formatted<human_bytes>},
    {"human_duration", 1, formatted<human_duration>},
    {"printf", -1, sql_printf},
    {"format", -1, sql_printf},
};

}  // namespace

int register_functions(sqlite3* connection) {
  constexpr int kKind = SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS;
  for (const OwnFunction& each : kOwnFunctions) {
    const int code = sqlite3_create_function_v2(connection, each.name, each.arguments, kKind, nullptr, each.call,
                                                nullptr, nullptr, nullptr);
    if (code != SQLITE_OK) return code;
  }
  return SQLITE_OK;
}

std::span<const std::string> allowed_functions() {
  static const std::vector<std::string> all = [] {
    std::vector<std::string> names(std::begin(kSqliteFunctions), std::end(kSqliteFunctions));
    for (const OwnFunction& each : kOwnFunctions) names.emplace_back(each.name);
    std::sort(names.begin(), names.end());
    return names;
  }();
  return all;
}

}  // namespace hostcheck::sql

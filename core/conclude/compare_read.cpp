#include "core/conclude/compare_read.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace hostcheck::conclude {
namespace {

constexpr sql::Limits kLimits{std::chrono::milliseconds(60'000), 1UL << 30, 10'000'000};

std::string text_of(const facts::Value& value) {
  const auto* text = std::get_if<std::string>(&value);
  return text == nullptr ? std::string{} : *text;
}

// name as a word of text becomes other.
std::string with_word_replaced(std::string text, std::string_view name, std::string_view other) {
  const auto is_part = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '-' ||
           c == '.' || c == '@';
  };
  for (std::size_t at = text.find(name); at != std::string::npos && !name.empty(); at = text.find(name, at)) {
    const std::size_t end = at + name.size();
    const bool word = (at == 0 || !is_part(text[at - 1])) && (end == text.size() || !is_part(text[end]));
    if (word) text.replace(at, name.size(), other);
    at += word ? other.size() : 1;
  }
  return text;
}

bool has_address(std::string_view text) {
  constexpr std::string_view kOf = "0123456789abcdefABCDEF.:";
  for (std::size_t at = text.find_first_of(kOf); at != std::string_view::npos;) {
    const std::size_t end = std::min(text.find_first_not_of(kOf, at), text.size());
    if (IpAddress::parse(text.substr(at, end - at))) return true;
    at = text.find_first_of(kOf, end);
  }
  return false;
}

std::string query_of(const ComparedTable& table) {
  std::string query = fmt::format("SELECT {} AS netns, {} AS interface, {} AS subject", table.netns,
                                  table.interface ? "ifname" : "''", table.subject);
  for (const ComparedColumn& each : table.compared) {
    query += fmt::format(", {} AS \"{}\"", each.select.empty() ? fmt::format("\"{}\"", each.column) : each.select,
                         "c_" + std::string(each.column));
  }
  return fmt::format("{} FROM {} {}", query, table.table, table.where);
}

// The observed column's counter, which absences are of.
std::string_view counter_of(std::string_view column) {
  return column.ends_with("_delta") ? column.substr(0, column.size() - 6) : column;
}

}  // namespace

HostReader::HostReader(const ComparedHost& host) : host_(host) {
  const auto routes = ask(
      "SELECT ifname FROM routes WHERE dst_length = 0 AND table_name = 'main' AND type = 'unicast' AND ifname IS NOT "
      "NULL ORDER BY family, priority LIMIT 1");
  if (!routes.empty()) uplink_ = text_of(routes[0][0]);
  for (const auto& row : ask("SELECT netns, ifname FROM links")) {
    interfaces_.emplace(text_of(row[0]), text_of(row[1]));
    interfaces_.emplace("", text_of(row[1]));
  }
  for (const auto& row : ask("SELECT address, prefix_length FROM addresses")) {
    const auto* length = std::get_if<std::int64_t>(&row[1]);
    if (const auto address = IpAddress::parse(text_of(row[0])); address && length != nullptr) {
      subnets_.emplace_back(*address, static_cast<unsigned>(*length));
    }
  }
}

std::vector<std::vector<facts::Value>> HostReader::ask(std::string_view query) {
  auto database = sql::Database::open(*host_.facts);
  if (!database) return {};
  auto answer = database->run(query, {}, kLimits);
  return answer ? std::move(answer->rows) : std::vector<std::vector<facts::Value>>{};
}

bool HostReader::is_on_link(const IpAddress& address) const {
  return std::any_of(subnets_.begin(), subnets_.end(), [&](const auto& subnet) {
    return subnet.first.family() == address.family() && address.in_prefix(subnet.first, subnet.second);
  });
}

void HostReader::align(const Alignment& alignment) {
  alignment_ = alignment;
}

std::string HostReader::own_name(const std::string& interface) const {
  return alignment_.uplinks && interface == kUplink ? uplink_ : interface;
}

std::string_view HostReader::aligned_name(std::string_view interface) const {
  return alignment_.uplinks && interface == uplink_ ? kUplink : interface;
}

bool HostReader::has_interface_of(const RowId& row) const {
  if (row.interface.empty() || row.interface == "all" || row.interface == "default") return true;
  return interfaces_.contains({row.netns, own_name(row.interface)});
}

HostTable HostReader::read(const ComparedTable& table) {
  HostTable out;
  if (host_.facts->find(table.table) == nullptr) {
    out.unread = why_missing(table, {});
    if (out.unread.empty()) out.unread = "was not gathered";
    return out;
  }
  auto database = sql::Database::open(*host_.facts);
  auto answer = database ? database->run(query_of(table), {}, kLimits) : unexpected(database.error());
  if (!answer) {
    out.unread = answer.error().message();
    return out;
  }
  for (auto& row : answer->rows) {
    RowId id{text_of(row[0]), std::string(aligned_name(text_of(row[1]))), text_of(row[2])};
    if (alignment_.one_namespace) id.netns.clear();
    if (!id.netns.empty() && !alignment_.namespaces.contains(id.netns)) continue;
    if (alignment_.anonymous && table.addresses_in_subject && has_address(id.subject)) continue;
    if (alignment_.uplinks) id.subject = with_word_replaced(std::move(id.subject), uplink_, kUplink);
    std::vector<facts::Value> values(std::make_move_iterator(row.begin() + 3), std::make_move_iterator(row.end()));
    for (std::size_t at = 0; at < values.size(); ++at) {
      const ComparedColumn& column = table.compared[at];
      if (column.column == "ifname" || column.column == "master" || column.column == "link") {
        if (auto* name = std::get_if<std::string>(&values[at])) *name = aligned_name(*name);
      }
    }
    out.rows.insert_or_assign(std::move(id), std::move(values));
  }
  return out;
}

bool HostReader::is_about(const facts::Absence& absence, const RowId& row) const {
  if (!absence.netns.empty() && !row.netns.empty() && absence.netns != row.netns) return false;
  if (absence.subject.empty() || (row.subject.empty() && row.interface.empty())) return true;
  const std::string interface = own_name(row.interface);
  std::string subject = row.subject;
  if (const auto star = subject.find(".*."); star != std::string::npos && !interface.empty()) {
    subject.replace(star + 1, 1, interface);
  }
  return absence.subject == interface || absence.subject == subject;
}

std::string HostReader::why_missing(const ComparedTable& table, const RowId& row) const {
  for (const facts::Absence& each : host_.facts->absences()) {
    if (each.table == table.table && each.column.empty() && is_about(each, row)) return each.reason;
  }
  return {};
}

std::string HostReader::why_null(const ComparedTable& table, const ComparedColumn& column, const RowId& row) const {
  for (const facts::Absence& each : host_.facts->absences()) {
    if (each.table != table.table || !is_about(each, row)) continue;
    const bool whole_row = each.column.empty() && !each.subject.empty();
    const bool value = table.table == "sysctls" && each.column == "value";  // text says the same
    if (whole_row || value || each.column == column.column || each.column == counter_of(column.column)) {
      return each.reason;
    }
  }
  if (column.meaning != Meaning::moving) return {};
  return host_.facts->observed.count() == 0 ? "nothing was watched" : "it was counted from the beginning meanwhile";
}

}  // namespace hostcheck::conclude

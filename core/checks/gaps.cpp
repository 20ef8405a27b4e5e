#include "core/checks/gaps.h"

#include <algorithm>

#include <fmt/format.h>

#include "core/facts/probe.h"

namespace hostcheck::checks {
namespace {

bool is_observation(std::string_view column) {
  return column.ends_with("_delta") || column.ends_with("_per_second");
}

// Whether the absence of a column, e.g. of a counter, takes away one of those that are read, e.g. its delta.
bool touches(const std::string& absent, const std::set<std::string>& columns) {
  return std::any_of(columns.begin(), columns.end(), [&](const std::string& column) {
    return column == absent || (is_observation(column) && column.starts_with(absent) &&
                                (column.size() == absent.size() + 6 || column.size() == absent.size() + 11));
  });
}

// The column whose values name the row that an Absence is about.
std::string_view subject_column(const facts::TableInfo& info) {
  for (const facts::Column& column : info.columns) {
    if (column.key && column.type == facts::Type::text && column.name != "netns" && column.name != "family") {
      return column.name;
    }
  }
  return info.column("ifname") ? "ifname" : "";
}

// Whether something that the rule reads is missing because of the absence.
bool affects(const facts::Absence& absence, const facts::Request& reads) {
  const auto read = reads.find(absence.table);
  if (read == reads.end()) return false;
  if (!absence.column.empty() && !touches(absence.column, read->second.columns())) return false;
  if (!absence.netns.empty() && !read->second.may_want("netns", absence.netns)) return false;
  if (absence.subject.empty()) return true;
  const facts::TableInfo* info = facts::find_table(absence.table);
  const std::string_view column = info == nullptr ? "" : subject_column(*info);
  return column.empty() || read->second.may_want(column, absence.subject);
}

std::string words_of(const facts::Absence& absence) {
  std::string text = absence.table;
  if (!absence.column.empty()) text += "." + absence.column;
  if (!absence.subject.empty()) text += " of " + absence.subject;
  if (!absence.netns.empty()) text += " in " + absence.netns;
  return text + ": " + absence.reason;
}

}  // namespace

std::optional<Gaps> find_gaps(const facts::Request& reads, const facts::Facts& facts) {
  std::vector<const facts::Absence*> found;
  for (const facts::Absence& each : facts.absences()) {
    if (affects(each, reads)) found.push_back(&each);
  }
  if (found.empty()) return std::nullopt;
  Gaps gaps{words_of(*found.front()), {}};
  if (found.size() > 1) gaps.reason += fmt::format("; {} more", found.size() - 1);
  const auto helped = std::find_if(found.begin(), found.end(), [](const auto* each) { return !each->remedy.empty(); });
  if (helped != found.end()) gaps.remedy = (*helped)->remedy;
  return gaps;
}

bool reads_observation(const facts::Request& reads) {
  return std::any_of(reads.begin(), reads.end(), [](const auto& each) {
    const auto& [table, request] = each;
    if (request.wants_observation()) return true;
    const facts::TableInfo* info = facts::find_table(table);
    return info != nullptr && !info->columns.empty() && info->columns.front().observed;
  });
}

namespace {

bool has_nothing_of(std::string_view table, const facts::Facts& facts) {
  return facts.find(table) == nullptr && std::none_of(facts.absences().begin(), facts.absences().end(),
                                                      [&](const auto& each) { return each.table == table; });
}

}  // namespace

std::optional<std::string> not_asked(const facts::Request& reads, const facts::Facts& facts) {
  for (const auto& [table, request] : reads) {
    if (facts::is_asked_table(table) && has_nothing_of(table, facts)) return table;
  }
  return std::nullopt;
}

std::optional<std::string> not_gathered(const facts::Request& reads, const facts::Facts& facts) {
  for (const auto& [table, request] : reads) {
    if (has_nothing_of(table, facts)) return table;
  }
  return std::nullopt;
}

}  // namespace hostcheck::checks

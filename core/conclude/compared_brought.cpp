#include <fmt/format.h>

#include "core/conclude/compared_tables.h"
#include "core/facts/table.h"

namespace hostcheck::conclude {
namespace {

// A number with a unit is a size, a rate or a time, which differ a little between hosts that work alike.
Meaning meaning_of(const facts::Column& column) {
  const bool number = column.type == facts::Type::integer || column.type == facts::Type::real;
  return number && (!column.unit.empty() || column.type == facts::Type::real) ? kAmount : kSetting;
}

ComparedTable compared(const facts::TableInfo& info, std::deque<std::string>& texts) {
  ComparedTable made{.table = info.name, .topic = "plugin", .subject = "''", .netns = "''"};
  std::string subject;
  for (const facts::Column& each : info.columns) {
    if (each.name == "netns") {
      made.netns = "netns";
    } else if (!each.key) {
      const Names names = each.type == facts::Type::text ? Names::network : Names::none;
      made.compared.push_back({each.name, kMedium, meaning_of(each), {}, names});
    } else if (each.name == "ifname") {
      made.interface = true;
      made.keys.push_back(each.name);
    } else {
      subject += fmt::format("{}ifnull(\"{}\", '')", subject.empty() ? "'' || " : " || ' ' || ", each.name);
      made.keys.push_back(each.name);
    }
  }
  if (!subject.empty()) made.subject = texts.emplace_back(std::move(subject));
  made.presence = kMedium;
  made.addresses_in_subject = true;
  return made;
}

}  // namespace

std::vector<ComparedTable> compared_brought(std::deque<std::string>& texts) {
  std::vector<ComparedTable> all;
  for (const facts::TableInfo* each : facts::catalogue()) {
    if (!each->brought_by.empty() && each->compared) all.push_back(compared(*each, texts));
  }
  return all;
}

}  // namespace hostcheck::conclude

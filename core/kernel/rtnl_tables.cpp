#include <linux/rtnetlink.h>

#include "core/base/text.h"
#include "core/facts/rtnl_names.h"
#include "core/kernel/rtnl_routes.h"

namespace hostcheck::kernel {

TableNames::TableNames(const FileTree& files, facts::Facts& texts) {
  for (const std::uint32_t table : {RT_TABLE_MAIN, RT_TABLE_LOCAL, RT_TABLE_DEFAULT}) {
    names_[table] = texts.intern(facts::route_table_name(table));
  }
  if (const auto text = files.read("/etc/iproute2/rt_tables")) add_file(*text, texts);
  const auto more = files.list("/etc/iproute2/rt_tables.d");
  if (!more) return;
  for (const std::string& name : *more) {
    if (!name.ends_with(".conf")) continue;
    if (const auto text = files.read("/etc/iproute2/rt_tables.d/" + name)) add_file(*text, texts);
  }
}

void TableNames::add_file(std::string_view text, facts::Facts& texts) {
  for (std::string_view line : split_lines(text)) {
    line = line.substr(0, line.find('#'));
    const auto fields = split_fields(line);
    if (fields.size() < 2) continue;
    const bool hexadecimal = fields[0].starts_with("0x");
    const auto number =
        hexadecimal ? parse_number<std::uint32_t>(fields[0].substr(2), 16) : parse_number<std::uint32_t>(fields[0]);
    if (number && *number != RT_TABLE_UNSPEC) names_.try_emplace(*number, texts.intern(fields[1]));
  }
}

std::optional<std::uint32_t> TableNames::number_of(std::string_view name) const {
  for (const auto& [number, known] : names_) {
    if (known.view() == name) return number;
  }
  return parse_number<std::uint32_t>(name);
}

}  // namespace hostcheck::kernel

#include "core/kernel/proc_net.h"

#include <algorithm>
#include <array>

#include "core/base/text.h"
#include "core/kernel/proc_text.h"

namespace hostcheck::kernel {
namespace {

std::optional<std::uint64_t> parse_count(std::string_view field) {
  if (const auto value = parse_number<std::uint64_t>(field)) return value;
  if (const auto value = parse_number<std::int64_t>(field)) return static_cast<std::uint64_t>(*value);
  return std::nullopt;
}

// States and settings among the counters, by RFC 1213, RFC 4022 and net/mptcp/mib.h.
bool is_gauge(std::string_view protocol, std::string_view name) {
  if (protocol == "Tcp") {
    return name == "RtoAlgorithm" || name == "RtoMin" || name == "RtoMax" || name == "MaxConn" || name == "CurrEstab";
  }
  if (protocol == "Ip") return name == "Forwarding" || name == "DefaultTTL";
  return protocol == "MPTcpExt" && name == "MPCurrEstab";
}

}  // namespace

Result<std::vector<CounterValue>> parse_counter_lines(std::string_view text, std::string_view file,
                                                      const CounterFilter& wanted) {
  std::vector<CounterValue> values;
  if (!is_whole(text)) return unexpected(malformed(file, text.empty() ? "empty" : "cut short"));
  while (!text.empty()) {
    std::string_view names = take_line(text);
    const std::string_view name_line = names;
    std::string_view protocol = take_field(names);
    if (!protocol.ends_with(':') || protocol.size() < 2) return unexpected(malformed(file, "no protocol", name_line));
    std::string_view numbers = take_line(text);
    if (take_field(numbers) != protocol) return unexpected(malformed(file, "no values for the names", name_line));
    protocol.remove_suffix(1);
    while (true) {
      const std::string_view name = take_field(names);
      const std::string_view number = take_field(numbers);
      if (name.empty() != number.empty()) return unexpected(malformed(file, "more names or more values", name_line));
      if (name.empty()) break;
      if (!wanted(protocol, name)) continue;
      const auto value = parse_count(number);
      if (!value) return unexpected(malformed(file, "no number for " + std::string(name), number));
      values.push_back({protocol, name, *value, is_gauge(protocol, name)});
    }
  }
  return values;
}

Result<std::vector<CounterValue>> parse_snmp6(std::string_view text, std::string_view file,
                                              const CounterFilter& wanted) {
  std::vector<CounterValue> values;
  if (!is_whole(text)) return unexpected(malformed(file, text.empty() ? "empty" : "cut short"));
  while (!text.empty()) {
    const std::string_view line = take_line(text);
    std::string_view rest = line;
    const std::string_view whole_name = take_field(rest);
    const std::string_view number = take_field(rest);
    const std::size_t protocol_end = whole_name.find('6');
    if (protocol_end == std::string_view::npos || protocol_end + 1 == whole_name.size() || number.empty() ||
        !take_field(rest).empty()) {
      return unexpected(malformed(file, "no name and number", line));
    }
    const std::string_view protocol = whole_name.substr(0, protocol_end + 1);
    const std::string_view name = whole_name.substr(protocol_end + 1);
    if (!wanted(protocol, name)) continue;
    const auto value = parse_count(number);
    if (!value) return unexpected(malformed(file, "no number", line));
    values.push_back({protocol, name, *value, false});
  }
  return values;
}

Result<std::vector<SocketStatisticValue>> parse_sockstat(std::string_view text, std::string_view file) {
  std::vector<SocketStatisticValue> values;
  if (!is_whole(text)) return unexpected(malformed(file, text.empty() ? "empty" : "cut short"));
  while (!text.empty()) {
    const std::string_view line = take_line(text);
    std::string_view rest = line;
    std::string_view protocol = take_field(rest);
    if (!protocol.ends_with(':') || protocol.size() < 2) return unexpected(malformed(file, "no protocol", line));
    protocol.remove_suffix(1);
    while (true) {
      const std::string_view name = take_field(rest);
      if (name.empty()) break;
      const auto value = parse_number<std::int64_t>(take_field(rest));
      if (!value) return unexpected(malformed(file, "no number for " + std::string(name), line));
      values.push_back({protocol, name, *value});
    }
  }
  return values;
}

Result<std::vector<ProtocolLine>> parse_protocols(std::string_view text, std::string_view file) {
  if (!is_whole(text)) return unexpected(malformed(file, text.empty() ? "empty" : "cut short"));
  const std::string_view header = take_line(text);
  const std::vector<std::string_view> titles = split_fields(header);
  constexpr std::array<std::string_view, 8> kTitles = {"protocol", "size",   "sockets", "memory",
                                                       "press",    "maxhdr", "slab",    "module"};
  if (titles.size() < kTitles.size() || !std::equal(kTitles.begin(), kTitles.end(), titles.begin())) {
    return unexpected(malformed(file, "unknown columns", header));
  }
  std::vector<ProtocolLine> lines;
  while (!text.empty()) {
    const std::string_view line = take_line(text);
    std::string_view rest = line;
    ProtocolLine row;
    row.name = take_field(rest);
    const auto size = parse_number<std::uint32_t>(take_field(rest));
    const auto sockets = parse_number<std::int64_t>(take_field(rest));
    const auto memory = parse_number<std::int64_t>(take_field(rest));
    row.pressure = take_field(rest);
    const auto max_header = parse_number<std::uint32_t>(take_field(rest));
    const std::string_view slab = take_field(rest);
    row.module = take_field(rest);
    if (!size || !sockets || !memory || !max_header || (slab != "yes" && slab != "no") || row.module.empty()) {
      return unexpected(malformed(file, "unknown line", line));
    }
    row.size_bytes = *size;
    row.sockets = *sockets;
    if (*memory >= 0) row.memory_pages = *memory;
    row.max_header_bytes = *max_header;
    row.slab = slab == "yes";
    lines.push_back(row);
  }
  return lines;
}

}  // namespace hostcheck::kernel

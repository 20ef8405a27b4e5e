#include "core/kernel/proc_net.h"

#include <algorithm>
#include <array>

#include "core/base/text.h"

namespace hostcheck::kernel {
namespace {

Error malformed(std::string_view file, std::string_view detail, std::string_view line) {
  constexpr std::size_t kShown = 60;
  std::string words(detail);
  if (!line.empty()) {
    words += ": '";
    words += line.substr(0, kShown);
    words += line.size() > kShown ? "...'" : "'";
  }
  return make_error(ErrorCode::failed, "parse", file, words);
}

// Gives away the text up to the next line end.
std::string_view next_line(std::string_view& text) {
  const std::size_t end = text.find('\n');
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return line;
}

// Gives away the next field; "" when there is none.
std::string_view next_field(std::string_view& line) {
  const std::size_t begin = line.find_first_not_of(" \t");
  if (begin == std::string_view::npos) {
    line = {};
    return {};
  }
  line.remove_prefix(begin);
  const std::size_t end = std::min(line.find_first_of(" \t"), line.size());
  const std::string_view field = line.substr(0, end);
  line.remove_prefix(end);
  return field;
}

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
  if (text.empty()) return unexpected(malformed(file, "empty", {}));
  while (!text.empty()) {
    std::string_view names = next_line(text);
    const std::string_view name_line = names;
    std::string_view protocol = next_field(names);
    if (!protocol.ends_with(':') || protocol.size() < 2) return unexpected(malformed(file, "no protocol", name_line));
    std::string_view numbers = next_line(text);
    if (next_field(numbers) != protocol) return unexpected(malformed(file, "no values for the names", name_line));
    protocol.remove_suffix(1);
    while (true) {
      const std::string_view name = next_field(names);
      const std::string_view number = next_field(numbers);
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
  if (text.empty()) return unexpected(malformed(file, "empty", {}));
  while (!text.empty()) {
    const std::string_view line = next_line(text);
    std::string_view rest = line;
    const std::string_view whole_name = next_field(rest);
    const std::string_view number = next_field(rest);
    const std::size_t protocol_end = whole_name.find('6');
    if (protocol_end == std::string_view::npos || protocol_end + 1 == whole_name.size() || number.empty() ||
        !next_field(rest).empty()) {
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
  if (text.empty()) return unexpected(malformed(file, "empty", {}));
  while (!text.empty()) {
    const std::string_view line = next_line(text);
    std::string_view rest = line;
    std::string_view protocol = next_field(rest);
    if (!protocol.ends_with(':') || protocol.size() < 2) return unexpected(malformed(file, "no protocol", line));
    protocol.remove_suffix(1);
    while (true) {
      const std::string_view name = next_field(rest);
      if (name.empty()) break;
      const auto value = parse_number<std::int64_t>(next_field(rest));
      if (!value) return unexpected(malformed(file, "no number for " + std::string(name), line));
      values.push_back({protocol, name, *value});
    }
  }
  return values;
}

Result<std::vector<ProtocolLine>> parse_protocols(std::string_view text, std::string_view file) {
  const std::string_view header = next_line(text);
  const std::vector<std::string_view> titles = split_fields(header);
  constexpr std::array<std::string_view, 8> kTitles = {"protocol", "size",   "sockets", "memory",
                                                       "press",    "maxhdr", "slab",    "module"};
  if (titles.size() < kTitles.size() || !std::equal(kTitles.begin(), kTitles.end(), titles.begin())) {
    return unexpected(malformed(file, "unknown columns", header));
  }
  std::vector<ProtocolLine> lines;
  while (!text.empty()) {
    const std::string_view line = next_line(text);
    std::string_view rest = line;
    ProtocolLine row;
    row.name = next_field(rest);
    const auto size = parse_number<std::uint32_t>(next_field(rest));
    const auto sockets = parse_number<std::int64_t>(next_field(rest));
    const auto memory = parse_number<std::int64_t>(next_field(rest));
    row.pressure = next_field(rest);
    const auto max_header = parse_number<std::uint32_t>(next_field(rest));
    const std::string_view slab = next_field(rest);
    row.module = next_field(rest);
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

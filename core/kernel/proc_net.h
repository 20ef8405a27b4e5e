// The text files of /proc/net that show counters and sockets in use. Parsers are pure; what a file does not show in the
// form expected is an Error that names the file, and then nothing of the file is to be used.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"

namespace hostcheck::kernel {

// A number of /proc/net/snmp, netstat or snmp6. Unsigned 64 bits; a negative one (Tcp MaxConn) as its two's complement.
struct CounterValue {
  std::string_view protocol;  // views into the text that was parsed
  std::string_view name;
  std::uint64_t value = 0;
  bool gauge = false;
};

// Whether somebody wants a counter; called before its value is parsed.
using CounterFilter = std::function<bool(std::string_view protocol, std::string_view name)>;

// Pairs of lines "Tcp: name name ..." and "Tcp: 1 2 ...": /proc/net/snmp and /proc/net/netstat.
[[nodiscard]] Result<std::vector<CounterValue>> parse_counter_lines(std::string_view text, std::string_view file,
                                                                    const CounterFilter& wanted);
// Lines "Ip6InReceives <blanks> 12": /proc/net/snmp6.
[[nodiscard]] Result<std::vector<CounterValue>> parse_snmp6(std::string_view text, std::string_view file,
                                                            const CounterFilter& wanted);

// One number of /proc/net/sockstat or sockstat6: "TCP: inuse 5 orphan 0".
struct SocketStatisticValue {
  std::string_view protocol;
  std::string_view name;
  std::int64_t value = 0;
};
[[nodiscard]] Result<std::vector<SocketStatisticValue>> parse_sockstat(std::string_view text, std::string_view file);

// One line of /proc/net/protocols.
struct ProtocolLine {
  std::string_view name;
  std::uint32_t size_bytes = 0;
  std::int64_t sockets = 0;
  std::optional<std::int64_t> memory_pages;
  std::string_view pressure;
  std::uint32_t max_header_bytes = 0;
  bool slab = false;
  std::string_view module;
};
[[nodiscard]] Result<std::vector<ProtocolLine>> parse_protocols(std::string_view text, std::string_view file);

}  // namespace hostcheck::kernel

// The protocols' own counters, and what sockets there are by protocol.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/base/text_pool.h"
#include "core/facts/table.h"

namespace hostcheck::facts {

// One number of /proc/net/snmp, netstat or snmp6.
struct ProtocolCounter {
  Symbol netns;
  Symbol protocol;     // Ip, Icmp, IcmpMsg, Tcp, Udp, UdpLite, TcpExt, IpExt, MPTcpExt, Ip6, Icmp6, Udp6, UdpLite6
  Symbol name;         // e.g. ListenOverflows
  Counter value;       // for a gauge: its two's complement
  bool gauge = false;  // a present state or a setting, not a counter: has no delta
  static const TableInfo& table();
};

// One number of /proc/net/sockstat or sockstat6.
struct SocketStatistic {
  Symbol netns;
  Symbol protocol;  // sockets, TCP, UDP, UDPLITE, RAW, FRAG, TCP6, UDP6, UDPLITE6, RAW6, FRAG6
  Symbol name;      // used, inuse, orphan, tw, alloc, mem, memory
  std::int64_t value = 0;
  static const TableInfo& table();
};

// One line of /proc/net/protocols.
struct Protocol {
  Symbol netns;
  Symbol protocol;                     // TCP, UDPv6, UNIX, ...
  std::uint32_t size_bytes = 0;        // of one socket
  std::int64_t sockets = 0;            // in this namespace
  std::optional<std::int64_t> memory;  // pages, of all namespaces; absent where the protocol does not account
  Symbol pressure;                     // yes, no, NI (not implemented)
  std::uint32_t max_header_bytes = 0;
  bool slab = false;
  Symbol module;  // kernel, or the module's name
  static const TableInfo& table();
};

}  // namespace hostcheck::facts

#include "core/facts/counter.h"

namespace hostcheck::facts {
namespace {

constexpr std::string_view kFiles = "/proc/net/snmp, netstat, snmp6";

// A gauge may be negative (Tcp MaxConn is -1) and has no increase.
Cell value_cell(const void* row, std::string& scratch) {
  const auto& counter = *static_cast<const ProtocolCounter*>(row);
  if (counter.gauge) return integer_cell(static_cast<std::int64_t>(counter.value.value));
  return member_cell(counter.value.value, scratch);
}

template <Cell (*Read)(const void*, std::string&)>
Cell unless_gauge(const void* row, std::string& scratch) {
  return static_cast<const ProtocolCounter*>(row)->gauge ? Cell{} : Read(row, scratch);
}

Cell delta_cell(const void* row, std::string& scratch) {
  return member_cell(static_cast<const ProtocolCounter*>(row)->value.delta, scratch);
}

Cell rate_cell(const void* row, std::string&) {
  const Counter& counter = static_cast<const ProtocolCounter*>(row)->value;
  if (!counter.delta || counter.span_ms == 0) return {};
  return real_cell(static_cast<double>(*counter.delta) * 1000.0 / counter.span_ms);
}

TableInfo counters_table() {
  TableInfo info =
      TableBuilder<ProtocolCounter>("counters",
                                    "Counters of the protocols, as nstat(8) names them: protocol and name together")
          .key<&ProtocolCounter::netns>("netns", "", "namespace that was asked", "Name of the network namespace")
          .key<&ProtocolCounter::protocol>(
              "protocol", "", kFiles,
              "Ip, Icmp, IcmpMsg, Tcp, Udp, UdpLite, TcpExt, IpExt, MPTcpExt, Ip6, Icmp6, Udp6, UdpLite6")
          .key<&ProtocolCounter::name>("name", "", kFiles, "Name of the counter, e.g. ListenOverflows")
          .counter<&ProtocolCounter::value>("value", "", kFiles, "Events since boot; for a gauge its present value")
          .column<&ProtocolCounter::gauge>(
              "gauge", "", "meaning of the name",
              "Whether it is a state or setting (Tcp CurrEstab, RtoMin); then it has no delta")
          .build();
  info.columns[*info.column("value")].read = value_cell;
  info.columns[*info.column("value_delta")].read = unless_gauge<delta_cell>;
  info.columns[*info.column("value_per_second")].read = unless_gauge<rate_cell>;
  return info;
}

}  // namespace

const TableInfo& ProtocolCounter::table() {
  static const TableInfo info = counters_table();
  return info;
}

const TableInfo& SocketStatistic::table() {
  static const TableInfo info =
      TableBuilder<SocketStatistic>("sockstat", "Sockets and fragment queues in use, by protocol")
          .key<&SocketStatistic::netns>("netns", "", "namespace that was asked", "Name of the network namespace")
          .key<&SocketStatistic::protocol>("protocol", "", "/proc/net/sockstat, sockstat6",
                                           "sockets, TCP, UDP, UDPLITE, RAW, FRAG, TCP6, UDP6, UDPLITE6, RAW6, FRAG6")
          .key<&SocketStatistic::name>(
              "name", "", "/proc/net/sockstat, sockstat6",
              "inuse, orphan, tw (TIME-WAIT), alloc, mem (pages), memory (bytes of fragments), used")
          .column<&SocketStatistic::value>(
              "value", "", "/proc/net/sockstat, sockstat6",
              "The number. mem, alloc and orphan are of all namespaces together; inuse and tw of this one")
          .build();
  return info;
}

const TableInfo& Protocol::table() {
  static const TableInfo info =
      TableBuilder<Protocol>("protocols", "Socket protocols that the kernel has")
          .key<&Protocol::netns>("netns", "", "namespace that was asked", "Name of the network namespace")
          .key<&Protocol::protocol>("protocol", "", "/proc/net/protocols", "TCP, TCPv6, UDP, UNIX, PACKET, ...")
          .column<&Protocol::size_bytes>("size_bytes", "bytes", "/proc/net/protocols size", "Memory of one socket")
          .column<&Protocol::sockets>("sockets", "", "/proc/net/protocols sockets", "Sockets in this namespace")
          .column<&Protocol::memory>(
              "memory", "pages", "/proc/net/protocols memory",
              "Buffer memory of all namespaces together; NULL where the protocol keeps no account")
          .column<&Protocol::pressure>("pressure", "", "/proc/net/protocols press",
                                       "yes under memory pressure, no, NI where it is not implemented")
          .column<&Protocol::max_header_bytes>("max_header", "bytes", "/proc/net/protocols maxhdr", "Longest header")
          .column<&Protocol::slab>("slab", "", "/proc/net/protocols slab",
                                   "Whether its sockets have their own slab cache")
          .column<&Protocol::module>("module", "", "/proc/net/protocols module", "kernel, or the module that brings it")
          .build();
  return info;
}

}  // namespace hostcheck::facts

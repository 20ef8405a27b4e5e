// Counting the entries of connection tracking by kind, while they are dumped.
#include <algorithm>
#include <array>
#include <string>

#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <netinet/in.h>

#include "core/base/text.h"
#include "core/kernel/conntrack.h"
#include "core/kernel/nfnetlink.h"

namespace hostcheck::kernel {
namespace {

using Bytes = std::span<const std::uint8_t>;

constexpr std::array<std::string_view, 10> kTcpStates = {"NONE",     "SYN_SENT",   "SYN_RECV", "ESTABLISHED",
                                                         "FIN_WAIT", "CLOSE_WAIT", "LAST_ACK", "TIME_WAIT",
                                                         "CLOSE",    "SYN_SENT2"};
constexpr std::array<std::string_view, 10> kDccpStates = {"NONE",     "REQUEST", "RESPOND",  "PARTOPEN", "OPEN",
                                                          "CLOSEREQ", "CLOSING", "TIMEWAIT", "IGNORE",   "INVALID"};
constexpr std::array<std::string_view, 10> kSctpStates = {
    "NONE",          "CLOSED",        "COOKIE_WAIT",       "COOKIE_ECHOED",  "ESTABLISHED",
    "SHUTDOWN_SENT", "SHUTDOWN_RECD", "SHUTDOWN_ACK_SENT", "HEARTBEAT_SENT", "HEARTBEAT_ACKED"};
constexpr std::uint8_t kNoState = 0xff;
constexpr std::uint32_t kFlags = IPS_ASSURED | IPS_SEEN_REPLY;

std::span<const std::string_view> states_of(std::uint8_t protocol) {
  switch (protocol) {
    case IPPROTO_TCP:
      return kTcpStates;
    case IPPROTO_DCCP:
      return kDccpStates;
    case IPPROTO_SCTP:
      return kSctpStates;
    default:
      return {};
  }
}

std::string protocol_text(std::uint8_t protocol) {
  switch (protocol) {
    case IPPROTO_ICMP:
      return "icmp";
    case IPPROTO_TCP:
      return "tcp";
    case IPPROTO_UDP:
      return "udp";
    case IPPROTO_DCCP:
      return "dccp";
    case IPPROTO_GRE:
      return "gre";
    case IPPROTO_ICMPV6:
      return "icmpv6";
    case IPPROTO_SCTP:
      return "sctp";
    case IPPROTO_UDPLITE:
      return "udplite";
    default:
      return std::to_string(protocol);
  }
}

// The one attribute of a type in a nest; without storing the others, for the hot loop.
Bytes find_attribute(Bytes attributes, std::uint16_t wanted) {
  while (attributes.size() >= NLA_HDRLEN) {
    nlattr header{};
    __builtin_memcpy(&header, attributes.data(), sizeof header);
    if (header.nla_len < NLA_HDRLEN || header.nla_len > attributes.size()) return {};
    if ((header.nla_type & NLA_TYPE_MASK) == wanted) return attributes.subspan(NLA_HDRLEN, header.nla_len - NLA_HDRLEN);
    attributes = attributes.subspan(std::min<std::size_t>(NLA_ALIGN(header.nla_len), attributes.size()));
  }
  return {};
}

}  // namespace

bool ConntrackCounts::add(const nlmsghdr& message) {
  const auto* header = header_of<nfgenmsg>(message);
  if (header == nullptr) return false;
  // Only the first four types matter here; they come early in the message, but any order is read.
  std::array<Bytes, CTA_PROTOINFO + 1> table;
  if (!parse_attributes(attributes_of(message, sizeof *header), table)) return false;
  const Bytes number = find_attribute(find_attribute(table[CTA_TUPLE_ORIG], CTA_TUPLE_PROTO), CTA_PROTO_NUM);
  if (number.empty()) return false;
  const std::uint8_t protocol = number[0];
  std::uint8_t state = kNoState;
  if (table[CTA_PROTOINFO].data() != nullptr && !states_of(protocol).empty()) {
    const std::uint16_t nest = protocol == IPPROTO_TCP    ? CTA_PROTOINFO_TCP
                               : protocol == IPPROTO_DCCP ? CTA_PROTOINFO_DCCP
                                                          : CTA_PROTOINFO_SCTP;
    // The state is attribute 1 in each of the three nests.
    const Bytes value = find_attribute(find_attribute(table[CTA_PROTOINFO], nest), CTA_PROTOINFO_TCP_STATE);
    if (!value.empty()) state = value[0];
  }
  count(header->nfgen_family, protocol, state, read_be32(table[CTA_STATUS]));
  return true;
}

bool ConntrackCounts::add_line(std::string_view line) {
  const auto fields = split_fields(line);
  if (fields.size() < 6) return false;
  const std::uint8_t family = fields[0] == "ipv4" ? AF_INET : fields[0] == "ipv6" ? AF_INET6 : AF_UNSPEC;
  const auto protocol = parse_number<std::uint8_t>(fields[3]);
  if (family == AF_UNSPEC || !protocol) return false;
  const auto states = states_of(*protocol);
  const auto found = std::find(states.begin(), states.end(), fields[5]);
  const auto state = found == states.end() ? kNoState : static_cast<std::uint8_t>(found - states.begin());
  const auto has = [&](std::string_view flag) { return std::find(fields.begin(), fields.end(), flag) != fields.end(); };
  count(family, *protocol, state, (has("[ASSURED]") ? IPS_ASSURED : 0) | (has("[UNREPLIED]") ? 0 : IPS_SEEN_REPLY));
  return true;
}

void ConntrackCounts::count(std::uint8_t family, std::uint8_t protocol, std::uint8_t state, std::uint32_t status) {
  const std::uint32_t code =
      std::uint32_t{family} << 24 | std::uint32_t{protocol} << 16 | std::uint32_t{state} << 8 | (status & kFlags);
  const auto found = std::find_if(kinds_.begin(), kinds_.end(), [&](const Kind& kind) { return kind.code == code; });
  if (found == kinds_.end()) {
    kinds_.push_back({code, 1});
  } else {
    ++found->entries;
  }
}

std::vector<facts::ConntrackEntries> ConntrackCounts::rows(facts::Facts& pool) const {
  std::vector<facts::ConntrackEntries> rows;
  rows.reserve(kinds_.size());
  for (const Kind& kind : kinds_) {
    const auto family = static_cast<std::uint8_t>(kind.code >> 24);
    const auto protocol = static_cast<std::uint8_t>(kind.code >> 16);
    const auto state = static_cast<std::uint8_t>(kind.code >> 8);
    const auto states = states_of(protocol);
    facts::ConntrackEntries row;
    row.family = family == AF_INET ? Family::ipv4 : family == AF_INET6 ? Family::ipv6 : Family::none;
    row.protocol = pool.intern(protocol_text(protocol));
    if (state < states.size()) {
      row.state = pool.intern(states[state]);
    } else if (state != kNoState) {
      row.state = pool.intern(std::to_string(state));
    }
    row.assured = (kind.code & IPS_ASSURED) != 0;
    row.unreplied = (kind.code & IPS_SEEN_REPLY) == 0;
    row.entries = kind.entries;
    rows.push_back(row);
  }
  return rows;
}

}  // namespace hostcheck::kernel

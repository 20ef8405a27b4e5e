#include "core/kernel/nft_field.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

namespace hostcheck::kernel {
namespace {

struct Field {
  std::uint8_t offset;
  std::uint8_t length;
  std::string_view text;
  NftKind kind = NftKind::number;
  RuleColumn column = RuleColumn::none;
};

constexpr std::array<Field, 3> kEther = {{{0, 6, "ether daddr", NftKind::ether},
                                          {6, 6, "ether saddr", NftKind::ether},
                                          {12, 2, "ether type", NftKind::ethertype}}};
constexpr std::array<Field, 7> kIp = {{{2, 2, "ip length"},
                                       {4, 2, "ip id"},
                                       {6, 2, "ip frag-off"},
                                       {8, 1, "ip ttl"},
                                       {9, 1, "ip protocol", NftKind::l4proto, RuleColumn::protocol},
                                       {12, 4, "ip saddr", NftKind::ipv4, RuleColumn::src},
                                       {16, 4, "ip daddr", NftKind::ipv4, RuleColumn::dst}}};
constexpr std::array<Field, 1> kIpChecksum = {{{10, 2, "ip checksum"}}};
constexpr std::array<Field, 5> kIp6 = {{{4, 2, "ip6 length"},
                                        {6, 1, "ip6 nexthdr", NftKind::l4proto, RuleColumn::protocol},
                                        {7, 1, "ip6 hoplimit"},
                                        {8, 16, "ip6 saddr", NftKind::ipv6, RuleColumn::src},
                                        {24, 16, "ip6 daddr", NftKind::ipv6, RuleColumn::dst}}};
constexpr std::array<Field, 9> kArp = {{{0, 2, "arp htype"},
                                        {2, 2, "arp ptype", NftKind::ethertype},
                                        {4, 1, "arp hlen"},
                                        {5, 1, "arp plen"},
                                        {6, 2, "arp operation", NftKind::arp_operation},
                                        {8, 6, "arp saddr ether", NftKind::ether},
                                        {14, 4, "arp saddr ip", NftKind::ipv4, RuleColumn::src},
                                        {18, 6, "arp daddr ether", NftKind::ether},
                                        {24, 4, "arp daddr ip", NftKind::ipv4, RuleColumn::dst}}};
constexpr std::array<Field, 9> kTcp = {{{0, 2, "tcp sport", NftKind::port, RuleColumn::sport},
                                        {2, 2, "tcp dport", NftKind::port, RuleColumn::dport},
                                        {4, 4, "tcp sequence"},
                                        {8, 4, "tcp ackseq"},
                                        {12, 1, "tcp doff"},
                                        {13, 1, "tcp flags", NftKind::tcp_flags},
                                        {14, 2, "tcp window"},
                                        {16, 2, "tcp checksum"},
                                        {18, 2, "tcp urgptr"}}};
constexpr std::array<Field, 4> kUdp = {{{0, 2, "udp sport", NftKind::port, RuleColumn::sport},
                                        {2, 2, "udp dport", NftKind::port, RuleColumn::dport},
                                        {4, 2, "udp length"},
                                        {6, 2, "udp checksum"}}};
constexpr std::array<Field, 4> kUdplite = {{{0, 2, "udplite sport", NftKind::port, RuleColumn::sport},
                                            {2, 2, "udplite dport", NftKind::port, RuleColumn::dport},
                                            {4, 2, "udplite csumcov"},
                                            {6, 2, "udplite checksum"}}};
constexpr std::array<Field, 4> kSctp = {{{0, 2, "sctp sport", NftKind::port, RuleColumn::sport},
                                         {2, 2, "sctp dport", NftKind::port, RuleColumn::dport},
                                         {4, 4, "sctp vtag"},
                                         {8, 4, "sctp checksum"}}};
constexpr std::array<Field, 2> kDccp = {
    {{0, 2, "dccp sport", NftKind::port, RuleColumn::sport}, {2, 2, "dccp dport", NftKind::port, RuleColumn::dport}}};
constexpr std::array<Field, 5> kIcmp = {{{0, 1, "icmp type", NftKind::icmp_type},
                                         {1, 1, "icmp code"},
                                         {2, 2, "icmp checksum"},
                                         {4, 2, "icmp id"},
                                         {6, 2, "icmp sequence"}}};
constexpr std::array<Field, 5> kIcmpv6 = {{{0, 1, "icmpv6 type", NftKind::icmpv6_type},
                                           {1, 1, "icmpv6 code"},
                                           {2, 2, "icmpv6 checksum"},
                                           {4, 2, "icmpv6 id"},
                                           {6, 2, "icmpv6 sequence"}}};
constexpr std::array<Field, 2> kEsp = {{{0, 4, "esp spi"}, {4, 4, "esp sequence"}}};
constexpr std::array<Field, 3> kAh = {{{1, 1, "ah hdrlength"}, {4, 4, "ah spi"}, {8, 4, "ah sequence"}}};
// Where the protocol is not known, ports are where every protocol with ports has them.
constexpr std::array<Field, 2> kTransport = {
    {{0, 2, "th sport", NftKind::port, RuleColumn::sport}, {2, 2, "th dport", NftKind::port, RuleColumn::dport}}};

std::span<const Field> network_fields(const NftContext& context) {
  switch (context.l3) {
    case NFPROTO_IPV4:
      return kIp;
    case NFPROTO_IPV6:
      return kIp6;
    case NFPROTO_ARP:
      return kArp;
    default:
      return {};
  }
}

std::span<const Field> transport_fields(const NftContext& context) {
  switch (context.l4) {
    case IPPROTO_TCP:
      return kTcp;
    case IPPROTO_UDP:
      return kUdp;
    case IPPROTO_UDPLITE:
      return kUdplite;
    case IPPROTO_SCTP:
      return kSctp;
    case IPPROTO_DCCP:
      return kDccp;
    case IPPROTO_ICMP:
      return kIcmp;
    case IPPROTO_ICMPV6:
      return kIcmpv6;
    case IPPROTO_ESP:
      return kEsp;
    case IPPROTO_AH:
      return kAh;
    default:
      return kTransport;
  }
}

// Fields of which the first bytes are a prefix that nft writes as such.
bool has_prefixes(NftKind kind) {
  return kind == NftKind::ipv4 || kind == NftKind::ipv6;
}

const Field* field_at(std::span<const Field> fields, std::uint32_t offset, std::uint32_t length) {
  const auto found = std::find_if(fields.begin(), fields.end(), [&](const Field& field) {
    return field.offset == offset && (field.length <= length || (has_prefixes(field.kind) && length > 0));
  });
  return found == fields.end() ? nullptr : &*found;
}

NftField raw_field(std::uint32_t base, std::uint32_t offset, std::uint32_t length) {
  constexpr std::array<std::string_view, 4> kBases = {"ll", "nh", "th", "ih"};
  NftField field;
  field.text = fmt::format("@{},{},{}", base < kBases.size() ? kBases[base] : "?", offset * 8, length * 8);
  field.kind = length > 8 ? NftKind::bytes : NftKind::number;
  field.length = field.full_length = static_cast<std::uint8_t>(length);
  return field;
}

NftField make_field(std::string_view text, NftKind kind, std::size_t length, bool host_order,
                    RuleColumn column = RuleColumn::none) {
  NftField field;
  field.text = text;
  field.kind = kind;
  field.column = column;
  field.host_order = host_order;
  field.length = field.full_length = static_cast<std::uint8_t>(length);
  return field;
}

}  // namespace

NftField text_field(std::string text, NftKind kind, std::size_t length, bool host_order) {
  NftField field;
  field.text = std::move(text);
  field.kind = kind;
  field.host_order = host_order;
  field.length = field.full_length = static_cast<std::uint8_t>(length);
  return field;
}

std::string joined(const std::vector<NftField>& fields) {
  std::string text;
  for (const NftField& field : fields) {
    if (!text.empty()) text += " . ";
    text += field.text;
  }
  return text;
}

std::vector<NftField> payload_fields(std::uint32_t base, std::uint32_t offset, std::uint32_t length,
                                     const NftContext& context) {
  length = std::min<std::uint32_t>(length, NFT_DATA_VALUE_MAXLEN);
  std::span<const Field> fields;
  if (base == NFT_PAYLOAD_LL_HEADER) fields = kEther;
  if (base == NFT_PAYLOAD_NETWORK_HEADER) fields = network_fields(context);
  if (base == NFT_PAYLOAD_TRANSPORT_HEADER) fields = transport_fields(context);
  std::vector<NftField> found;
  std::uint32_t at = offset;
  std::uint32_t left = length;
  while (left > 0) {
    const Field* known = field_at(fields, at, left);
    if (known == nullptr && base == NFT_PAYLOAD_NETWORK_HEADER && context.l3 == NFPROTO_IPV4) {
      known = field_at(kIpChecksum, at, left);
    }
    if (known == nullptr) {
      // Not a row of whole fields: better one honest raw piece than half of it guessed.
      found.assign(1, raw_field(base, offset, length));
      break;
    }
    NftField field =
        make_field(known->text, known->kind, std::min<std::uint32_t>(known->length, left), false, known->column);
    field.full_length = known->length;
    field.needs_ether = base == NFT_PAYLOAD_LL_HEADER;
    if (base == NFT_PAYLOAD_NETWORK_HEADER) field.needs_l3 = context.l3;
    if (base == NFT_PAYLOAD_TRANSPORT_HEADER && fields.data() != kTransport.data()) field.needs_l4 = context.l4;
    if (field.needs_l4 == IPPROTO_ICMP) field.needs_l3 = NFPROTO_IPV4;
    if (field.needs_l4 == IPPROTO_ICMPV6) field.needs_l3 = NFPROTO_IPV6;
    at += field.length;
    left -= field.length;
    found.push_back(std::move(field));
  }
  if (found.size() == 1 && found[0].text[0] == '@' && base == NFT_PAYLOAD_NETWORK_HEADER)
    found[0].needs_l3 = context.l3;
  return found;
}

bool narrow_to_bit_field(NftField& field, Bytes mask) {
  struct BitField {
    std::uint8_t l3;
    std::string_view loaded;
    std::uint64_t mask;
    std::string_view text;
    std::uint8_t shift;
    NftKind kind;
  };
  static constexpr std::array<BitField, 11> kBitFields = {{
      {NFPROTO_IPV4, "@nh,0,8", 0xf0, "ip version", 4, NftKind::number},
      {NFPROTO_IPV4, "@nh,0,8", 0x0f, "ip hdrlength", 0, NftKind::number},
      {NFPROTO_IPV4, "@nh,8,8", 0xfc, "ip dscp", 2, NftKind::dscp},
      {NFPROTO_IPV4, "@nh,8,8", 0x03, "ip ecn", 0, NftKind::number},
      {NFPROTO_IPV6, "@nh,0,16", 0x0fc0, "ip6 dscp", 6, NftKind::dscp},
      {NFPROTO_IPV6, "@nh,8,8", 0x30, "ip6 ecn", 4, NftKind::number},
      {NFPROTO_IPV6, "@nh,8,24", 0x0fffff, "ip6 flowlabel", 0, NftKind::number},
      {0, "tcp doff", 0xf0, "tcp doff", 4, NftKind::number},
      {0, "@ll,112,16", 0x0fff, "vlan id", 0, NftKind::number},
      {0, "@ll,112,8", 0xe0, "vlan pcp", 5, NftKind::number},
      {0, "frag more-fragments", 0x01, "frag more-fragments", 0, NftKind::number},
  }};
  if (mask.size() > 4 || mask.size() != field.length) return false;
  const std::uint64_t bits = nft_number(mask, false);
  for (const BitField& each : kBitFields) {
    if (each.loaded != field.text || each.mask != bits || (each.l3 != 0 && each.l3 != field.needs_l3)) continue;
    field.text = each.text;
    field.kind = each.kind;
    field.shift = each.shift;
    field.bit_field = true;
    return true;
  }
  return false;
}

NftField meta_field(std::uint32_t key) {
  constexpr std::uint32_t kBroute = 35;  // NFT_META_BRI_BROUTE, not in older headers
  using K = NftKind;
  using C = RuleColumn;
  switch (key) {
    case NFT_META_LEN:
      return make_field("meta length", K::number, 4, true);
    case NFT_META_PROTOCOL:
      return make_field("meta protocol", K::ethertype, 2, false);
    case NFT_META_PRIORITY:
      return make_field("meta priority", K::tc_class, 4, true);
    case NFT_META_MARK:
      return make_field("meta mark", K::hex, 4, true);
    case NFT_META_IIF:
      return make_field("iif", K::ifindex, 4, true, C::iif);
    case NFT_META_OIF:
      return make_field("oif", K::ifindex, 4, true, C::oif);
    case NFT_META_IIFNAME:
      return make_field("iifname", K::ifname, 16, true, C::iif);
    case NFT_META_OIFNAME:
      return make_field("oifname", K::ifname, 16, true, C::oif);
    case NFT_META_IIFTYPE:
      return make_field("meta iiftype", K::device_type, 2, true);
    case NFT_META_OIFTYPE:
      return make_field("meta oiftype", K::device_type, 2, true);
    case NFT_META_SKUID:
      return make_field("meta skuid", K::number, 4, true);
    case NFT_META_SKGID:
      return make_field("meta skgid", K::number, 4, true);
    case NFT_META_NFTRACE:
      return make_field("meta nftrace", K::number, 1, true);
    case NFT_META_RTCLASSID:
      return make_field("rt classid", K::number, 4, true);
    case NFT_META_SECMARK:
      return make_field("meta secmark", K::number, 4, true);
    case NFT_META_NFPROTO:
      return make_field("meta nfproto", K::nfproto, 1, true);
    case NFT_META_L4PROTO:
      return make_field("meta l4proto", K::l4proto, 1, false, C::protocol);
    case NFT_META_BRI_IIFNAME:
      return make_field("meta ibrname", K::ifname, 16, true);
    case NFT_META_BRI_OIFNAME:
      return make_field("meta obrname", K::ifname, 16, true);
    case NFT_META_PKTTYPE:
      return make_field("meta pkttype", K::packet_type, 1, true);
    case NFT_META_CPU:
      return make_field("meta cpu", K::number, 4, true);
    case NFT_META_IIFGROUP:
      return make_field("iifgroup", K::number, 4, true);
    case NFT_META_OIFGROUP:
      return make_field("oifgroup", K::number, 4, true);
    case NFT_META_CGROUP:
      return make_field("meta cgroup", K::number, 4, true);
    case NFT_META_PRANDOM:
      return make_field("meta random", K::number, 4, false);
    case NFT_META_SECPATH:
      return make_field("meta ipsec", K::existence, 1, true);
    case NFT_META_IIFKIND:
      return make_field("meta iifkind", K::text, 16, true);
    case NFT_META_OIFKIND:
      return make_field("meta oifkind", K::text, 16, true);
    case NFT_META_BRI_IIFPVID:
      return make_field("meta ibrpvid", K::number, 2, true);
    case NFT_META_BRI_IIFVPROTO:
      return make_field("meta ibrvproto", K::ethertype, 2, false);
    case NFT_META_TIME_NS:
      return make_field("meta time", K::number, 8, true);
    case NFT_META_TIME_DAY:
      return make_field("meta day", K::weekday, 1, true);
    case NFT_META_TIME_HOUR:
      return make_field("meta hour", K::number, 4, true);
    case NFT_META_SDIF:
      return make_field("sdif", K::ifindex, 4, true);
    case NFT_META_SDIFNAME:
      return make_field("sdifname", K::ifname, 16, true);
    case kBroute:
      return make_field("meta broute", K::number, 1, true);
    default:
      return make_field(fmt::format("meta [{}]", key), K::bytes, 4, true);
  }
}

NftField ct_field(std::uint32_t key, int direction) {
  struct Key {
    std::uint32_t key;
    std::string_view text;
    NftKind kind;
    std::uint8_t length;
    bool host_order;
  };
  static constexpr std::array<Key, 24> kKeys = {{
      {NFT_CT_STATE, "state", NftKind::ct_state, 4, true},
      {NFT_CT_DIRECTION, "direction", NftKind::ct_direction, 1, true},
      {NFT_CT_STATUS, "status", NftKind::ct_status, 4, true},
      {NFT_CT_MARK, "mark", NftKind::hex, 4, true},
      {NFT_CT_SECMARK, "secmark", NftKind::number, 4, true},
      {NFT_CT_EXPIRATION, "expiration", NftKind::milliseconds, 4, true},
      {NFT_CT_HELPER, "helper", NftKind::text, 16, true},
      {NFT_CT_L3PROTOCOL, "l3proto", NftKind::nfproto, 1, false},
      {NFT_CT_SRC, "saddr", NftKind::bytes, 16, false},
      {NFT_CT_DST, "daddr", NftKind::bytes, 16, false},
      {NFT_CT_PROTOCOL, "protocol", NftKind::l4proto, 1, false},
      {NFT_CT_PROTO_SRC, "proto-src", NftKind::port, 2, false},
      {NFT_CT_PROTO_DST, "proto-dst", NftKind::port, 2, false},
      {NFT_CT_LABELS, "label", NftKind::bytes, 16, true},
      {NFT_CT_PKTS, "packets", NftKind::number, 8, true},
      {NFT_CT_BYTES, "bytes", NftKind::number, 8, true},
      {NFT_CT_AVGPKT, "avgpkt", NftKind::number, 8, true},
      {NFT_CT_ZONE, "zone", NftKind::number, 2, true},
      {NFT_CT_EVENTMASK, "event", NftKind::hex, 4, true},
      {NFT_CT_SRC_IP, "ip saddr", NftKind::ipv4, 4, false},
      {NFT_CT_DST_IP, "ip daddr", NftKind::ipv4, 4, false},
      {NFT_CT_SRC_IP6, "ip6 saddr", NftKind::ipv6, 16, false},
      {NFT_CT_DST_IP6, "ip6 daddr", NftKind::ipv6, 16, false},
      {NFT_CT_ID, "id", NftKind::number, 4, false},
  }};
  const std::string_view way = direction == 0 ? "original " : direction == 1 ? "reply " : "";
  const auto found = std::find_if(kKeys.begin(), kKeys.end(), [&](const Key& each) { return each.key == key; });
  if (found == kKeys.end()) return make_field(fmt::format("ct {}[{}]", way, key), NftKind::bytes, 4, true);
  NftField field = make_field(way.empty() ? "ct " + std::string(found->text) : fmt::format("ct {}{}", way, found->text),
                              found->kind, found->length, found->host_order);
  if (key == NFT_CT_STATE) field.column = RuleColumn::ct_state;
  return field;
}

NftField exthdr_field(std::uint32_t op, std::uint8_t type, std::uint32_t offset, std::uint32_t length, bool presence) {
  struct Header {
    std::uint32_t op;
    std::uint8_t type;
    std::string_view text;
  };
  static constexpr std::array<Header, 18> kHeaders = {{{NFT_EXTHDR_OP_IPV6, 0, "hbh"},
                                                       {NFT_EXTHDR_OP_IPV6, 43, "rt"},
                                                       {NFT_EXTHDR_OP_IPV6, 44, "frag"},
                                                       {NFT_EXTHDR_OP_IPV6, 60, "dst"},
                                                       {NFT_EXTHDR_OP_IPV6, 135, "mh"},
                                                       {NFT_EXTHDR_OP_TCPOPT, 0, "eol"},
                                                       {NFT_EXTHDR_OP_TCPOPT, 1, "nop"},
                                                       {NFT_EXTHDR_OP_TCPOPT, 2, "maxseg"},
                                                       {NFT_EXTHDR_OP_TCPOPT, 3, "window"},
                                                       {NFT_EXTHDR_OP_TCPOPT, 4, "sack-perm"},
                                                       {NFT_EXTHDR_OP_TCPOPT, 5, "sack"},
                                                       {NFT_EXTHDR_OP_TCPOPT, 8, "timestamp"},
                                                       {NFT_EXTHDR_OP_TCPOPT, 19, "md5sig"},
                                                       {NFT_EXTHDR_OP_TCPOPT, 30, "mptcp"},
                                                       {NFT_EXTHDR_OP_IPV4, 7, "rr"},
                                                       {NFT_EXTHDR_OP_IPV4, 131, "lsrr"},
                                                       {NFT_EXTHDR_OP_IPV4, 137, "ssrr"},
                                                       {NFT_EXTHDR_OP_IPV4, 148, "ra"}}};
  constexpr std::array<std::string_view, 5> kKinds = {"exthdr", "tcp option", "ip option", "sctp chunk", "dccp option"};
  const auto found = std::find_if(kHeaders.begin(), kHeaders.end(),
                                  [&](const Header& each) { return each.op == op && each.type == type; });
  const std::string name = found == kHeaders.end() ? std::to_string(type) : std::string(found->text);
  NftField field = make_field({}, presence ? NftKind::existence : NftKind::number, length, false);
  const bool ipv6 = op == NFT_EXTHDR_OP_IPV6;
  const std::string_view kind = op < kKinds.size() ? kKinds[op] : "exthdr";
  if (presence || !ipv6 || found == kHeaders.end()) field.text = fmt::format("{} {}", kind, name);
  if (ipv6 && !presence && found != kHeaders.end()) field.text = name;
  if (!presence) {
    if (op == NFT_EXTHDR_OP_TCPOPT && type == 2 && offset == 2 && length == 2) {
      field.text += " size";
    } else if (op == NFT_EXTHDR_OP_TCPOPT && type == 3 && offset == 2) {
      field.text += " count";
    } else if (op == NFT_EXTHDR_OP_TCPOPT && type == 8 && length == 4) {
      field.text += offset == 2 ? " tsval" : " tsecr";
    } else if (ipv6 && type == 44 && offset == 3) {
      field.text += " more-fragments";
    } else if (ipv6 && type == 44 && offset == 4) {
      field.text += " id";
    } else if (ipv6 && offset == 0) {
      field.text += " nexthdr";
    } else if (ipv6 && type == 43 && offset == 2) {
      field.text += " type";
    } else if (ipv6 && type == 43 && offset == 3) {
      field.text += " seg-left";
    } else {
      field.text += fmt::format(" @{},{}", offset * 8, length * 8);
    }
  }
  if (op == NFT_EXTHDR_OP_TCPOPT) field.needs_l4 = IPPROTO_TCP;
  if (op == NFT_EXTHDR_OP_SCTP) field.needs_l4 = IPPROTO_SCTP;
  if (op == NFT_EXTHDR_OP_DCCP) field.needs_l4 = IPPROTO_DCCP;
  return field;
}

NftField routing_field(std::uint32_t key) {
  switch (key) {
    case NFT_RT_CLASSID:
      return make_field("rt classid", NftKind::number, 4, true);
    case NFT_RT_NEXTHOP4:
      return make_field("rt ip nexthop", NftKind::ipv4, 4, false);
    case NFT_RT_NEXTHOP6:
      return make_field("rt ip6 nexthop", NftKind::ipv6, 16, false);
    case NFT_RT_TCPMSS:
      return make_field("rt mtu", NftKind::number, 2, true);
    case NFT_RT_XFRM:
      return make_field("rt ipsec", NftKind::existence, 1, true);
    default:
      return make_field(fmt::format("rt [{}]", key), NftKind::bytes, 4, true);
  }
}

NftField socket_field(std::uint32_t key) {
  switch (key) {
    case NFT_SOCKET_TRANSPARENT:
      return make_field("socket transparent", NftKind::number, 1, true);
    case NFT_SOCKET_MARK:
      return make_field("socket mark", NftKind::hex, 4, true);
    case NFT_SOCKET_WILDCARD:
      return make_field("socket wildcard", NftKind::number, 1, true);
    case NFT_SOCKET_CGROUPV2:
      return make_field("socket cgroupv2", NftKind::number, 8, true);
    default:
      return make_field(fmt::format("socket [{}]", key), NftKind::bytes, 4, true);
  }
}

}  // namespace hostcheck::kernel

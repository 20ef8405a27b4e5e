#include "core/kernel/nft_names.h"

#include <array>

namespace hostcheck::kernel {
namespace {

constexpr std::array<NftName, 17> kProtocols = {{{1, "icmp"},
                                                 {2, "igmp"},
                                                 {4, "ipencap"},
                                                 {6, "tcp"},
                                                 {17, "udp"},
                                                 {33, "dccp"},
                                                 {41, "ipv6"},
                                                 {46, "rsvp"},
                                                 {47, "gre"},
                                                 {50, "esp"},
                                                 {51, "ah"},
                                                 {58, "ipv6-icmp"},
                                                 {88, "eigrp"},
                                                 {89, "ospf"},
                                                 {103, "pim"},
                                                 {132, "sctp"},
                                                 {136, "udplite"}}};
constexpr std::array<NftName, 8> kEtherTypes = {{{0x0800, "ip"},
                                                 {0x0806, "arp"},
                                                 {0x86dd, "ip6"},
                                                 {0x8100, "8021q"},
                                                 {0x88a8, "8021ad"},
                                                 {0x8863, "pppoe-discovery"},
                                                 {0x8864, "pppoe"},
                                                 {0x8847, "mpls"}}};
constexpr std::array<NftName, 7> kArpOperations = {
    {{1, "request"}, {2, "reply"}, {3, "rrequest"}, {4, "rreply"}, {8, "inrequest"}, {9, "inreply"}, {10, "nak"}}};
constexpr std::array<NftName, 5> kNfProtocols = {{{2, "ipv4"}, {3, "arp"}, {5, "netdev"}, {7, "bridge"}, {10, "ipv6"}}};
constexpr std::array<NftName, 5> kStates = {
    {{1, "invalid"}, {8, "new"}, {2, "established"}, {4, "related"}, {64, "untracked"}}};
constexpr std::array<NftName, 7> kStatuses = {
    {{1, "expected"}, {2, "seen-reply"}, {4, "assured"}, {8, "confirmed"}, {16, "snat"}, {32, "dnat"}, {512, "dying"}}};
constexpr std::array<NftName, 8> kTcpFlags = {
    {{1, "fin"}, {2, "syn"}, {4, "rst"}, {8, "psh"}, {16, "ack"}, {32, "urg"}, {64, "ecn"}, {128, "cwr"}}};
constexpr std::array<NftName, 2> kDirections = {{{0, "original"}, {1, "reply"}}};
constexpr std::array<NftName, 15> kIcmpTypes = {{{0, "echo-reply"},
                                                 {3, "destination-unreachable"},
                                                 {4, "source-quench"},
                                                 {5, "redirect"},
                                                 {8, "echo-request"},
                                                 {9, "router-advertisement"},
                                                 {10, "router-solicitation"},
                                                 {11, "time-exceeded"},
                                                 {12, "parameter-problem"},
                                                 {13, "timestamp-request"},
                                                 {14, "timestamp-reply"},
                                                 {15, "info-request"},
                                                 {16, "info-reply"},
                                                 {17, "address-mask-request"},
                                                 {18, "address-mask-reply"}}};
constexpr std::array<NftName, 18> kIcmpv6Types = {{{1, "destination-unreachable"},
                                                   {2, "packet-too-big"},
                                                   {3, "time-exceeded"},
                                                   {4, "parameter-problem"},
                                                   {128, "echo-request"},
                                                   {129, "echo-reply"},
                                                   {130, "mld-listener-query"},
                                                   {131, "mld-listener-report"},
                                                   {132, "mld-listener-done"},
                                                   {133, "nd-router-solicit"},
                                                   {134, "nd-router-advert"},
                                                   {135, "nd-neighbor-solicit"},
                                                   {136, "nd-neighbor-advert"},
                                                   {137, "nd-redirect"},
                                                   {138, "router-renumbering"},
                                                   {141, "ind-neighbor-solicit"},
                                                   {142, "ind-neighbor-advert"},
                                                   {143, "mld2-listener-report"}}};
constexpr std::array<NftName, 4> kPacketTypes = {{{0, "host"}, {1, "broadcast"}, {2, "multicast"}, {3, "other"}}};
constexpr std::array<NftName, 7> kDeviceTypes = {
    {{1, "ether"}, {512, "ppp"}, {768, "ipip"}, {769, "ipip6"}, {772, "loopback"}, {776, "sit"}, {778, "ipgre"}}};
constexpr std::array<NftName, 23> kDscp = {
    {{0, "cs0"},   {8, "cs1"},   {16, "cs2"},  {24, "cs3"},  {32, "cs4"},  {40, "cs5"},  {48, "cs6"},  {56, "cs7"},
     {1, "lephb"}, {10, "af11"}, {12, "af12"}, {14, "af13"}, {18, "af21"}, {20, "af22"}, {22, "af23"}, {26, "af31"},
     {28, "af32"}, {30, "af33"}, {34, "af41"}, {36, "af42"}, {38, "af43"}, {46, "ef"},   {44, "va"}}};
constexpr std::array<NftName, 9> kAddressTypes = {{{0, "unspec"},
                                                   {1, "unicast"},
                                                   {2, "local"},
                                                   {3, "broadcast"},
                                                   {4, "anycast"},
                                                   {5, "multicast"},
                                                   {6, "blackhole"},
                                                   {7, "unreachable"},
                                                   {8, "prohibit"}}};
constexpr std::array<NftName, 2> kExistence = {{{0, "missing"}, {1, "exists"}}};

constexpr std::array<NftName, 7> kWeekdays = {{{0, "\"Sunday\""},
                                               {1, "\"Monday\""},
                                               {2, "\"Tuesday\""},
                                               {3, "\"Wednesday\""},
                                               {4, "\"Thursday\""},
                                               {5, "\"Friday\""},
                                               {6, "\"Saturday\""}}};

}  // namespace

std::span<const NftName> nft_names(NftKind kind) {
  switch (kind) {
    case NftKind::weekday:
      return kWeekdays;
    case NftKind::ethertype:
      return kEtherTypes;
    case NftKind::arp_operation:
      return kArpOperations;
    case NftKind::l4proto:
      return kProtocols;
    case NftKind::nfproto:
      return kNfProtocols;
    case NftKind::ct_state:
      return kStates;
    case NftKind::ct_status:
      return kStatuses;
    case NftKind::ct_direction:
      return kDirections;
    case NftKind::icmp_type:
      return kIcmpTypes;
    case NftKind::icmpv6_type:
      return kIcmpv6Types;
    case NftKind::tcp_flags:
      return kTcpFlags;
    case NftKind::packet_type:
      return kPacketTypes;
    case NftKind::device_type:
      return kDeviceTypes;
    case NftKind::dscp:
      return kDscp;
    case NftKind::address_type:
      return kAddressTypes;
    case NftKind::existence:
      return kExistence;
    default:
      return {};
  }
}

}  // namespace hostcheck::kernel

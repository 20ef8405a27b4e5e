#include "core/kernel/packet_filter.h"

#include <array>
#include <utility>

#include <linux/if_arp.h>
#include <linux/if_ether.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>

namespace hostcheck::kernel {
namespace {

constexpr std::uint32_t kSynOrRst = 0x06;
constexpr std::uint32_t kSynRstOrFin = 0x07;
constexpr std::uint32_t kFragmentOffset = 0x1fff;
// Places in the program's memory.
constexpr std::uint32_t kNetwork = 0;  // where the network header begins
constexpr std::uint32_t kHeader = 1;   // bytes of the IPv4 header
constexpr std::uint32_t kSum = 2;
// Offsets in the IPv6 packet of what follows a header without extensions.
constexpr std::uint32_t kBehindIpv6 = 40;

constexpr std::array<std::uint32_t, 3> kIcmpErrors = {ICMP_UNREACH, ICMP_TIMXCEED, ICMP_PARAMPROB};
constexpr std::array<std::uint32_t, 4> kIcmp6Errors = {ICMP6_DST_UNREACH, ICMP6_PACKET_TOO_BIG, ICMP6_TIME_EXCEEDED,
                                                       ICMP6_PARAM_PROB};
constexpr std::array<std::uint32_t, 2> kEcho = {ICMP_ECHOREPLY, ICMP_ECHO};
constexpr std::array<std::uint32_t, 4> kEchoAndNeighbours = {ICMP6_ECHO_REQUEST, ICMP6_ECHO_REPLY, ND_NEIGHBOR_SOLICIT,
                                                             ND_NEIGHBOR_ADVERT};
constexpr std::array<std::uint32_t, 4> kExtensions = {IPPROTO_HOPOPTS, IPPROTO_ROUTING, IPPROTO_FRAGMENT,
                                                      IPPROTO_DSTOPTS};

enum Label : std::uint8_t {
  accept,
  reject,
  device,
  tagged,
  network,
  ipv4,
  ipv6,
  tcp4,
  tcp6,
  icmp4,
  icmp6,
  peer4,
  peer6,
  known4,
  known6,
  count
};

class Program {
 public:
  void add(std::uint32_t code, std::uint32_t k) { code_.push_back({static_cast<std::uint16_t>(code), 0, 0, k}); }
  void place(Label label) { at_[label] = code_.size(); }
  void go(Label to) {
    jumps_.emplace_back(code_.size(), to);
    add(BPF_JMP | BPF_JA, 0);
  }
  // Where A compares so with k. A condition reaches 255 instructions only, so each has a far jump behind it.
  void go_if(std::uint32_t comparison, std::uint32_t k, Label to) {
    code_.push_back({static_cast<std::uint16_t>(BPF_JMP | comparison | BPF_K), 0, 1, k});
    go(to);
  }
  template <std::size_t N>
  void go_if_any(const std::array<std::uint32_t, N>& values, Label to) {
    for (const std::uint32_t each : values) go_if(BPF_JEQ, each, to);
  }
  void go_if_x(Label to) {
    code_.push_back({static_cast<std::uint16_t>(BPF_JMP | BPF_JEQ | BPF_X), 0, 1, 0});
    go(to);
  }
  // A from an offset to the header that X points to.
  void load(std::uint32_t size, std::uint32_t offset) { add(BPF_LD | size | BPF_IND, offset); }

  std::vector<sock_filter> take() {
    place(accept);
    add(BPF_RET | BPF_K, kCapturedBytes);
    place(reject);
    add(BPF_RET | BPF_K, 0);
    for (const auto& [from, to] : jumps_) code_[from].k = static_cast<std::uint32_t>(at_[to] - from - 1);
    return std::move(code_);
  }

 private:
  std::vector<sock_filter> code_;
  std::vector<std::pair<std::size_t, Label>> jumps_;
  std::array<std::size_t, count> at_{};
};

void set_network(Program& out, std::uint32_t offset) {
  out.add(BPF_LDX | BPF_IMM, offset);
  out.add(BPF_STX, kNetwork);
}

// Leaves the ethertype in A, and in X and the memory where the network header begins.
void find_network_header(Program& out, PacketStart start) {
  out.add(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(SKF_AD_OFF + SKF_AD_HATYPE));
  out.go_if(BPF_JEQ, ARPHRD_ETHER, device);
  out.go_if(BPF_JEQ, ARPHRD_LOOPBACK, device);
  if (start == PacketStart::network) {
    set_network(out, 0);
    out.add(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(SKF_AD_OFF + SKF_AD_PROTOCOL));
    out.go(network);
    out.place(device);
    out.go(reject);
    out.place(network);
    return;
  }
  out.go(reject);
  out.place(device);
  set_network(out, ETH_HLEN);
  out.add(BPF_LD | BPF_H | BPF_ABS, 12);
  out.go_if(BPF_JEQ, ETH_P_8021Q, tagged);
  out.go_if(BPF_JEQ, ETH_P_8021AD, tagged);
  out.go(network);
  out.place(tagged);
  set_network(out, ETH_HLEN + 4);
  out.add(BPF_LD | BPF_H | BPF_ABS, 16);
  out.go_if(BPF_JEQ, ETH_P_IP, network);
  out.go_if(BPF_JEQ, ETH_P_IPV6, network);
  out.go_if(BPF_JEQ, ETH_P_ARP, network);
  set_network(out, ETH_HLEN + 8);
  out.add(BPF_LD | BPF_H | BPF_ABS, 20);
  out.place(network);
}

// X from the IPv4 header to what follows it; its length is in the memory then.
void skip_ipv4_header(Program& out) {
  out.load(BPF_B, 0);
  out.add(BPF_ALU | BPF_AND | BPF_K, 0x0f);
  out.add(BPF_ALU | BPF_LSH | BPF_K, 2);
  out.add(BPF_ST, kHeader);
  out.add(BPF_ALU | BPF_ADD | BPF_X, 0);
  out.add(BPF_MISC | BPF_TAX, 0);
}

void hear_icmp(Program& out, bool probes) {
  out.place(icmp4);
  skip_ipv4_header(out);
  out.load(BPF_B, 0);
  out.go_if_any(kIcmpErrors, accept);
  if (probes) out.go_if_any(kEcho, accept);
  out.go(reject);
  out.place(icmp6);
  out.load(BPF_B, kBehindIpv6);
  out.go_if_any(kIcmp6Errors, accept);
  if (probes) out.go_if_any(kEchoAndNeighbours, accept);
  out.go(reject);
}

std::uint32_t last_word(const IpAddress& address) {
  std::uint32_t word = 0;
  for (const std::uint8_t byte : address.bytes().last(4)) word = word << 8 | byte;
  return word;
}

// The last 32 bits of an address are enough: who reads the packets looks at the others.
void hear_peers(Program& out, std::span<const IpAddress> peers, Family family, Label known) {
  const bool v4 = family == Family::ipv4;
  for (const std::uint32_t offset : v4 ? std::array{12U, 16U} : std::array{20U, 36U}) {
    out.load(BPF_W, offset);
    std::size_t heard = 0;
    for (const IpAddress& each : peers) {
      if (each.family() == family && heard++ < kMostPeers) out.go_if(BPF_JEQ, last_word(each), known);
    }
  }
  out.go(reject);
}

// A holds the data offset byte of a TCP header: its bytes instead.
void data_offset_to_bytes(Program& out) {
  out.add(BPF_ALU | BPF_AND | BPF_K, 0xf0);
  out.add(BPF_ALU | BPF_RSH | BPF_K, 2);
}

// Of a peer: datagrams, later fragments, and segments without data or with SYN, RST or FIN.
void hear_conversation4(Program& out) {
  out.place(known4);
  out.load(BPF_B, 9);
  out.go_if(BPF_JEQ, IPPROTO_UDP, accept);
  out.load(BPF_H, 6);
  out.go_if(BPF_JSET, kFragmentOffset, accept);
  skip_ipv4_header(out);
  out.load(BPF_B, 13);
  out.go_if(BPF_JSET, kSynRstOrFin, accept);
  out.load(BPF_B, 12);
  data_offset_to_bytes(out);
  out.add(BPF_LDX | BPF_MEM, kHeader);
  out.add(BPF_ALU | BPF_ADD | BPF_X, 0);
  out.add(BPF_ST, kSum);
  out.add(BPF_LDX | BPF_MEM, kNetwork);
  out.load(BPF_H, 2);
  out.add(BPF_LDX | BPF_MEM, kSum);
  out.go_if_x(accept);
  out.go(reject);
}

void hear_conversation6(Program& out) {
  out.place(known6);
  out.load(BPF_B, 6);
  out.go_if(BPF_JEQ, IPPROTO_UDP, accept);
  out.load(BPF_B, kBehindIpv6 + 13);
  out.go_if(BPF_JSET, kSynRstOrFin, accept);
  out.load(BPF_B, kBehindIpv6 + 12);
  data_offset_to_bytes(out);
  out.add(BPF_ST, kSum);
  out.load(BPF_H, 4);
  out.add(BPF_LDX | BPF_MEM, kSum);
  out.go_if_x(accept);
  out.go(reject);
}

}  // namespace

std::vector<sock_filter> handshake_filter(PacketStart start) {
  Program out;
  find_network_header(out, start);
  out.go_if(BPF_JEQ, ETH_P_IP, ipv4);
  out.go_if(BPF_JEQ, ETH_P_IPV6, ipv6);
  out.go(reject);
  out.place(ipv4);
  out.load(BPF_H, 6);
  out.go_if(BPF_JSET, kFragmentOffset, reject);
  out.load(BPF_B, 9);
  out.go_if(BPF_JEQ, IPPROTO_TCP, tcp4);
  out.go_if(BPF_JEQ, IPPROTO_ICMP, icmp4);
  out.go(reject);
  out.place(tcp4);
  skip_ipv4_header(out);
  out.load(BPF_B, 13);
  out.go_if(BPF_JSET, kSynOrRst, accept);
  out.go(reject);
  out.place(ipv6);
  out.load(BPF_B, 6);
  out.go_if(BPF_JEQ, IPPROTO_TCP, tcp6);
  out.go_if(BPF_JEQ, IPPROTO_ICMPV6, icmp6);
  out.go_if_any(kExtensions, accept);
  out.go(reject);
  out.place(tcp6);
  out.load(BPF_B, kBehindIpv6 + 13);
  out.go_if(BPF_JSET, kSynOrRst, accept);
  out.go(reject);
  hear_icmp(out, false);
  return out.take();
}

std::vector<sock_filter> probe_filter(PacketStart start, std::span<const IpAddress> peers) {
  Program out;
  find_network_header(out, start);
  out.go_if(BPF_JEQ, ETH_P_ARP, accept);
  out.go_if(BPF_JEQ, ETH_P_IP, ipv4);
  out.go_if(BPF_JEQ, ETH_P_IPV6, ipv6);
  out.go(reject);
  out.place(ipv4);
  out.load(BPF_B, 9);
  out.go_if(BPF_JEQ, IPPROTO_ICMP, icmp4);
  out.go_if(BPF_JEQ, IPPROTO_TCP, peer4);
  out.go_if(BPF_JEQ, IPPROTO_UDP, peer4);
  out.go(reject);
  out.place(peer4);
  hear_peers(out, peers, Family::ipv4, known4);
  hear_conversation4(out);
  out.place(ipv6);
  out.load(BPF_B, 6);
  out.go_if(BPF_JEQ, IPPROTO_ICMPV6, icmp6);
  out.go_if(BPF_JEQ, IPPROTO_TCP, peer6);
  out.go_if(BPF_JEQ, IPPROTO_UDP, peer6);
  out.go_if_any(kExtensions, accept);
  out.go(reject);
  out.place(peer6);
  hear_peers(out, peers, Family::ipv6, known6);
  hear_conversation6(out);
  hear_icmp(out, true);
  return out.take();
}

}  // namespace hostcheck::kernel

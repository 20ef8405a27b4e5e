#include "core/kernel/packet_tap.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>

#include <arpa/inet.h>
#include <linux/if_arp.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <sys/socket.h>

#include "core/kernel/packet_socket.h"

namespace hostcheck::kernel {
namespace {

// The kernel counts about 800 bytes for a packet of any small size: some 5,000 packets until the next drain().
constexpr int kBufferBytes = 4 << 20;
constexpr std::size_t kMacBytes = 12;  // both addresses, in front of a VLAN tag
constexpr int kMostReads = 65536;      // of one socket at a time

Result<void> set_filter(int fd, const std::vector<sock_filter>& program) {
  sock_fprog filter{};
  filter.len = static_cast<unsigned short>(program.size());
  filter.filter = const_cast<sock_filter*>(program.data());  // NOLINT: the kernel only reads it
  if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter)) == 0) return {};
  return unexpected(errno_error(errno, "SO_ATTACH_FILTER", "packet capture"));
}

struct Heard {
  std::chrono::nanoseconds at{0};
  std::optional<tpacket_auxdata> about;
};

Heard read_control(msghdr& message) {
  Heard out;
  for (cmsghdr* each = CMSG_FIRSTHDR(&message); each != nullptr; each = CMSG_NXTHDR(&message, each)) {
    if (each->cmsg_level == SOL_SOCKET && each->cmsg_type == SCM_TIMESTAMPNS &&
        each->cmsg_len >= CMSG_LEN(sizeof(timespec))) {
      timespec time{};
      std::memcpy(&time, CMSG_DATA(each), sizeof(time));
      out.at = std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
    } else if (each->cmsg_level == SOL_PACKET && each->cmsg_type == PACKET_AUXDATA &&
               each->cmsg_len >= CMSG_LEN(sizeof(tpacket_auxdata))) {
      std::memcpy(&out.about.emplace(), CMSG_DATA(each), sizeof(tpacket_auxdata));
    }
  }
  return out;
}

// Room in front of the packet for the tag that is put back.
using Buffer = std::array<std::uint8_t, kCapturedBytes + 4>;

// The packet of so many bytes behind the first four of the buffer, with its tag.
std::span<const std::uint8_t> with_tag(Buffer& buffer, std::size_t bytes, const tpacket_auxdata& about) {
  std::memmove(buffer.data(), buffer.data() + 4, kMacBytes);
  const bool told = (about.tp_status & TP_STATUS_VLAN_TPID_VALID) != 0;
  const std::uint16_t tag[2] = {htons(told ? about.tp_vlan_tpid : std::uint16_t{ETH_P_8021Q}),
                                htons(about.tp_vlan_tci)};
  std::memcpy(buffer.data() + kMacBytes, tag, sizeof(tag));
  return std::span<const std::uint8_t>(buffer).first(bytes + 4);
}

}  // namespace

Result<PacketTap::Ear> PacketTap::open_ear(PacketStart start) {
  const int type = start == PacketStart::ethernet ? SOCK_RAW : SOCK_DGRAM;
  // Protocol 0: nothing is heard before the filter is there.
  Ear ear{start, UniqueFd(::socket(AF_PACKET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0))};
  const int fd = ear.fd.get();
  if (fd < 0) return unexpected(errno_error(errno, "socket AF_PACKET", "packet capture"));
  if (auto set = set_filter(fd, handshake_filter(start)); !set) return unexpected(set.error());
  if (auto asked = ask_timestamps(fd); !asked) return unexpected(asked.error());
  const int on = 1;
  if (setsockopt(fd, SOL_PACKET, PACKET_AUXDATA, &on, sizeof(on)) != 0) {
    return unexpected(errno_error(errno, "PACKET_AUXDATA", "packet capture"));
  }
  // Past net.core.rmem_max where CAP_NET_ADMIN is there; what does not fit is counted.
  if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &kBufferBytes, sizeof(kBufferBytes)) != 0) {
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &kBufferBytes, sizeof(kBufferBytes));
  }
  if (auto bound = bind_packets(fd, ETH_P_ALL, 0); !bound) return unexpected(bound.error());
  return ear;
}

Result<PacketTap> PacketTap::open() {
  PacketTap tap;
  for (const PacketStart start : {PacketStart::ethernet, PacketStart::network}) {
    auto ear = open_ear(start);
    if (!ear) return unexpected(ear.error());
    tap.ears_.push_back(std::move(*ear));
  }
  return tap;
}

Result<void> PacketTap::hear_probes(std::span<const IpAddress> peers) {
  for (const Ear& each : ears_) {
    if (auto set = set_filter(each.fd.get(), probe_filter(each.start, peers)); !set) return set;
  }
  return {};
}

void PacketTap::drain(const std::function<void(const TappedPacket&)>& take) {
  for (const Ear& ear : ears_) {
    for (int reads = 0; reads < kMostReads; ++reads) {
      Buffer buffer{};
      sockaddr_ll from{};
      alignas(cmsghdr) std::array<std::uint8_t, 256> control{};
      iovec part{buffer.data() + 4, kCapturedBytes};
      msghdr message{};
      message.msg_name = &from;
      message.msg_namelen = sizeof(from);
      message.msg_iov = &part;
      message.msg_iovlen = 1;
      message.msg_control = control.data();
      message.msg_controllen = control.size();
      const ssize_t length = recvmsg(ear.fd.get(), &message, MSG_DONTWAIT);
      if (length < 0 && (errno == EINTR || errno == ENETDOWN)) continue;  // one interface went down: it is told once
      if (length < 0) break;
      const Heard heard = read_control(message);
      TappedPacket packet;
      const auto bytes = static_cast<std::size_t>(length);
      packet.bytes = std::span<const std::uint8_t>(buffer).subspan(4, bytes);
      packet.length = heard.about ? heard.about->tp_len : static_cast<std::uint32_t>(bytes);
      packet.at = heard.at;
      packet.ifindex = static_cast<std::uint32_t>(from.sll_ifindex);
      packet.start = ear.start;
      packet.ethertype = ntohs(from.sll_protocol);
      packet.outgoing = from.sll_pkttype == PACKET_OUTGOING;
      // On loopback each packet passes twice, leaving and coming back.
      if (packet.outgoing && from.sll_hatype == ARPHRD_LOOPBACK) continue;
      const bool tagged = heard.about && (heard.about->tp_status & TP_STATUS_VLAN_VALID) != 0;
      if (tagged && ear.start == PacketStart::ethernet && bytes >= kMacBytes) {
        packet.bytes = with_tag(buffer, bytes, *heard.about);
        packet.length += 4;
      }
      take(packet);
    }
  }
}

std::uint64_t PacketTap::lost() {
  std::uint64_t lost = 0;
  for (const Ear& each : ears_) {
    tpacket_stats told{};  // reading them sets them back
    socklen_t size = sizeof(told);
    if (getsockopt(each.fd.get(), SOL_PACKET, PACKET_STATISTICS, &told, &size) == 0) lost += told.tp_drops;
  }
  return lost;
}

std::string PacketTap::interface_name(std::uint32_t ifindex) const {
  return interface_name_at(ears_.front().fd.get(), ifindex).value_or(std::string{});
}

}  // namespace hostcheck::kernel

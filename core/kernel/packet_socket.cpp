#include "core/kernel/packet_socket.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "core/kernel/socket_address.h"

namespace hostcheck::kernel {
namespace {

std::chrono::nanoseconds from_timespec(const timespec& time) {
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

FrameKind kind_of(unsigned char packet_type) {
  switch (packet_type) {
    case PACKET_HOST:
      return FrameKind::to_us;
    case PACKET_BROADCAST:
      return FrameKind::broadcast;
    case PACKET_MULTICAST:
      return FrameKind::multicast;
    case PACKET_OTHERHOST:
      return FrameKind::to_other;
    case PACKET_OUTGOING:
      return FrameKind::outgoing;
    default:
      return FrameKind::none;
  }
}

void read_sender(const sockaddr_storage& storage, Received& out) {
  if (storage.ss_family != AF_PACKET) {
    const Endpoint from = endpoint_of(storage);
    out.from = from.address;
    out.from_port = from.port;
    return;
  }
  sockaddr_ll link{};
  std::memcpy(&link, &storage, sizeof(link));
  out.ifindex = static_cast<std::uint32_t>(link.sll_ifindex);
  out.ethertype = ntohs(link.sll_protocol);
  out.kind = kind_of(link.sll_pkttype);
  out.from_link =
      LinkAddress::from_bytes({link.sll_addr, std::min<std::size_t>(link.sll_halen, sizeof(link.sll_addr))});
}

void read_control(msghdr& message, Received& out) {
  for (cmsghdr* each = CMSG_FIRSTHDR(&message); each != nullptr; each = CMSG_NXTHDR(&message, each)) {
    if (each->cmsg_level == SOL_SOCKET && each->cmsg_type == SCM_TIMESTAMPNS &&
        each->cmsg_len >= CMSG_LEN(sizeof(timespec))) {
      timespec time{};
      std::memcpy(&time, CMSG_DATA(each), sizeof(time));
      out.at = from_timespec(time);
    }
    const bool ttl = (each->cmsg_level == IPPROTO_IP && each->cmsg_type == IP_TTL) ||
                     (each->cmsg_level == IPPROTO_IPV6 && each->cmsg_type == IPV6_HOPLIMIT);
    if (ttl && each->cmsg_len >= CMSG_LEN(sizeof(int))) {
      int value = 0;
      std::memcpy(&value, CMSG_DATA(each), sizeof(value));
      out.ttl = static_cast<std::uint8_t>(value);
    }
  }
}

Result<void> set_option(int fd, int level, int name, int value, std::string_view what) {
  if (setsockopt(fd, level, name, &value, sizeof(value)) != 0) return unexpected(errno_error(errno, what));
  return {};
}

// An ifreq that names the interface. Error: the name is longer than the kernel's can be.
Result<ifreq> request_for(std::string_view ifname) {
  ifreq request{};
  if (ifname.empty() || ifname.size() >= sizeof(request.ifr_name)) {
    return unexpected(make_error(ErrorCode::invalid, "interface", ifname, "is no name of an interface"));
  }
  std::memcpy(request.ifr_name, ifname.data(), ifname.size());
  return request;
}

}  // namespace

Result<std::optional<Received>> receive(int fd, std::span<std::uint8_t> buffer) {
  sockaddr_storage from{};
  alignas(cmsghdr) std::array<std::uint8_t, 256> control{};
  iovec part{buffer.data(), buffer.size()};
  msghdr message{};
  message.msg_name = &from;
  message.msg_namelen = sizeof(from);
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  ssize_t length = 0;
  do {
    length = recvmsg(fd, &message, MSG_DONTWAIT);
  } while (length < 0 && errno == EINTR);
  if (length < 0) {
    if (errno == EAGAIN || errno == EWOULDBLOCK) return std::nullopt;
    return unexpected(errno_error(errno, "recvmsg"));
  }
  Received out;
  out.bytes = buffer.first(static_cast<std::size_t>(length));
  out.truncated = (message.msg_flags & MSG_TRUNC) != 0;
  read_sender(from, out);
  read_control(message, out);
  return out;
}

std::chrono::nanoseconds wall_clock() {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  return from_timespec(now);
}

Result<void> ask_timestamps(int fd) {
  return set_option(fd, SOL_SOCKET, SO_TIMESTAMPNS, 1, "SO_TIMESTAMPNS");
}

Result<void> ask_ttl(int fd, Family family) {
  if (family == Family::ipv6) return set_option(fd, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1, "IPV6_RECVHOPLIMIT");
  return set_option(fd, IPPROTO_IP, IP_RECVTTL, 1, "IP_RECVTTL");
}

Result<void> attach_filter(int fd, std::span<const sock_filter> program) {
  sock_fprog filter{};
  filter.len = static_cast<unsigned short>(program.size());
  filter.filter = const_cast<sock_filter*>(program.data());  // NOLINT: the kernel only reads it
  if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter)) != 0) {
    return unexpected(errno_error(errno, "SO_ATTACH_FILTER"));
  }
  std::array<std::uint8_t, 1> byte{};
  while (recv(fd, byte.data(), byte.size(), MSG_DONTWAIT | MSG_TRUNC) >= 0) {
  }
  return {};
}

Result<void> bind_packets(int fd, std::uint16_t ethertype, std::uint32_t ifindex) {
  sockaddr_ll link{};
  link.sll_family = AF_PACKET;
  link.sll_protocol = htons(ethertype);
  link.sll_ifindex = static_cast<int>(ifindex);
  if (bind(fd, static_cast<const sockaddr*>(static_cast<const void*>(&link)), sizeof(link)) != 0) {
    return unexpected(errno_error(errno, "bind AF_PACKET", "interface " + std::to_string(ifindex)));
  }
  return {};
}

Result<void> send_frame(int fd, std::uint32_t ifindex, std::uint16_t ethertype, const LinkAddress& to,
                        std::span<const std::uint8_t> payload) {
  // sll_addr has 8 bytes; longer addresses (InfiniBand) follow behind it.
  struct {
    sockaddr_ll link;
    std::array<std::uint8_t, LinkAddress::kMaxBytes> rest;
  } address{};
  address.link.sll_family = AF_PACKET;
  address.link.sll_protocol = htons(ethertype);
  address.link.sll_ifindex = static_cast<int>(ifindex);
  address.link.sll_halen = static_cast<unsigned char>(to.bytes().size());
  auto* bytes = static_cast<std::uint8_t*>(static_cast<void*>(&address));
  if (!to.empty()) std::memcpy(bytes + offsetof(sockaddr_ll, sll_addr), to.bytes().data(), to.bytes().size());
  const auto length = std::max<std::size_t>(sizeof(sockaddr_ll), offsetof(sockaddr_ll, sll_addr) + to.bytes().size());
  if (sendto(fd, payload.data(), payload.size(), MSG_DONTWAIT,
             static_cast<const sockaddr*>(static_cast<const void*>(&address)), static_cast<socklen_t>(length)) < 0) {
    return unexpected(errno_error(errno, "sendto AF_PACKET", "interface " + std::to_string(ifindex)));
  }
  return {};
}

Result<void> bind_device(int fd, std::string_view ifname) {
  if (setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, ifname.data(), static_cast<socklen_t>(ifname.size())) != 0) {
    return unexpected(errno_error(errno, "SO_BINDTODEVICE", ifname));
  }
  return {};
}

Result<std::uint32_t> interface_index(int fd, std::string_view ifname) {
  auto request = request_for(ifname);
  if (!request) return unexpected(request.error());
  if (ioctl(fd, SIOCGIFINDEX, &*request) != 0) return unexpected(errno_error(errno, "SIOCGIFINDEX", ifname));
  return static_cast<std::uint32_t>(request->ifr_ifindex);
}

Result<std::string> interface_name_at(int fd, std::uint32_t ifindex) {
  ifreq request{};
  request.ifr_ifindex = static_cast<int>(ifindex);
  if (ioctl(fd, SIOCGIFNAME, &request) != 0) {
    return unexpected(errno_error(errno, "SIOCGIFNAME", std::to_string(ifindex)));
  }
  return std::string(request.ifr_name, strnlen(request.ifr_name, sizeof(request.ifr_name)));
}

Result<std::uint32_t> interface_mtu(int fd, std::string_view ifname) {
  auto request = request_for(ifname);
  if (!request) return unexpected(request.error());
  if (ioctl(fd, SIOCGIFMTU, &*request) != 0) return unexpected(errno_error(errno, "SIOCGIFMTU", ifname));
  return static_cast<std::uint32_t>(request->ifr_mtu);
}

Result<LinkAddress> interface_link_address(int fd, std::string_view ifname) {
  auto request = request_for(ifname);
  if (!request) return unexpected(request.error());
  if (ioctl(fd, SIOCGIFHWADDR, &*request) != 0) return unexpected(errno_error(errno, "SIOCGIFHWADDR", ifname));
  std::array<std::uint8_t, 6> bytes{};
  std::memcpy(bytes.data(), request->ifr_hwaddr.sa_data, bytes.size());
  if (bytes == std::array<std::uint8_t, 6>{}) return LinkAddress{};
  return LinkAddress::from_bytes(bytes);
}

}  // namespace hostcheck::kernel

#include "core/kernel/error_queue.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>

#include <linux/errqueue.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <sys/socket.h>

#include "core/kernel/socket_address.h"

namespace hostcheck::kernel {
namespace {

ErrorOrigin origin_of(std::uint8_t number) {
  switch (number) {
    case SO_EE_ORIGIN_LOCAL:
      return ErrorOrigin::local;
    case SO_EE_ORIGIN_ICMP:
      return ErrorOrigin::icmp;
    case SO_EE_ORIGIN_ICMP6:
      return ErrorOrigin::icmp6;
    default:
      return ErrorOrigin::none;
  }
}

// payload: sock_extended_err, then the sockaddr of the offender (SO_EE_OFFENDER).
void read_extended(std::span<const std::uint8_t> payload, SocketError& out) {
  sock_extended_err error{};
  if (payload.size() < sizeof(error)) return;
  std::memcpy(&error, payload.data(), sizeof(error));
  out.origin = origin_of(error.ee_origin);
  out.sys_errno = static_cast<int>(error.ee_errno);
  out.type = error.ee_type;
  out.code = error.ee_code;
  out.info = error.ee_info;
  if (out.origin == ErrorOrigin::local || out.origin == ErrorOrigin::none) return;
  sockaddr_storage offender{};
  const auto rest = payload.subspan(sizeof(error));
  std::memcpy(&offender, rest.data(), std::min(rest.size(), sizeof(offender)));
  const bool whole = (offender.ss_family == AF_INET && rest.size() >= sizeof(sockaddr_in)) ||
                     (offender.ss_family == AF_INET6 && rest.size() >= sizeof(sockaddr_in6));
  if (whole) out.from = endpoint_of(offender).address;
}

struct IcmpName {
  std::uint8_t type;
  std::uint8_t code;
  std::string_view words;
};

constexpr std::array kIcmp4 = {
    IcmpName{ICMP_DEST_UNREACH, ICMP_NET_UNREACH, "network unreachable"},
    IcmpName{ICMP_DEST_UNREACH, ICMP_HOST_UNREACH, "host unreachable"},
    IcmpName{ICMP_DEST_UNREACH, ICMP_PROT_UNREACH, "protocol unreachable"},
    IcmpName{ICMP_DEST_UNREACH, ICMP_PORT_UNREACH, "port unreachable"},
    IcmpName{ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED, "fragmentation needed"},
    IcmpName{ICMP_DEST_UNREACH, ICMP_SR_FAILED, "source route failed"},
    IcmpName{ICMP_DEST_UNREACH, ICMP_NET_UNKNOWN, "network unknown"},
    IcmpName{ICMP_DEST_UNREACH, ICMP_HOST_UNKNOWN, "host unknown"},
    IcmpName{ICMP_DEST_UNREACH, ICMP_NET_ANO, "network administratively prohibited"},
    IcmpName{ICMP_DEST_UNREACH, ICMP_HOST_ANO, "host administratively prohibited"},
    IcmpName{ICMP_DEST_UNREACH, ICMP_PKT_FILTERED, "administratively prohibited"},
    IcmpName{ICMP_TIME_EXCEEDED, ICMP_EXC_TTL, "time exceeded"},
    IcmpName{ICMP_TIME_EXCEEDED, ICMP_EXC_FRAGTIME, "fragment reassembly time exceeded"},
};
constexpr std::array kIcmp6 = {
    IcmpName{ICMP6_DST_UNREACH, ICMP6_DST_UNREACH_NOROUTE, "no route to destination"},
    IcmpName{ICMP6_DST_UNREACH, ICMP6_DST_UNREACH_ADMIN, "administratively prohibited"},
    IcmpName{ICMP6_DST_UNREACH, ICMP6_DST_UNREACH_BEYONDSCOPE, "beyond scope of source address"},
    IcmpName{ICMP6_DST_UNREACH, ICMP6_DST_UNREACH_ADDR, "address unreachable"},
    IcmpName{ICMP6_DST_UNREACH, ICMP6_DST_UNREACH_NOPORT, "port unreachable"},
    IcmpName{ICMP6_DST_UNREACH, 5, "source address failed ingress/egress policy"},
    IcmpName{ICMP6_DST_UNREACH, 6, "reject route to destination"},
    IcmpName{ICMP6_PACKET_TOO_BIG, 0, "packet too big"},
    IcmpName{ICMP6_TIME_EXCEEDED, ICMP6_TIME_EXCEED_TRANSIT, "time exceeded"},
    IcmpName{ICMP6_TIME_EXCEEDED, ICMP6_TIME_EXCEED_REASSEMBLY, "fragment reassembly time exceeded"},
};

std::string_view find_words(std::span<const IcmpName> names, std::uint8_t type, std::uint8_t code) {
  const auto found = std::find_if(names.begin(), names.end(),
                                  [&](const IcmpName& each) { return each.type == type && each.code == code; });
  return found == names.end() ? std::string_view{} : found->words;
}

}  // namespace

Result<void> ask_errors(int fd, Family family) {
  const int one = 1;
  const bool six = family == Family::ipv6;
  if (setsockopt(fd, six ? IPPROTO_IPV6 : IPPROTO_IP, six ? IPV6_RECVERR : IP_RECVERR, &one, sizeof(one)) != 0) {
    return unexpected(errno_error(errno, six ? "IPV6_RECVERR" : "IP_RECVERR"));
  }
  return {};
}

Result<std::optional<SocketError>> read_error(int fd, std::span<std::uint8_t> buffer) {
  sockaddr_storage to{};
  alignas(cmsghdr) std::array<std::uint8_t, 512> control{};
  iovec part{buffer.data(), buffer.size()};
  msghdr message{};
  message.msg_name = &to;
  message.msg_namelen = sizeof(to);
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  ssize_t length = 0;
  do {
    length = recvmsg(fd, &message, MSG_ERRQUEUE | MSG_DONTWAIT);
  } while (length < 0 && errno == EINTR);
  if (length < 0) {
    if (errno == EAGAIN || errno == EWOULDBLOCK) return std::nullopt;
    return unexpected(errno_error(errno, "recvmsg MSG_ERRQUEUE"));
  }
  SocketError out;
  out.bytes = buffer.first(static_cast<std::size_t>(length));
  const Endpoint target = endpoint_of(to);
  out.to = target.address;
  out.to_port = target.port;
  for (cmsghdr* each = CMSG_FIRSTHDR(&message); each != nullptr; each = CMSG_NXTHDR(&message, each)) {
    const std::span<const std::uint8_t> payload(CMSG_DATA(each), each->cmsg_len - CMSG_LEN(0));
    const bool extended = (each->cmsg_level == IPPROTO_IP && each->cmsg_type == IP_RECVERR) ||
                          (each->cmsg_level == IPPROTO_IPV6 && each->cmsg_type == IPV6_RECVERR);
    if (extended) read_extended(payload, out);
    if (each->cmsg_level == SOL_SOCKET && each->cmsg_type == SCM_TIMESTAMPNS && payload.size() >= sizeof(timespec)) {
      timespec time{};
      std::memcpy(&time, payload.data(), sizeof(time));
      out.at = std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
    }
  }
  return out;
}

int take_error(int fd) {
  int error = 0;
  socklen_t length = sizeof(error);
  if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) != 0) return errno;
  return error;
}

std::string icmp_words(ErrorOrigin origin, std::uint8_t type, std::uint8_t code) {
  const auto words = origin == ErrorOrigin::icmp6 ? find_words(kIcmp6, type, code) : find_words(kIcmp4, type, code);
  if (!words.empty()) return std::string(words);
  return "type " + std::to_string(type) + " code " + std::to_string(code);
}

std::string words_of(const SocketError& error) {
  if (error.origin == ErrorOrigin::icmp || error.origin == ErrorOrigin::icmp6) {
    return "ICMP " + icmp_words(error.origin, error.type, error.code) +
           (error.from.empty() ? std::string() : " from " + error.from.to_string());
  }
  return std::string(strerror(error.sys_errno)) + " (this host)";  // NOLINT(concurrency-mt-unsafe): one thread
}

}  // namespace hostcheck::kernel

#include "core/kernel/netlink.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <sys/socket.h>

namespace hostcheck::kernel {
namespace {

constexpr std::size_t kReceiveBytes = 256 * 1024;  // a dump's skb is at most 32 KiB today; room for later kernels
constexpr int kAttempts = 5;

// The message at the front of what is left of an answer; nullptr where there is no whole one.
const nlmsghdr* message_at(std::span<const std::uint8_t> left) {
  if (left.size() < sizeof(nlmsghdr)) return nullptr;
  const auto* message = reinterpret_cast<const nlmsghdr*>(left.data());
  return message->nlmsg_len >= sizeof(nlmsghdr) && message->nlmsg_len <= left.size() ? message : nullptr;
}

// What is left behind that message, which is padded to 4 bytes unless it is the last.
std::span<const std::uint8_t> after(const nlmsghdr& message, std::span<const std::uint8_t> left) {
  return left.subspan(std::min<std::size_t>(NLMSG_ALIGN(message.nlmsg_len), left.size()));
}

}  // namespace

NetlinkRequest::NetlinkRequest(std::uint16_t type, std::uint16_t flags) : buffer_(64) {
  size_ = NLMSG_HDRLEN;
  nlmsghdr* header = message();
  header->nlmsg_type = type;
  header->nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
}

nlmsghdr* NetlinkRequest::message() {
  auto* header = reinterpret_cast<nlmsghdr*>(buffer_.data());
  header->nlmsg_len = static_cast<std::uint32_t>(size_);
  return header;
}

void* NetlinkRequest::extra(std::size_t size) {
  const std::size_t at = size_;
  size_ += NLMSG_ALIGN(size);
  if (buffer_.size() * sizeof(std::uint32_t) < size_) buffer_.resize(size_ / sizeof(std::uint32_t) * 2 + 16);
  return reinterpret_cast<std::uint8_t*>(buffer_.data()) + at;
}

void NetlinkRequest::add(std::uint16_t attribute, std::span<const std::uint8_t> payload) {
  const std::size_t length = NLA_HDRLEN + payload.size();
  auto* room = static_cast<std::uint8_t*>(extra(NLA_ALIGN(length)));
  const nlattr header{static_cast<std::uint16_t>(length), attribute};
  std::memcpy(room, &header, sizeof header);
  if (!payload.empty()) std::memcpy(room + NLA_HDRLEN, payload.data(), payload.size());
}

void NetlinkRequest::add_u8(std::uint16_t attribute, std::uint8_t value) {
  add(attribute, {&value, 1});
}

void NetlinkRequest::add_u16(std::uint16_t attribute, std::uint16_t value) {
  add(attribute, {reinterpret_cast<const std::uint8_t*>(&value), sizeof value});
}

void NetlinkRequest::add_u32(std::uint16_t attribute, std::uint32_t value) {
  add(attribute, {reinterpret_cast<const std::uint8_t*>(&value), sizeof value});
}

void NetlinkRequest::add_text(std::uint16_t attribute, std::string_view value) {
  std::string with_end(value);
  add(attribute, {reinterpret_cast<const std::uint8_t*>(with_end.c_str()), with_end.size() + 1});
}

std::size_t NetlinkRequest::begin_nested(std::uint16_t attribute) {
  const std::size_t mark = size_;
  add(static_cast<std::uint16_t>(attribute | NLA_F_NESTED), {});
  return mark;
}

void NetlinkRequest::end_nested(std::size_t mark) {
  auto* header = reinterpret_cast<nlattr*>(reinterpret_cast<std::uint8_t*>(buffer_.data()) + mark);
  header->nla_len = static_cast<std::uint16_t>(size_ - mark);
}

struct NetlinkSocket::State {
  UniqueFd socket;
  std::uint32_t sequence = 0;
  std::vector<std::uint8_t> buffer = std::vector<std::uint8_t>(kReceiveBytes);
};

NetlinkSocket::NetlinkSocket(std::unique_ptr<State> state) : state_(std::move(state)) {}
NetlinkSocket::NetlinkSocket(NetlinkSocket&&) noexcept = default;
NetlinkSocket& NetlinkSocket::operator=(NetlinkSocket&&) noexcept = default;
NetlinkSocket::~NetlinkSocket() = default;

Result<NetlinkSocket> NetlinkSocket::open(int protocol) {
  auto state = std::make_unique<State>();
  state->socket = UniqueFd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol));
  const int fd = state->socket.get();
  if (fd < 0) return unexpected(errno_error(errno, "open netlink socket"));
  sockaddr_nl self{};
  self.nl_family = AF_NETLINK;  // the kernel gives it a port
  if (::bind(fd, reinterpret_cast<const sockaddr*>(&self), sizeof self) != 0) {
    return unexpected(errno_error(errno, "bind netlink socket"));
  }
  const int receive_bytes = 1 << 20;  // best effort: an overrun is noticed and the dump done again
  setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof receive_bytes);
  // An answer that never comes must not hang the run.
  const timeval patience{5, 0};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  const int one = 1;
  setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &one, sizeof one);
  return NetlinkSocket(std::move(state));
}

NetlinkSocket NetlinkSocket::adopt(UniqueFd transport) {
  auto state = std::make_unique<State>();
  state->socket = std::move(transport);
  return NetlinkSocket(std::move(state));
}

bool NetlinkSocket::set_strict_checking() {
  const int one = 1;
  return setsockopt(state_->socket.get(), SOL_NETLINK, NETLINK_GET_STRICT_CHK, &one, sizeof one) == 0;
}

Result<void> NetlinkSocket::send(NetlinkRequest& request, std::string_view operation) {
  nlmsghdr* message = request.message();
  message->nlmsg_seq = ++state_->sequence;
  if (::send(state_->socket.get(), message, message->nlmsg_len, 0) < 0) {
    return unexpected(errno_error(errno, operation));
  }
  return {};
}

Result<void> NetlinkSocket::receive(std::uint32_t sequence, bool is_dump, std::string_view operation,
                                    const MessageHandler& handler) {
  bool interrupted = false;
  const int fd = state_->socket.get();
  while (true) {
    sockaddr_nl sender{};
    iovec room{state_->buffer.data(), state_->buffer.size()};
    msghdr header{};
    header.msg_name = &sender;
    header.msg_namelen = sizeof sender;
    header.msg_iov = &room;
    header.msg_iovlen = 1;
    const ssize_t got = recvmsg(fd, &header, 0);
    if (got < 0) {
      if (errno == EINTR) continue;
      if (errno == ENOBUFS) return unexpected(errno_error(EINTR, operation));
      if (errno == EAGAIN) {
        return unexpected(make_error(ErrorCode::failed, operation, {}, "the kernel did not answer within 5 s"));
      }
      return unexpected(errno_error(errno, operation));
    }
    if (sender.nl_pid != 0) continue;  // not the kernel: anybody may send to a netlink port
    if ((header.msg_flags & MSG_TRUNC) != 0) {
      return unexpected(make_error(ErrorCode::failed, operation, {}, "an answer was longer than the receive buffer"));
    }
    std::span<const std::uint8_t> left(state_->buffer.data(), static_cast<std::size_t>(got));
    if (message_at(left) == nullptr) {
      return unexpected(make_error(ErrorCode::failed, operation, {}, "malformed answer"));
    }
    while (const nlmsghdr* message = message_at(left)) {
      left = after(*message, left);
      if (message->nlmsg_seq != sequence) continue;  // a leftover of an attempt that was given up
      if ((message->nlmsg_flags & NLM_F_DUMP_INTR) != 0) interrupted = true;
      if (message->nlmsg_type == NLMSG_NOOP) continue;
      if (message->nlmsg_type == NLMSG_OVERRUN) return unexpected(errno_error(EINTR, operation));
      if (message->nlmsg_type == NLMSG_ERROR || message->nlmsg_type == NLMSG_DONE) {
        int code = 0;
        if (message->nlmsg_len >= NLMSG_HDRLEN + sizeof code) {
          std::memcpy(&code, reinterpret_cast<const std::uint8_t*>(message) + NLMSG_HDRLEN, sizeof code);
        } else if (message->nlmsg_type == NLMSG_ERROR) {
          return unexpected(make_error(ErrorCode::failed, operation, {}, "malformed answer"));
        }
        if (code < 0) {
          return unexpected(errno_error(-code, operation));
        }
        if (is_dump && message->nlmsg_type == NLMSG_ERROR) continue;
        if (interrupted) return unexpected(errno_error(EINTR, operation));
        return {};
      }
      if (auto handled = handler(*message); !handled) return handled;
    }
    if (!left.empty()) return unexpected(make_error(ErrorCode::failed, operation, {}, "malformed answer"));
  }
}

Result<void> NetlinkSocket::dump(NetlinkRequest& request, std::string_view operation, const MessageHandler& handler,
                                 const std::function<void()>& restart) {
  request.message()->nlmsg_flags |= NLM_F_DUMP;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    if (attempt > 0 && restart) restart();
    if (auto sent = send(request, operation); !sent) return sent;
    auto received = receive(state_->sequence, true, operation, handler);
    if (received || received.error().sys_errno != EINTR) return received;
  }
  return unexpected(make_error(ErrorCode::failed, operation, {}, "changed under our hands five times in a row"));
}

Result<void> NetlinkSocket::talk(NetlinkRequest& request, std::string_view operation, const MessageHandler& handler) {
  request.message()->nlmsg_flags |= NLM_F_ACK;
  if (auto sent = send(request, operation); !sent) return sent;
  return receive(state_->sequence, false, operation, handler);
}

bool parse_attributes(std::span<const std::uint8_t> attributes, AttributeTable table) {
  for (auto& slot : table) slot = {};
  while (attributes.size() >= NLA_HDRLEN) {
    nlattr header{};
    std::memcpy(&header, attributes.data(), sizeof header);
    if (header.nla_len < NLA_HDRLEN || header.nla_len > attributes.size()) return false;
    const std::uint16_t type = header.nla_type & NLA_TYPE_MASK;
    if (type < table.size()) table[type] = attributes.subspan(NLA_HDRLEN, header.nla_len - NLA_HDRLEN);
    attributes = attributes.subspan(std::min<std::size_t>(NLA_ALIGN(header.nla_len), attributes.size()));
  }
  return true;
}

Result<void> for_each_attribute(
    std::span<const std::uint8_t> attributes,
    const std::function<void(std::uint16_t type, std::span<const std::uint8_t> payload)>& visit) {
  while (attributes.size() >= NLA_HDRLEN) {
    nlattr header{};
    std::memcpy(&header, attributes.data(), sizeof header);
    if (header.nla_len < NLA_HDRLEN || header.nla_len > attributes.size()) {
      return unexpected(make_error(ErrorCode::failed, "netlink attribute", {}, "its length does not fit the message"));
    }
    visit(header.nla_type & NLA_TYPE_MASK, attributes.subspan(NLA_HDRLEN, header.nla_len - NLA_HDRLEN));
    attributes = attributes.subspan(std::min<std::size_t>(NLA_ALIGN(header.nla_len), attributes.size()));
  }
  return {};
}

std::span<const std::uint8_t> attributes_of(const nlmsghdr& message, std::size_t fixed_header_size) {
  const std::size_t start = NLMSG_HDRLEN + NLMSG_ALIGN(fixed_header_size);
  if (message.nlmsg_len < start) return {};
  return {reinterpret_cast<const std::uint8_t*>(&message) + start, message.nlmsg_len - start};
}

std::string_view read_text(std::span<const std::uint8_t> payload) {
  if (payload.empty()) return {};
  return {reinterpret_cast<const char*>(payload.data()),
          strnlen(reinterpret_cast<const char*>(payload.data()), payload.size())};
}

}  // namespace hostcheck::kernel

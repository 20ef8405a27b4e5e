// One netlink socket in the present namespace: dumps and requests, checked.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include <linux/netlink.h>

#include "core/base/result.h"
#include "core/base/unique_fd.h"

namespace hostcheck::kernel {

// A request being put together: header, then a fixed part, then attributes.
class NetlinkRequest {
 public:
  NetlinkRequest(std::uint16_t type, std::uint16_t flags);
  // Room for a fixed family header (rtmsg, inet_diag_req_v2, genlmsghdr, ...), zeroed. Valid until the next add.
  template <typename Header>
  [[nodiscard]] Header& header() {
    return *static_cast<Header*>(extra(sizeof(Header)));
  }
  void add(std::uint16_t attribute, std::span<const std::uint8_t> payload);
  void add_u8(std::uint16_t attribute, std::uint8_t value);
  void add_u16(std::uint16_t attribute, std::uint16_t value);
  void add_u32(std::uint16_t attribute, std::uint32_t value);
  void add_text(std::uint16_t attribute, std::string_view value);  // with its ending zero
  // An attribute that holds others: add them between the two calls.
  [[nodiscard]] std::size_t begin_nested(std::uint16_t attribute);
  void end_nested(std::size_t mark);
  [[nodiscard]] nlmsghdr* message();

 private:
  void* extra(std::size_t size);
  std::vector<std::uint32_t> buffer_;  // aligned for nlmsghdr
  std::size_t size_ = 0;
};

// Families of netlink(7), so that callers need no kernel header.
inline constexpr int kNetlinkRoute = NETLINK_ROUTE;
inline constexpr int kNetlinkNetfilter = NETLINK_NETFILTER;

// Called for each message of the answer, header included. An Error ends the dump with it.
using MessageHandler = std::function<Result<void>(const nlmsghdr&)>;

class NetlinkSocket {
 public:
  // protocol: NETLINK_ROUTE, NETLINK_SOCK_DIAG, NETLINK_NETFILTER, NETLINK_GENERIC. The socket stays in the network
  // namespace that the calling thread is in.
  [[nodiscard]] static Result<NetlinkSocket> open(int protocol);
  // Speaks over another packet socket instead: for tests, one end of a socketpair(2) of SOCK_SEQPACKET whose other end
  // plays the kernel. Requests are numbered from 1.
  [[nodiscard]] static NetlinkSocket adopt(UniqueFd transport);
  NetlinkSocket(NetlinkSocket&&) noexcept;
  NetlinkSocket& operator=(NetlinkSocket&&) noexcept;
  ~NetlinkSocket();

  // Sends a request with NLM_F_DUMP and hands each message of the answer to handler. A dump that the kernel marks as
  // interrupted (NLM_F_DUMP_INTR) or that overran the socket is done again from the start, up to five times: restart is
  // called before each new attempt so that the caller can forget what it has. A dump that stays inconsistent, ends
  // early or comes from another sender than the kernel is an Error, never a short success. operation and object name it
  // in errors, e.g. "RTM_GETROUTE dump".
  [[nodiscard]] Result<void> dump(NetlinkRequest& request, std::string_view operation, const MessageHandler& handler,
                                  const std::function<void()>& restart);

  // Sends a request with NLM_F_ACK and hands the messages that come before the acknowledgement to handler.
  [[nodiscard]] Result<void> talk(NetlinkRequest& request, std::string_view operation, const MessageHandler& handler);

  // NETLINK_GET_STRICT_CHK: the kernel filters rtnetlink dumps by the request's header. false where it does not know
  // it.
  [[nodiscard]] bool set_strict_checking();

 private:
  struct State;
  explicit NetlinkSocket(std::unique_ptr<State> state);
  Result<void> send(NetlinkRequest& request, std::string_view operation);
  // ok: finished; Error with sys_errno EINTR: inconsistent, do it again
  Result<void> receive(std::uint32_t sequence, bool is_dump, std::string_view operation, const MessageHandler& handler);
  std::unique_ptr<State> state_;
};

// The attributes of a message behind a fixed header, as spans of their payload, in the order they come.
// Calls visit(type without flags, payload). An attribute whose length does not fit is an Error.
[[nodiscard]] Result<void> for_each_attribute(
    std::span<const std::uint8_t> attributes,
    const std::function<void(std::uint16_t type, std::span<const std::uint8_t> payload)>& visit);

// The attributes of a message by type, without a copy: table[type] is the payload of the last attribute of that type,
// data() nullptr where there is none. Types above the table's size are passed over. For hot loops.
using AttributeTable = std::span<std::span<const std::uint8_t>>;
[[nodiscard]] bool parse_attributes(std::span<const std::uint8_t> attributes, AttributeTable table);

// What follows a fixed header of the given size in a message; empty when the message is too short (then ok is false).
[[nodiscard]] std::span<const std::uint8_t> attributes_of(const nlmsghdr& message, std::size_t fixed_header_size);
// The fixed header itself; nullptr when the message is too short for it.
template <typename Header>
[[nodiscard]] const Header* header_of(const nlmsghdr& message) {
  if (message.nlmsg_len < NLMSG_HDRLEN + sizeof(Header)) return nullptr;
  return reinterpret_cast<const Header*>(reinterpret_cast<const std::uint8_t*>(&message) + NLMSG_HDRLEN);
}

// A number of the payload's own size and host order; 0 for a payload that is absent or shorter.
template <typename Number>
[[nodiscard]] Number read_number(std::span<const std::uint8_t> payload) {
  Number value{};
  if (payload.size() >= sizeof value) __builtin_memcpy(&value, payload.data(), sizeof value);
  return value;
}
// Text up to its first zero.
[[nodiscard]] std::string_view read_text(std::span<const std::uint8_t> payload);

}  // namespace hostcheck::kernel

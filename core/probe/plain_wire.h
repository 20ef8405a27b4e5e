// The packets of probes by sockets that need no privilege: UDP, ICMP datagram ("ping") sockets and TCP connects, each
// with its own TTL and "don't fragment" past the cached path MTU. Their error queues (IP_RECVERR) tell who answered.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/base/unique_fd.h"
#include "core/kernel/error_queue.h"
#include "core/probe/wire.h"

namespace hostcheck::probe {

class PlainWire final : public Wire {
 public:
  // why: why it is not a raw one.
  [[nodiscard]] static Result<std::unique_ptr<Wire>> open(const Context& context, const IpAddress& target,
                                                          const WayOut& way, std::string why);

  [[nodiscard]] std::string_view method() const override { return "plain_sockets"; }
  [[nodiscard]] const std::string& fallback() const override { return why_; }
  [[nodiscard]] Result<void> can_send(Transport transport, bool of_size) const override;
  [[nodiscard]] bool can_cut() const override { return false; }
  [[nodiscard]] Result<std::uint16_t> hold_port(const Context& context, Transport transport,
                                                std::uint16_t wanted) override;
  [[nodiscard]] bool is_busy(std::uint16_t port) const override { return attempts_.contains(port); }
  // The checksum of UDP, the IP identification, the flow label and the sequence number of TCP are the kernel's; answers
  // name those of the packet all the same. An echo's identifier is held when it is first sent.
  [[nodiscard]] Result<void> send(std::span<const std::uint8_t> packet) override;
  [[nodiscard]] Task<bool> readable(Clock::time_point until) override { return waiter_->readable(until); }
  [[nodiscard]] std::vector<Answer> read() override;

 private:
  // A packet that was sent, as a router would quote it.
  struct Sent {
    Quoted quoted;
    std::size_t size = 0;  // bytes of the whole packet
    bool answered = false;
  };
  // A SYN under way.
  struct Attempt {
    UniqueFd fd;
    Quoted quoted;
    int failed = 0;  // errno of a connect that failed at once
  };

  PlainWire(const Context& context, const IpAddress& target, const WayOut& way, std::string why)
      : Wire(target, way), context_(context), why_(std::move(why)) {}
  Result<UniqueFd> bound(int type, int protocol, std::uint16_t own, bool shared) const;
  Result<void> watch(int fd, std::uint32_t events) const;
  Result<int> echo_socket(std::uint16_t id);
  Result<void> send_datagram(int fd, std::span<const std::uint8_t> data, std::uint8_t ttl, std::uint16_t port) const;
  Result<void> connect_from(const Quoted& quoted, std::uint8_t ttl);
  Result<void> set_ttl(int fd, std::uint8_t ttl) const;
  void read_datagrams(std::uint16_t port, int fd, std::vector<Answer>& out);
  void read_echoes(std::uint16_t id, int fd, std::vector<Answer>& out) const;
  bool read_attempt(const Attempt& attempt, std::vector<Answer>& out) const;
  [[nodiscard]] Answer answer_of(const kernel::SocketError& error, const Quoted& quoted) const;
  [[nodiscard]] Sent* sent_of(std::uint16_t port, const kernel::SocketError& error);

  const Context& context_;
  std::string why_;
  UniqueFd sockets_;  // an epoll descriptor on all of them; the waiter has its own
  std::unique_ptr<Socket> waiter_;
  std::map<std::uint16_t, UniqueFd> datagrams_;  // by source port
  std::map<std::uint16_t, UniqueFd> echoes_;     // by identifier
  std::vector<UniqueFd> held_;                   // of TCP
  std::map<std::uint16_t, Attempt> attempts_;    // by source port
  std::vector<Sent> sent_;                       // datagrams
};

}  // namespace hostcheck::probe

// A netlink socket whose other end is the test: it is told beforehand what the kernel will answer to each request.
#pragma once

#include <cstdint>
#include <cstring>
#include <fstream>
#include <iterator>
#include <span>
#include <string>
#include <vector>

#include <linux/netlink.h>
#include <sys/socket.h>

#include "core/kernel/netlink.h"

namespace hostcheck::test {

using Message = std::vector<std::uint8_t>;

// The messages of a recorded answer, one after another in a file under TEST_DATA.
inline std::vector<Message> recorded(const std::string& name) {
  std::ifstream file(std::string(TEST_DATA) + "/" + name, std::ios::binary);
  const std::vector<std::uint8_t> bytes{std::istreambuf_iterator<char>(file), {}};
  std::vector<Message> messages;
  for (std::size_t at = 0; at + sizeof(nlmsghdr) <= bytes.size();) {
    std::uint32_t length = 0;
    std::memcpy(&length, &bytes[at], sizeof length);
    length = NLMSG_ALIGN(length);
    if (length < sizeof(nlmsghdr) || at + length > bytes.size()) break;
    messages.emplace_back(bytes.begin() + static_cast<std::ptrdiff_t>(at),
                          bytes.begin() + static_cast<std::ptrdiff_t>(at + length));
    at += length;
  }
  return messages;
}

inline nlmsghdr& header(Message& message) {
  return *reinterpret_cast<nlmsghdr*>(message.data());
}

class FakeKernel {
 public:
  FakeKernel() {
    int ends[2] = {-1, -1};
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) return;
    // A test whose answers run out ends with an error, and soon.
    const timeval patience{0, 200'000};
    setsockopt(ends[0], SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    peer_.reset(ends[1]);
    socket_.push_back(kernel::NetlinkSocket::adopt(UniqueFd(ends[0])));
  }

  [[nodiscard]] kernel::NetlinkSocket& socket() { return socket_.front(); }

  // Answers request number sequence (the first is 1) with these messages in one datagram.
  void answer(std::uint32_t sequence, const std::vector<Message>& messages, std::uint16_t flags = NLM_F_MULTI) {
    Message datagram;
    for (Message message : messages) {
      header(message).nlmsg_seq = sequence;
      header(message).nlmsg_flags = flags;
      datagram.insert(datagram.end(), message.begin(), message.end());
    }
    send_raw(datagram);
  }
  void done(std::uint32_t sequence, std::uint16_t flags = NLM_F_MULTI) { send_code(NLMSG_DONE, sequence, 0, flags); }
  // err: a positive errno value.
  void error(std::uint32_t sequence, int err) { send_code(NLMSG_ERROR, sequence, -err, 0); }
  void send_raw(std::span<const std::uint8_t> bytes) {
    if (::send(peer_.get(), bytes.data(), bytes.size(), 0) < 0) std::perror("FakeKernel");
  }
  // The next request that came; empty when there is none.
  [[nodiscard]] Message request() {
    Message bytes(65536);
    const ssize_t got = recv(peer_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
    bytes.resize(got < 0 ? 0 : static_cast<std::size_t>(got));
    return bytes;
  }

 private:
  void send_code(std::uint16_t type, std::uint32_t sequence, int code, std::uint16_t flags) {
    Message message(NLMSG_SPACE(sizeof(nlmsgerr)));
    header(message).nlmsg_len = static_cast<std::uint32_t>(message.size());
    header(message).nlmsg_type = type;
    header(message).nlmsg_seq = sequence;
    header(message).nlmsg_flags = flags;
    std::memcpy(message.data() + NLMSG_HDRLEN, &code, sizeof code);
    send_raw(message);
  }
  UniqueFd peer_;
  std::vector<kernel::NetlinkSocket> socket_;
};

}  // namespace hostcheck::test

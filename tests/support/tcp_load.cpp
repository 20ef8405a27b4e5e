// More TCP than a script can make, for the live tests.
//   tcp_load connects SERVER_NETNS CLIENT_NETNS ADDRESS PORT COUNT PER_SECOND
//     So many connections, evenly spread, a few at a time where the machine is slow; the server accepts and closes
//     each. Prints how many, the microseconds that it took, and how many there were in the busiest second.
//   tcp_load syns NETNS INTERFACE DESTINATION_MAC SOURCE DESTINATION PORT COUNT THREADS
//     So many SYNs as fast as the machine can send them, as Ethernet frames past every queue. The last two bytes of the
//     source address and its port count up, so that each comes from another. Prints how many, and the microseconds.
#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kClients = 4;

[[noreturn]] void fail(const char* what) {
  std::perror(what);
  std::exit(3);
}

// Of the calling thread, and of those that it starts from then on.
void enter(const std::string& netns) {
  const int fd = open(("/run/netns/" + netns).c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0 || setns(fd, CLONE_NEWNET) != 0) fail(netns.c_str());
  close(fd);
}

long microseconds_since(Clock::time_point start) {
  return static_cast<long>(std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - start).count());
}

// Of moments in their order.
std::size_t in_busiest_second(const std::vector<Clock::time_point>& moments) {
  std::size_t most = 0;
  for (std::size_t first = 0, last = 0; last < moments.size(); ++last) {
    while (moments[last] - moments[first] > std::chrono::seconds(1)) ++first;
    most = std::max(most, last - first + 1);
  }
  return most;
}

struct Address {
  bool six = false;
  std::array<std::uint8_t, 16> bytes{};  // the first four of IPv4
  [[nodiscard]] std::size_t size() const { return six ? 16 : 4; }
};

Address address_of(const char* text) {
  Address address;
  address.six = std::strchr(text, ':') != nullptr;
  if (inet_pton(address.six ? AF_INET6 : AF_INET, text, address.bytes.data()) != 1) fail(text);
  return address;
}

struct Endpoint {
  sockaddr_storage storage{};
  socklen_t length = 0;
  [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

Endpoint endpoint_of(const char* text, std::uint16_t port) {
  const Address address = address_of(text);
  Endpoint endpoint;
  endpoint.storage.ss_family = address.six ? AF_INET6 : AF_INET;
  endpoint.length = address.six ? sizeof(sockaddr_in6) : sizeof(sockaddr_in);
  auto* const bytes = reinterpret_cast<std::uint8_t*>(&endpoint.storage);
  const std::uint16_t wire = htons(port);
  std::memcpy(bytes + offsetof(sockaddr_in, sin_port), &wire, sizeof wire);
  std::memcpy(bytes + (address.six ? offsetof(sockaddr_in6, sin6_addr) : offsetof(sockaddr_in, sin_addr)),
              address.bytes.data(), address.size());
  return endpoint;
}

// Closes each connection as it comes, until the listener is shut down.
void close_all(int listener) {
  while (true) {
    const int fd = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0 && errno == EINVAL) return;
    if (fd < 0) fail("accept");
    close(fd);
  }
}

// Until the server closes it. It closes first: no port of the client stays in TIME-WAIT.
void connect_once(const Endpoint& server) {
  const int fd = socket(server.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0 || connect(fd, server.get(), server.length) != 0) fail("connect");
  char byte = 0;
  if (recv(fd, &byte, 1, 0) != 0) fail("receive");
  close(fd);
}

int connects(char** argv) {
  const Endpoint server = endpoint_of(argv[4], static_cast<std::uint16_t>(std::atoi(argv[5])));
  const unsigned long count = std::strtoul(argv[6], nullptr, 10);
  const auto pause = std::chrono::nanoseconds(std::chrono::seconds(1)) / std::atol(argv[7]);
  enter(argv[2]);
  const int listener = socket(server.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int one = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (bind(listener, server.get(), server.length) != 0 || listen(listener, 4096) != 0) fail("listen");
  std::thread taker(close_all, listener);
  enter(argv[3]);
  std::atomic<unsigned long> next = 0;
  const auto start = Clock::now();
  std::vector<std::vector<Clock::time_point>> ends(kClients);
  std::vector<std::thread> clients;
  for (std::vector<Clock::time_point>& each : ends) {
    clients.emplace_back([&] {
      for (unsigned long number = next++; number < count; number = next++) {
        std::this_thread::sleep_until(start + pause * number);
        connect_once(server);
        each.push_back(Clock::now());
      }
    });
  }
  for (std::thread& each : clients) each.join();
  std::vector<Clock::time_point> moments;
  for (const std::vector<Clock::time_point>& each : ends) moments.insert(moments.end(), each.begin(), each.end());
  std::sort(moments.begin(), moments.end());
  std::printf("%lu %ld %zu\n", count, microseconds_since(start), in_busiest_second(moments));
  shutdown(listener, SHUT_RDWR);
  taker.join();
  return 0;
}

// The Internet checksum's sum, not yet folded.
std::uint32_t sum_of(const std::uint8_t* bytes, std::size_t size) {
  std::uint32_t sum = 0;
  for (std::size_t at = 0; at + 1 < size; at += 2) sum += static_cast<std::uint32_t>(bytes[at] << 8 | bytes[at + 1]);
  return sum;
}

void put16(std::uint8_t* to, std::uint32_t value) {
  to[0] = static_cast<std::uint8_t>(value >> 8);
  to[1] = static_cast<std::uint8_t>(value);
}

void put_checksum(std::uint8_t* to, std::uint32_t sum) {
  while ((sum >> 16) != 0) sum = (sum >> 16) + (sum & 0xFFFF);
  put16(to, ~sum);
}

// An Ethernet frame with a SYN; which(n) makes it the n-th of many.
class Frame {
 public:
  Frame(const Address& source, const Address& destination, const std::array<std::uint8_t, 6>& mac, std::uint16_t port)
      : six_(source.six), ip_(six_ ? 40 : 20) {
    std::copy(mac.begin(), mac.end(), bytes_.begin());
    bytes_[6] = 2;  // locally administered: nobody's
    put16(&bytes_[12], six_ ? ETHERTYPE_IPV6 : ETHERTYPE_IP);
    std::uint8_t* const ip = &bytes_[ETH_HLEN];
    if (six_) {
      ip[0] = 0x60;
      put16(ip + 4, kTcp);
      ip[6] = IPPROTO_TCP;
      ip[7] = 64;
    } else {
      ip[0] = 0x45;
      put16(ip + 2, 20 + kTcp);
      ip[8] = 64;
      ip[9] = IPPROTO_TCP;
    }
    source_ = ip + (six_ ? 8 : 12);
    std::memcpy(source_, source.bytes.data(), source.size());
    std::memcpy(source_ + source.size(), destination.bytes.data(), destination.size());
    last_ = source_ + source.size() - 2;
    tcp_ = ip + ip_;
    put16(tcp_ + 2, port);
    tcp_[12] = 5 << 4;
    tcp_[13] = 2;  // SYN
    put16(tcp_ + 14, 65535);
  }
  Frame(const Frame&) = delete;
  Frame& operator=(const Frame&) = delete;

  void which(std::uint32_t number) {
    put16(last_, 1 + number / 60'000);
    put16(tcp_, 1024 + number % 60'000);
    put16(tcp_ + 4, number >> 16);
    put16(tcp_ + 6, number);
    if (!six_) {
      std::uint8_t* const ip = &bytes_[ETH_HLEN];
      put16(ip + 10, 0);
      put_checksum(ip + 10, sum_of(ip, 20));
    }
    put16(tcp_ + 16, 0);
    put_checksum(tcp_ + 16, sum_of(source_, six_ ? 32 : 8) + IPPROTO_TCP + kTcp + sum_of(tcp_, kTcp));
  }
  [[nodiscard]] std::uint8_t* data() { return bytes_.data(); }
  [[nodiscard]] std::size_t size() const { return ETH_HLEN + ip_ + kTcp; }

 private:
  static constexpr std::size_t kTcp = 20;
  bool six_;
  std::size_t ip_;
  std::array<std::uint8_t, 80> bytes_{};
  std::uint8_t* source_ = nullptr;
  std::uint8_t* last_ = nullptr;  // the two bytes of the source address that count
  std::uint8_t* tcp_ = nullptr;
};

int packet_socket(const char* interface) {
  const int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
  const int one = 1;
  if (fd < 0 || setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof one) != 0) fail("packet socket");
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_ifindex = static_cast<int>(if_nametoindex(interface));
  if (bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) fail(interface);
  return fd;
}

int syns(char** argv) {
  std::array<std::uint8_t, 6> mac{};
  if (std::sscanf(argv[4], "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", &mac[0], &mac[1], &mac[2], &mac[3], &mac[4], &mac[5]) !=
      6) {
    fail(argv[4]);
  }
  const Address source = address_of(argv[5]);
  const Address destination = address_of(argv[6]);
  const auto port = static_cast<std::uint16_t>(std::atoi(argv[7]));
  const auto count = static_cast<std::uint32_t>(std::strtoul(argv[8], nullptr, 10));
  enter(argv[2]);
  std::atomic<unsigned long> sent = 0;
  std::atomic<std::uint32_t> next = 0;
  const auto start = Clock::now();
  std::vector<std::thread> senders(static_cast<std::size_t>(std::atol(argv[9])));
  for (std::thread& each : senders) {
    each = std::thread([&] {
      const int fd = packet_socket(argv[3]);
      Frame frame(source, destination, mac, port);
      for (std::uint32_t number = next++; number < count; number = next++) {
        frame.which(number);
        if (send(fd, frame.data(), frame.size(), 0) == static_cast<ssize_t>(frame.size())) ++sent;
      }
      close(fd);
    });
  }
  for (std::thread& each : senders) each.join();
  std::printf("%lu %ld\n", sent.load(), microseconds_since(start));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view what = argc > 1 ? argv[1] : "";
  if (what == "connects" && argc == 8) return connects(argv);
  if (what == "syns" && argc == 10) return syns(argv);
  std::fprintf(stderr, "usage: tcp_load connects|syns ...: see the top of tcp_load.cpp\n");
  return 64;
}

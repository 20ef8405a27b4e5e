// Load between two network namespaces, for the benchmark of the observation.
//   traffic bulk|connect SERVER_NETNS CLIENT_NETNS ADDRESS
// bulk: one TCP connection, the client sends as fast as it can. connect: the client connects as often as it can, the
// server closes at once. Both ends are threads of this process, ADDRESS is the server's. It goes on until standard
// input ends. Each line there is answered by what has come to pass so far: units (bytes received, or connections),
// microseconds, microseconds on a processor of both ends, what the kernel does for them in their own context among it.
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

namespace {

using Clock = std::chrono::steady_clock;
constexpr std::uint16_t kPort = 5001;
constexpr std::size_t kChunk = 256 * 1024;

// What both ends share with the thread that tells of it.
struct Progress {
  std::atomic<unsigned long> units = 0;
  std::atomic<bool> over = false;
};

[[noreturn]] void fail(const char* what) {
  std::perror(what);
  std::exit(3);
}

long busy_us() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return now.tv_sec * 1000000L + now.tv_nsec / 1000;
}

// Of the calling thread alone.
void enter(const std::string& netns) {
  const int fd = open(("/run/netns/" + netns).c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0 || setns(fd, CLONE_NEWNET) != 0) fail(netns.c_str());
  close(fd);
}

// Each end on a processor of its own where there are two: whether the scheduler lets them share one decides more about
// the loop of connects than anything that is measured.
void stay_on(int which) {
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0 || CPU_COUNT(&allowed) < 2) return;
  cpu_set_t one;
  CPU_ZERO(&one);
  for (int cpu = 0, seen = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &allowed) && seen++ == which) CPU_SET(cpu, &one);
  }
  if (sched_setaffinity(0, sizeof one, &one) != 0) fail("sched_setaffinity");
}

sockaddr_in address_of(const char* text) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(kPort);
  if (inet_pton(AF_INET, text, &address.sin_addr) != 1) fail(text);
  return address;
}

// A socket with the congestion control that every kernel has. One that paces (bbr) keeps to its own idea of the link.
int tcp_socket() {
  constexpr std::string_view kCongestion = "reno";
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) fail("socket");
  if (setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, kCongestion.data(), kCongestion.size()) != 0) fail("TCP_CONGESTION");
  return fd;
}

int connected(const sockaddr_in& server) {
  const int fd = tcp_socket();
  if (connect(fd, reinterpret_cast<const sockaddr*>(&server), sizeof server) != 0) fail("connect");
  return fd;
}

int listening(const sockaddr_in& address) {
  const int fd = tcp_socket();
  const int one = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 || listen(fd, 4096) != 0) {
    fail("listen");
  }
  return fd;
}

// Takes one connection and all that comes on it.
void receive_bulk(int listener, Progress& progress) {
  std::vector<char> buffer(kChunk);
  const int fd = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
  if (fd < 0) fail("accept");
  for (ssize_t got = 0; (got = recv(fd, buffer.data(), buffer.size(), 0)) > 0;) {
    progress.units += static_cast<unsigned long>(got);
  }
  close(fd);
}

void send_bulk(const sockaddr_in& server, const Progress& progress) {
  const std::vector<char> buffer(kChunk, 'x');
  const int fd = connected(server);
  while (!progress.over) {
    if (send(fd, buffer.data(), buffer.size(), MSG_NOSIGNAL) < 0) fail("send");
  }
  close(fd);
}

// Closes each connection as it comes, until the listener is shut down. The server closes first, so that no port of the
// client stays in TIME-WAIT.
void close_all(int listener) {
  while (true) {
    const int fd = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0 && errno == EINVAL) return;
    if (fd < 0) fail("accept");
    close(fd);
  }
}

void connect_often(const sockaddr_in& server, Progress& progress) {
  while (!progress.over) {
    const int fd = connected(server);
    char byte = 0;
    if (recv(fd, &byte, 1, 0) != 0) fail("receive");
    close(fd);
    ++progress.units;
  }
}

void answer_until_end(const Progress& progress) {
  const auto start = Clock::now();
  while (std::getchar() != EOF) {
    const unsigned long units = progress.units;
    const auto passed = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - start);
    std::printf("%lu %ld %ld\n", units, static_cast<long>(passed.count()), busy_us());
    std::fflush(stdout);
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view what = argc == 5 ? argv[1] : "";
  const bool bulk = what == "bulk";
  if (!bulk && what != "connect") {
    std::fprintf(stderr, "usage: traffic bulk|connect SERVER_NETNS CLIENT_NETNS ADDRESS\n");
    return 64;
  }
  const sockaddr_in server = address_of(argv[4]);
  Progress progress;
  enter(argv[2]);
  const int listener = listening(server);
  std::thread taker([&] {
    stay_on(0);
    if (bulk) {
      receive_bulk(listener, progress);
    } else {
      close_all(listener);
    }
  });
  std::thread giver([&] {
    enter(argv[3]);
    stay_on(1);
    if (bulk) {
      send_bulk(server, progress);
    } else {
      connect_often(server, progress);
    }
  });
  answer_until_end(progress);
  progress.over = true;
  giver.join();
  shutdown(listener, SHUT_RDWR);
  taker.join();
  return 0;
}

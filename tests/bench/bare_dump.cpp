// The yardstick of the benchmark: a netlink dump that does nothing but receive, in the namespace that it is started in.
//   bare_dump routes|neighbours|sockets [REPEATS]
// Prints the median time of one dump in microseconds, the same of processor time, its messages and its bytes. The
// requests are those that hostcheck makes for the same state: routes and neighbours of both families; TCP sockets of
// both families with tcp_info, memory and congestion control.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <string_view>
#include <vector>

#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>

namespace {

struct Total {
  unsigned long messages = 0;
  unsigned long bytes = 0;
};

void fail(const char* what) {
  std::perror(what);
  std::exit(3);
}

struct Request {
  alignas(nlmsghdr) char buffer[256] = {};
  nlmsghdr* header = mnl_nlmsg_put_header(buffer);

  Request(unsigned short type, unsigned sequence) {
    header->nlmsg_type = type;
    header->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    header->nlmsg_seq = sequence;
  }
};

// Sends the request and receives until the kernel is done.
void receive_all(mnl_socket* socket, const Request& request, std::vector<char>& buffer, Total& total) {
  if (mnl_socket_sendto(socket, request.header, request.header->nlmsg_len) < 0) fail("send");
  while (true) {
    const ssize_t got = mnl_socket_recvfrom(socket, buffer.data(), buffer.size());
    if (got < 0) fail("receive");
    total.bytes += static_cast<unsigned long>(got);
    int left = static_cast<int>(got);
    const auto* message = reinterpret_cast<const nlmsghdr*>(buffer.data());
    for (; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left)) {
      if (message->nlmsg_type == NLMSG_DONE) return;
      if (message->nlmsg_type == NLMSG_ERROR) {
        const auto* error = static_cast<const nlmsgerr*>(mnl_nlmsg_get_payload(message));
        errno = -error->error;
        fail("dump");
      }
      ++total.messages;
    }
  }
}

long busy_us() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return now.tv_sec * 1000000L + now.tv_nsec / 1000;
}

Total dump_once(std::string_view what, mnl_socket* socket, std::vector<char>& buffer) {
  Total total;
  static unsigned sequence = 0;
  for (const unsigned char family : {AF_INET, AF_INET6}) {
    if (what == "routes") {
      Request request(RTM_GETROUTE, ++sequence);
      auto* header = static_cast<rtmsg*>(mnl_nlmsg_put_extra_header(request.header, sizeof(rtmsg)));
      header->rtm_family = family;
      receive_all(socket, request, buffer, total);
    } else if (what == "neighbours") {
      Request request(RTM_GETNEIGH, ++sequence);
      auto* header = static_cast<ndmsg*>(mnl_nlmsg_put_extra_header(request.header, sizeof(ndmsg)));
      header->ndm_family = family;
      receive_all(socket, request, buffer, total);
    } else {
      Request request(SOCK_DIAG_BY_FAMILY, ++sequence);
      auto* header =
          static_cast<inet_diag_req_v2*>(mnl_nlmsg_put_extra_header(request.header, sizeof(inet_diag_req_v2)));
      header->sdiag_family = family;
      header->sdiag_protocol = IPPROTO_TCP;
      header->idiag_states = 0xffffffff;
      header->idiag_ext =
          (1U << (INET_DIAG_INFO - 1)) | (1U << (INET_DIAG_SKMEMINFO - 1)) | (1U << (INET_DIAG_CONG - 1));
      receive_all(socket, request, buffer, total);
    }
  }
  return total;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view what = argc > 1 ? argv[1] : "";
  if (what != "routes" && what != "neighbours" && what != "sockets") {
    std::fprintf(stderr, "usage: bare_dump routes|neighbours|sockets [REPEATS]\n");
    return 64;
  }
  const int repeats = argc > 2 ? std::max(1, std::atoi(argv[2])) : 9;
  mnl_socket* socket = mnl_socket_open(what == "sockets" ? NETLINK_SOCK_DIAG : NETLINK_ROUTE);
  if (socket == nullptr || mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0) fail("netlink socket");
  std::vector<char> buffer(1 << 18);
  std::vector<long> times;
  std::vector<long> busy;
  Total total;
  for (int repeat = 0; repeat < repeats; ++repeat) {
    const auto start = std::chrono::steady_clock::now();
    const long busy_start = busy_us();
    total = dump_once(what, socket, buffer);
    const auto span = std::chrono::steady_clock::now() - start;
    times.push_back(std::chrono::duration_cast<std::chrono::microseconds>(span).count());
    busy.push_back(busy_us() - busy_start);
  }
  mnl_socket_close(socket);
  std::sort(times.begin(), times.end());
  std::sort(busy.begin(), busy.end());
  std::printf("%ld %ld %lu %lu\n", times[times.size() / 2], busy[busy.size() / 2], total.messages, total.bytes);
  return 0;
}

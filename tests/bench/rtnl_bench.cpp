// How long it takes to read very many routes and neighbours, against a dump that is only received. Needs root: it fills
// a network namespace of its own, which goes away with the program. Sizes: ROUTES and NEIGHBOURS in the environment.
#include <array>
#include <cstdio>
#include <cstdlib>
#include <string>

#include <benchmark/benchmark.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/facts/request.h"
#include "core/facts/route.h"
#include "core/gather/gather.h"
#include "core/gather/source.h"

namespace {

using namespace hostcheck;

unsigned size_from(const char* name, unsigned otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : static_cast<unsigned>(std::strtoul(text, nullptr, 10));
}

// Runs lines of ip(8) in the present namespace.
bool ip_batch(const std::string& lines) {
  std::FILE* pipe = popen("ip -batch -", "w");
  if (pipe == nullptr) return false;
  std::fwrite(lines.data(), 1, lines.size(), pipe);
  return pclose(pipe) == 0;
}

bool fill_namespace(unsigned routes, unsigned neighbours) {
  if (unshare(CLONE_NEWNET) != 0) return false;
  std::string lines =
      "link set lo up\nlink add va type veth peer name vb\nlink set va up\nlink set vb up\n"
      "addr add 10.0.0.1/8 dev va\n";
  std::array<char, 160> line{};
  for (unsigned i = 0; i < routes; ++i) {
    std::snprintf(line.data(), line.size(), "route add %u.%u.%u.0/24 via 10.0.0.%u dev va\n", 20 + i / 65536,
                  i / 256 % 256, i % 256, 2 + i % 200);
    lines += line.data();
  }
  for (unsigned i = 0; i < neighbours; ++i) {
    std::snprintf(line.data(), line.size(),
                  "neigh add 10.%u.%u.%u lladdr 02:00:00:%02x:%02x:%02x dev va nud permanent\n", 1 + i / 65536,
                  i / 256 % 256, i % 256, i / 65536, i / 256 % 256, i % 256);
    lines += line.data();
  }
  return ip_batch(lines);
}

// The dump of both families, as far as recvmsg(2).
template <typename Header>
void receive_only(benchmark::State& state, std::uint16_t type, std::initializer_list<std::uint8_t> families) {
  const int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  const int one = 1;
  const int room = 1 << 20;
  setsockopt(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &one, sizeof one);
  setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
  alignas(nlmsghdr) static std::array<char, 256 * 1024> buffer;
  constexpr ssize_t kDoneBytes = NLMSG_LENGTH(sizeof(int));
  for (auto _ : state) {
    for (const std::uint8_t family : families) {
      struct {
        nlmsghdr message;
        Header header;
      } request{};
      request.message.nlmsg_len = sizeof request;
      request.message.nlmsg_type = type;
      request.message.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
      *reinterpret_cast<std::uint8_t*>(&request.header) = family;
      send(fd, &request, sizeof request, 0);
      while (true) {
        const ssize_t got = recv(fd, buffer.data(), buffer.size(), 0);
        if (got < kDoneBytes) break;
        // The end of the dump is the last message, alone or behind others.
        if (reinterpret_cast<const nlmsghdr*>(buffer.data() + got - kDoneBytes)->nlmsg_type == NLMSG_DONE) break;
      }
    }
  }
  close(fd);
}

void gather_tables(benchmark::State& state, std::initializer_list<const char*> tables, const char* filter_column,
                   const char* filter_value) {
  facts::Request request;
  for (const char* table : tables) {
    std::vector<facts::Constraint> terms;
    if (filter_column != nullptr) {
      terms.push_back({filter_column, facts::Constraint::Op::eq, std::string(filter_value)});
    }
    const auto names = facts::find_table(table)->column_names();
    request[table].add_reader({names.begin(), names.end()}, terms);
  }
  auto options = gather::plan_namespaces("", false);
  std::size_t rows = 0;
  for (auto _ : state) {
    const facts::Facts facts = gather::gather(request, *options);
    if (!facts.absences().empty()) state.SkipWithError(facts.absences().front().reason.c_str());
    rows = facts.find(*tables.begin())->size();
  }
  state.counters["rows"] = static_cast<double>(rows);
}

void RoutesReceivedOnly(benchmark::State& state) {
  receive_only<rtmsg>(state, RTM_GETROUTE, {AF_INET, AF_INET6});
}
void RoutesGathered(benchmark::State& state) {
  gather_tables(state, {"routes"}, nullptr, nullptr);
}
void RoutesGatheredWithSummary(benchmark::State& state) {
  gather_tables(state, {"routes", "route_summary", "route_nexthops"}, nullptr, nullptr);
}
void RoutesFilteredByTheKernel(benchmark::State& state) {
  gather_tables(state, {"routes"}, "table_name", "local");
}
void RoutesFilteredWhileParsing(benchmark::State& state) {
  gather_tables(state, {"routes"}, "prefix", "default");
}
void RouteSummaryOnly(benchmark::State& state) {
  gather_tables(state, {"route_summary"}, nullptr, nullptr);
}
void NeighboursReceivedOnly(benchmark::State& state) {
  receive_only<ndmsg>(state, RTM_GETNEIGH, {AF_UNSPEC});
}
void NeighboursGathered(benchmark::State& state) {
  gather_tables(state, {"neighbours"}, nullptr, nullptr);
}
void NeighboursGatheredWithSummary(benchmark::State& state) {
  gather_tables(state, {"neighbours", "neighbour_summary"}, nullptr, nullptr);
}
void NeighboursThatFailed(benchmark::State& state) {
  gather_tables(state, {"neighbours"}, "state", "failed");
}

BENCHMARK(RoutesReceivedOnly)->Unit(benchmark::kMillisecond);
BENCHMARK(RoutesGathered)->Unit(benchmark::kMillisecond);
BENCHMARK(RoutesGatheredWithSummary)->Unit(benchmark::kMillisecond);
BENCHMARK(RoutesFilteredByTheKernel)->Unit(benchmark::kMillisecond);
BENCHMARK(RoutesFilteredWhileParsing)->Unit(benchmark::kMillisecond);
BENCHMARK(RouteSummaryOnly)->Unit(benchmark::kMillisecond);
BENCHMARK(NeighboursReceivedOnly)->Unit(benchmark::kMillisecond);
BENCHMARK(NeighboursGathered)->Unit(benchmark::kMillisecond);
BENCHMARK(NeighboursGatheredWithSummary)->Unit(benchmark::kMillisecond);
BENCHMARK(NeighboursThatFailed)->Unit(benchmark::kMillisecond);

}  // namespace

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (!fill_namespace(size_from("ROUTES", 200'000), size_from("NEIGHBOURS", 50'000))) {
    std::perror("rtnl_bench: a network namespace with routes (run as root)");
    return 77;
  }
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}

// The readers of rtnetlink on what Linux 6.18 answered (tests/support/record_rtnl.py).
#include <algorithm>
#include <cerrno>
#include <functional>

#include <gtest/gtest.h>
#include <linux/nexthop.h>
#include <linux/rtnetlink.h>

#include "core/facts/rtnl_names.h"
#include "core/kernel/rtnl_links.h"
#include "core/kernel/rtnl_neighbours.h"
#include "core/kernel/rtnl_routes.h"
#include "tests/support/fake_netlink.h"

namespace hostcheck::kernel {
namespace {

using test::FakeKernel;
using test::Message;
using test::recorded;

// Everything that a reader needs, its kernel played.
struct Bench {
  FakeKernel kernel;
  facts::Facts facts;
  RtnlReader reader{kernel.socket(), facts, facts.intern("ns"), {}};
  TableNames tables{FileTree("/nonexistent"), facts};

  void answer(std::uint32_t sequence, const std::string& file) {
    for (const Message& message : recorded("rtnl/" + file)) kernel.answer(sequence, {message});
    kernel.done(sequence);
  }
  void name_links() {
    answer(1, "links.bin");
    ASSERT_TRUE(read_links(reader, true, true));
  }
  template <typename Row>
  facts::Value cell(const Row& row, std::string_view column) {
    std::string scratch;
    return facts::to_value(Row::table().columns[*Row::table().column(column)].read(&row, scratch));
  }
  template <typename Row>
  std::string text(const Row& row, std::string_view column) {
    const facts::Value value = cell(row, column);
    return std::holds_alternative<std::string>(value) ? std::get<std::string>(value) : std::string("(none)");
  }
};

const facts::Route* find_route(const std::vector<facts::Route>& rows, std::string_view address, unsigned length) {
  const auto found = std::find_if(rows.begin(), rows.end(), [&](const facts::Route& row) {
    return row.dst.to_string() == address && row.dst_length == length;
  });
  return found == rows.end() ? nullptr : &*found;
}

TEST(RtnlLinks, ReadsKindStateMasterAndPeer) {
  Bench bench;
  bench.name_links();
  const auto& rows = bench.facts.rows<facts::Link>();
  ASSERT_EQ(rows.size(), 4U);  // lo, br0, vb, va
  const auto find = [&](std::string_view name) {
    return *std::find_if(rows.begin(), rows.end(), [&](const facts::Link& row) { return row.ifname.view() == name; });
  };
  const facts::Link va = find("va");
  EXPECT_EQ(va.kind.view(), "veth");
  EXPECT_EQ(va.slave_kind.view(), "bridge");
  EXPECT_EQ(va.master.view(), "br0");
  EXPECT_EQ(va.link.view(), "vb");
  EXPECT_EQ(va.mtu, 1500U);
  EXPECT_EQ(va.carrier, true);
  EXPECT_FALSE(va.physical);
  EXPECT_EQ(bench.text(va, "state"), "up");
  EXPECT_EQ(bench.text(va, "type"), "ether");
  EXPECT_EQ(bench.text(va, "flags"), "BROADCAST,MULTICAST,UP,LOWER_UP");
  EXPECT_EQ(bench.text(find("lo"), "type"), "loopback");
  EXPECT_EQ(bench.cell(find("lo"), "kind"), facts::Value{});
}

TEST(RtnlLinks, AnOldKernelsShortAnswerIsARow) {
  Bench bench;
  NetlinkRequest answer(RTM_NEWLINK, 0);
  auto& header = answer.header<ifinfomsg>();
  header.ifi_index = 7;
  header.ifi_type = 1;
  answer.add_text(IFLA_IFNAME, "eth7");
  const std::vector<std::uint64_t> numbers(23, 5);  // rtnl_link_stats64 before rx_nohandler
  answer.add(IFLA_STATS64, {reinterpret_cast<const std::uint8_t*>(numbers.data()), numbers.size() * 8});
  facts::Link row;
  ASSERT_EQ(parse_link(*answer.message(), bench.facts, row), Parsed::row);
  EXPECT_EQ(row.rx_packets.value, 5U);
  EXPECT_EQ(row.rx_nohandler.value, 0U);
  EXPECT_FALSE(row.rx_otherhost_dropped);
  EXPECT_FALSE(row.carrier);
  EXPECT_TRUE(row.physical);  // the kernel does not tell parents: Ethernet without a kind is hardware
}

TEST(RtnlAddresses, TellsPeersAndBothFamilies) {
  Bench bench;
  bench.name_links();
  bench.answer(2, "addresses4.bin");
  bench.answer(3, "addresses6.bin");
  facts::RowFilter all(facts::InterfaceAddress::table(), nullptr);
  ASSERT_TRUE(read_addresses(bench.reader, Family::none, all));
  const auto& rows = bench.facts.rows<facts::InterfaceAddress>();
  ASSERT_GE(rows.size(), 4U);
  EXPECT_EQ(rows[1].address.to_string(), "10.1.0.1");
  EXPECT_TRUE(rows[1].peer.empty());
  EXPECT_EQ(rows[1].prefix_length, 24);
  EXPECT_EQ(rows[1].ifname.view(), "vb");
  EXPECT_FALSE(rows[1].valid_s);
  EXPECT_EQ(rows[2].address.to_string(), "10.2.0.1");
  EXPECT_EQ(rows[2].peer.to_string(), "10.2.0.2");
  EXPECT_TRUE(std::any_of(rows.begin(), rows.end(), [](const facts::InterfaceAddress& row) {
    return row.address.to_string() == "2001:db8:1::1" && row.family == Family::ipv6;
  }));
}

class RtnlRoutes : public testing::Test {
 protected:
  void SetUp() override { bench_.name_links(); }
  Result<void> read(RouteTables fill, const RouteFilter& filter, bool strict = true) {
    return read_routes(bench_.reader, bench_.tables, fill, filter, strict);
  }
  void answer_both() {
    bench_.answer(2, "routes4.bin");
    bench_.answer(3, "routes6.bin");
  }
  Bench bench_;
};

TEST_F(RtnlRoutes, ReadsGatewaysMetricsAndHops) {
  answer_both();
  ASSERT_TRUE(read({true, true, true}, {}));
  const auto& rows = bench_.facts.rows<facts::Route>();
  const facts::Route* row = find_route(rows, "0.0.0.0", 0);
  ASSERT_NE(row, nullptr);
  EXPECT_EQ(bench_.text(*row, "prefix"), "default");
  EXPECT_EQ(bench_.text(*row, "protocol"), "dhcp");
  EXPECT_EQ(bench_.text(*row, "table_name"), "main");
  EXPECT_EQ(row->gateway.to_string(), "10.1.0.254");
  EXPECT_EQ(row->priority, 100U);

  row = find_route(rows, "172.16.0.0", 16);
  ASSERT_NE(row, nullptr);
  EXPECT_EQ(row->nexthops, 2);
  EXPECT_EQ(row->ifindex, 0U);

  row = find_route(rows, "172.17.0.0", 16);
  ASSERT_NE(row, nullptr);
  EXPECT_EQ(bench_.cell(*row, "mtu"), facts::Value(std::int64_t{1300}));
  EXPECT_EQ(bench_.cell(*row, "mtu_locked"), facts::Value(std::int64_t{1}));
  EXPECT_EQ(bench_.cell(*row, "advmss"), facts::Value(std::int64_t{1260}));
  EXPECT_EQ(bench_.cell(*row, "window"), facts::Value{});
  EXPECT_EQ(bench_.text(*row, "congctl"), "reno");

  row = find_route(rows, "172.18.0.0", 16);
  ASSERT_NE(row, nullptr);
  EXPECT_EQ(row->gateway.to_string(), "fe80::1");
  EXPECT_EQ(bench_.text(*row, "gateway_family"), "inet6");

  row = find_route(rows, "198.51.100.0", 24);
  ASSERT_NE(row, nullptr);
  EXPECT_EQ(row->table_id, 100U);
  EXPECT_EQ(bench_.text(*row, "table_name"), "100");
  EXPECT_EQ(bench_.text(*row, "type"), "blackhole");
  EXPECT_EQ(row->nexthops, 0);

  const auto ra =
      std::find_if(rows.begin(), rows.end(), [](const facts::Route& each) { return each.protocol == RTPROT_RA; });
  ASSERT_NE(ra, rows.end());
  EXPECT_EQ(bench_.text(*ra, "pref"), "high");
  EXPECT_GT(*ra->expires_s, 500U);

  const auto& hops = bench_.facts.rows<facts::RouteNexthop>();
  ASSERT_GE(hops.size(), 4U);
  EXPECT_EQ(hops[0].gateway.to_string(), "10.1.0.10");
  EXPECT_EQ(hops[0].weight, 3);
  EXPECT_EQ(hops[1].hop, 1);
  EXPECT_EQ(hops[1].ifname.view(), "vb");
}

TEST_F(RtnlRoutes, CountsWhatItReads) {
  answer_both();
  ASSERT_TRUE(read({true, false, true}, {}));
  std::uint64_t counted = 0;
  for (const auto& row : bench_.facts.rows<facts::RouteSummary>()) counted += row.routes;
  EXPECT_EQ(counted, bench_.facts.rows<facts::Route>().size());
}

TEST_F(RtnlRoutes, KeepsOnlyTheTablesThatAreAsked) {
  answer_both();
  ASSERT_TRUE(read({false, false, true}, {}));
  EXPECT_EQ(bench_.facts.find("routes"), nullptr);
  EXPECT_EQ(bench_.facts.find("route_nexthops"), nullptr);
  EXPECT_FALSE(bench_.facts.rows<facts::RouteSummary>().empty());
}

TEST_F(RtnlRoutes, FiltersByItselfWhatTheKernelDoesNot) {
  answer_both();
  RouteFilter filter;
  filter.tables = {100};
  ASSERT_TRUE(read({true, false, false}, filter, false));
  ASSERT_EQ(bench_.facts.rows<facts::Route>().size(), 1U);
}

TEST_F(RtnlRoutes, AsksTheKernelForOneTableOnly) {
  bench_.kernel.error(2, ENOENT);  // as a kernel says that there is no such table
  bench_.kernel.done(3);
  RouteFilter filter;
  filter.tables = {100};
  filter.types = {RTN_BLACKHOLE};
  EXPECT_TRUE(read({true, false, false}, filter));
  (void)bench_.kernel.request();  // of the links
  Message request = bench_.kernel.request();
  ASSERT_GE(request.size(), NLMSG_LENGTH(sizeof(rtmsg)));
  EXPECT_EQ(header_of<rtmsg>(test::header(request))->rtm_type, RTN_BLACKHOLE);
  std::array<std::span<const std::uint8_t>, RTA_TABLE + 1> at;
  ASSERT_TRUE(parse_attributes(attributes_of(test::header(request), sizeof(rtmsg)), at));
  EXPECT_EQ(read_number<std::uint32_t>(at[RTA_TABLE]), 100U);
}

TEST_F(RtnlRoutes, PassesOverCachedRoutesAndOtherFamilies) {
  auto messages = recorded("rtnl/routes4.bin");
  for (Message& message : messages) {
    auto* route = reinterpret_cast<rtmsg*>(message.data() + NLMSG_HDRLEN);
    route->rtm_flags |= RTM_F_CLONED;
  }
  for (const Message& message : messages) bench_.kernel.answer(2, {message});
  bench_.kernel.done(2);
  bench_.answer(3, "routes4.bin");  // a kernel without IPv6 answers the second request like the first
  ASSERT_TRUE(read({true, true, true}, {}));
  EXPECT_TRUE(bench_.facts.rows<facts::Route>().empty());
  EXPECT_TRUE(bench_.facts.rows<facts::RouteSummary>().empty());
}

TEST_F(RtnlRoutes, KeepsNothingOfAnInterruptedOrFailedDump) {
  const auto messages = recorded("rtnl/routes4.bin");
  bench_.kernel.answer(2, {messages.front()}, NLM_F_MULTI | NLM_F_DUMP_INTR);
  bench_.kernel.done(2);
  bench_.kernel.answer(3, {messages.front()});
  bench_.kernel.done(3);
  bench_.kernel.answer(4, {messages.back()});
  bench_.kernel.error(4, ENOMEM);
  EXPECT_FALSE(read({true, true, true}, {}));
  EXPECT_EQ(bench_.facts.rows<facts::Route>().size(), 1U);  // IPv4's, once
  std::uint64_t counted = 0;
  for (const auto& row : bench_.facts.rows<facts::RouteSummary>()) counted += row.routes;
  EXPECT_EQ(counted, 1U);
}

TEST(RtnlNexthops, ReadsGroups) {
  Bench bench;
  bench.name_links();
  bench.answer(2, "nexthops.bin");
  ASSERT_TRUE(read_nexthops(bench.reader));
  const auto& rows = bench.facts.rows<facts::Nexthop>();
  ASSERT_EQ(rows.size(), 3U);
  EXPECT_EQ(rows[0].gateway.to_string(), "10.1.0.20");
  EXPECT_EQ(rows[1].ifname.view(), "vb");
  EXPECT_EQ(rows[2].group, "1,3/2");
}

TEST(RtnlNexthops, AKernelWithoutThemIsAnErrorAndNoRows) {
  Bench bench;
  bench.kernel.error(1, EOPNOTSUPP);
  const auto done = read_nexthops(bench.reader);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, ErrorCode::unsupported);
}

TEST(RtnlRules, ReadsEverySelector) {
  Bench bench;
  bench.answer(1, "rules4.bin");
  ASSERT_TRUE(read_policy_rules(bench.reader, bench.tables, Family::ipv4));
  const auto& rows = bench.facts.rows<facts::PolicyRule>();
  ASSERT_EQ(rows.size(), 5U);
  const facts::PolicyRule& row = rows[1];
  EXPECT_EQ(row.priority, 100U);
  EXPECT_EQ(bench.text(row, "src"), "10.1.0.0/24");
  EXPECT_EQ(bench.text(row, "dst"), "(none)");
  EXPECT_EQ(row.fwmark, 0x10U);
  EXPECT_EQ(row.fwmask, 0xffU);
  EXPECT_EQ(row.iif.view(), "vb");
  EXPECT_EQ(bench.text(row, "uid_range"), "1000-2000");
  EXPECT_EQ(bench.text(row, "ip_proto"), "tcp");
  EXPECT_EQ(bench.text(row, "sport"), "1000-2000");
  EXPECT_EQ(bench.text(row, "dport"), "443");
  EXPECT_EQ(bench.text(row, "table_name"), "100");
  EXPECT_EQ(bench.text(rows[2], "action"), "goto");
  EXPECT_EQ(*rows[2].goto_priority, 32766U);
}

TEST(RtnlNeighbours, ReadsStatesAndProxies) {
  Bench bench;
  bench.name_links();
  bench.answer(2, "neighbours.bin");
  bench.answer(3, "proxies.bin");
  ASSERT_TRUE(read_neighbours(bench.reader, {true, true}, {}, true));
  const auto& rows = bench.facts.rows<facts::Neighbour>();
  const auto find = [&](std::string_view address) {
    return *std::find_if(rows.begin(), rows.end(), [&](const auto& row) { return row.address.to_string() == address; });
  };
  EXPECT_EQ(find("10.1.0.50").state, facts::NeighbourState::permanent);
  EXPECT_EQ(find("10.1.0.50").lladdr.to_string(), "02:00:00:00:01:01");
  EXPECT_EQ(find("10.1.0.51").state, facts::NeighbourState::failed);
  EXPECT_EQ(bench.cell(find("2001:db8:1::50"), "router"), facts::Value(std::int64_t{1}));
  EXPECT_EQ(bench.text(find("10.1.0.70"), "flags"), "proxy");
  std::uint64_t counted = 0;
  for (const auto& row : bench.facts.rows<facts::NeighbourSummary>()) counted += row.neighbours;
  EXPECT_EQ(counted + 1, rows.size());  // the proxy entry is none
}

TEST(RtnlNeighbours, ReadsTheTablesAndNoSingleInterface) {
  Bench bench;
  bench.answer(1, "neighbour_tables.bin");
  ASSERT_TRUE(read_neighbour_tables(bench.kernel.socket(), bench.facts));
  const auto& rows = bench.facts.rows<facts::NeighbourTable>();
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[0].name.view(), "arp_cache");
  EXPECT_EQ(rows[0].gc_thresh3, 1024U);
  EXPECT_TRUE(rows[0].table_fulls);
  EXPECT_EQ(rows[1].family, Family::ipv6);
}

TEST(RtnlQdiscs, ReadsHandlesAsTcWritesThem) {
  Bench bench;
  bench.name_links();
  bench.answer(2, "qdiscs.bin");
  ASSERT_TRUE(read_qdiscs(bench.reader));
  const auto& rows = bench.facts.rows<facts::Qdisc>();
  const auto tbf = std::find_if(rows.begin(), rows.end(), [](const auto& row) { return row.kind.view() == "tbf"; });
  ASSERT_NE(tbf, rows.end());
  EXPECT_EQ(bench.text(*tbf, "handle"), "1a:");
  EXPECT_EQ(bench.cell(*tbf, "root"), facts::Value(std::int64_t{1}));
}

// Every reader on a message that is not whole, or not what the kernel would send: no crash, no read beyond it.
struct Hostile {
  std::string file;
  std::function<void(Bench&, const nlmsghdr&)> parse;
};

std::vector<Hostile> readers() {
  const auto routes = [](Family family) {
    return [family](Bench& bench, const nlmsghdr& message) {
      const RouteFilter filter;
      RouteCollector collector(bench.reader, bench.tables, {true, true, true}, filter);
      collector.begin(family);
      (void)collector.add(message);
      collector.finish();
    };
  };
  const auto neighbours = [](Bench&, const nlmsghdr& message) {
    facts::Neighbour row;
    (void)parse_neighbour(message, row);
  };
  const auto addresses = [](Bench& bench, const nlmsghdr& message) {
    facts::InterfaceAddress row;
    (void)parse_address(message, bench.reader, row);
  };
  return {
      {"links.bin",
       [](Bench& bench, const nlmsghdr& message) {
         facts::Link row;
         (void)parse_link(message, bench.facts, row);
       }},
      {"addresses4.bin", addresses},
      {"addresses6.bin", addresses},
      {"routes4.bin", routes(Family::ipv4)},
      {"routes6.bin", routes(Family::ipv6)},
      {"nexthops.bin",
       [](Bench& bench, const nlmsghdr& message) {
         facts::Nexthop row;
         (void)parse_nexthop(message, bench.reader, row);
       }},
      {"rules4.bin",
       [](Bench& bench, const nlmsghdr& message) {
         facts::PolicyRule row;
         (void)parse_policy_rule(message, bench.reader, bench.tables, row);
       }},
      {"neighbours.bin", neighbours},
      {"proxies.bin", neighbours},
      {"neighbour_tables.bin",
       [](Bench& bench, const nlmsghdr& message) {
         facts::NeighbourTable row;
         (void)parse_neighbour_table(message, bench.facts, row);
       }},
      {"qdiscs.bin",
       [](Bench& bench, const nlmsghdr& message) {
         facts::Qdisc row;
         (void)parse_qdisc(message, bench.reader, row);
       }},
  };
}

TEST(RtnlHostile, EveryTruncationIsTakenWithoutACrash) {
  for (const Hostile& each : readers()) {
    const auto messages = recorded("rtnl/" + each.file);
    ASSERT_FALSE(messages.empty()) << each.file;
    for (const Message& whole : messages) {
      Bench bench;
      for (std::size_t length = sizeof(nlmsghdr); length < whole.size(); ++length) {
        Message cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length));
        cut.shrink_to_fit();  // a read beyond the end is one beyond the allocation
        test::header(cut).nlmsg_len = static_cast<std::uint32_t>(length);
        each.parse(bench, test::header(cut));
      }
    }
  }
}

TEST(RtnlHostile, EveryWrongByteIsTakenWithoutACrash) {
  for (const Hostile& each : readers()) {
    for (const Message& whole : recorded("rtnl/" + each.file)) {
      Bench bench;
      for (std::size_t at = sizeof(nlmsghdr); at < whole.size(); ++at) {
        for (const std::uint8_t value : {0x00, 0x01, 0x7f, 0xff}) {
          Message wrong = whole;
          wrong[at] = value;
          each.parse(bench, test::header(wrong));
        }
      }
    }
  }
}

}  // namespace
}  // namespace hostcheck::kernel

#include "core/probe/dns_message.h"

#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/probe/hosts_file.h"
#include "core/probe/resolve.h"

namespace hostcheck::probe {
namespace {

using Bytes = std::vector<std::uint8_t>;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

Bytes query_for(std::string_view name = "db.example", DnsType type = DnsType::a) {
  return *make_dns_query(name, type, 0x1234);
}

void append(Bytes& out, std::initializer_list<int> bytes) {
  for (const int each : bytes) out.push_back(static_cast<std::uint8_t>(each));
}

// A reply to query with this many answers, which follow as bytes.
Bytes reply_to(const Bytes& query, int rcode, int answers, std::initializer_list<int> records = {}) {
  Bytes out = query;
  out[2] = 0x81;
  out[3] = static_cast<std::uint8_t>(0x80 | rcode);
  out[7] = static_cast<std::uint8_t>(answers);
  append(out, records);
  return out;
}

TEST(DnsMessage, ReadsAddressesWithTheirTtl) {
  const auto query = query_for();
  const auto answer = read_dns_reply(query, DnsType::a,
                                     reply_to(query, 0, 2, {0xc0, 12, 0, 1, 0, 1, 0, 0, 1, 44, 0, 4, 192, 0, 2, 1,  //
                                                            0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 9,  0, 4, 192, 0, 2, 2}));
  ASSERT_EQ(answer.reading, DnsReading::answer);
  ASSERT_EQ(answer.records.size(), 2U);
  EXPECT_EQ(answer.records[0].address.to_string(), "192.0.2.1");
  EXPECT_EQ(answer.records[0].ttl_s, 300U);
  EXPECT_EQ(answer.records[1].ttl_s, 9U);
}

TEST(DnsMessage, FollowsAliasesAndReadsIpv6) {
  const auto query = query_for("db.example", DnsType::aaaa);
  const auto answer = read_dns_reply(
      query, DnsType::aaaa,
      reply_to(query, 0, 2,
               {0xc0, 12,   0,    5,    0, 1, 0, 0, 0, 60, 0, 4,  1, 'x', 0xc0, 15,  // db.example is x.example
                0xc0, 0x28, 0,    28,   0, 1, 0, 0, 0, 30, 0, 16,                    //
                0x20, 1,    0x0d, 0xb8, 0, 0, 0, 0, 0, 0,  0, 0,  0, 0,   0,    1}));
  ASSERT_EQ(answer.reading, DnsReading::answer);
  ASSERT_EQ(answer.records.size(), 1U);
  EXPECT_EQ(answer.records[0].address.to_string(), "2001:db8::1");
}

TEST(DnsMessage, TellsRcodes) {
  const auto query = query_for();
  EXPECT_EQ(read_dns_reply(query, DnsType::a, reply_to(query, 3, 0)).rcode, 3);
  EXPECT_EQ(rcode_name(3), "NXDOMAIN");
  EXPECT_EQ(rcode_name(15), "RCODE 15");
  const auto empty = read_dns_reply(query, DnsType::a, reply_to(query, 0, 0));
  EXPECT_EQ(empty.reading, DnsReading::answer);
  EXPECT_THAT(empty.records, IsEmpty());
}

TEST(DnsMessage, PassesOverWhatAnswersAnotherQuestion) {
  const auto query = query_for();
  auto other = reply_to(query, 0, 0);
  other[1] ^= 1U;
  EXPECT_EQ(read_dns_reply(query, DnsType::a, other).reading, DnsReading::foreign);
  EXPECT_EQ(read_dns_reply(query, DnsType::a, reply_to(query_for("dc.example"), 0, 0)).reading, DnsReading::foreign);
  EXPECT_EQ(read_dns_reply(query, DnsType::a, query).reading, DnsReading::foreign);  // a question, not an answer
  EXPECT_EQ(read_dns_reply(query, DnsType::a, {}).reading, DnsReading::foreign);
  EXPECT_EQ(read_dns_reply({}, DnsType::a, {}).reading, DnsReading::foreign);
  auto upper = reply_to(query, 0, 0);
  upper[13] = 'D';
  EXPECT_EQ(read_dns_reply(query, DnsType::a, upper).reading, DnsReading::answer);
}

TEST(DnsMessage, AsksAgainWhereItIsCutShort) {
  const auto query = query_for();
  auto reply = reply_to(query, 0, 0);
  reply[2] |= 2U;
  EXPECT_EQ(read_dns_reply(query, DnsType::a, reply).reading, DnsReading::truncated);
}

TEST(DnsMessage, SaysThatAnAnswerCannotBeRead) {
  const auto query = query_for();
  // Three answers are told of, none is there; a name that points at itself; a record longer than the message.
  for (const auto& reply :
       {reply_to(query, 0, 3), reply_to(query, 0, 1, {0xc0, 28, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4, 1, 2, 3, 4}),
        reply_to(query, 0, 1, {0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 1, 0xff, 4, 1, 2, 3, 4})}) {
    const auto answer = read_dns_reply(query, DnsType::a, reply);
    EXPECT_EQ(answer.reading, DnsReading::malformed);
    EXPECT_FALSE(answer.problem.empty());
    EXPECT_THAT(answer.records, IsEmpty());
  }
}

TEST(DnsMessage, TakesAnyBytes) {
  std::mt19937 random(7);
  for (const DnsType type : {DnsType::a, DnsType::aaaa}) {
    const auto query = query_for("db.example", type);
    const auto good = reply_to(query, 0, 2, {0xc0, 12, 0, 1, 0, 1, 0, 0, 1, 44, 0, 4, 192, 0, 2, 1,
                                             0xc0, 12, 0, 5, 0, 1, 0, 0, 0, 9,  0, 4, 192, 0, 2, 2});
    for (int each = 0; each < 20000; ++each) {
      Bytes bad = good;
      for (unsigned changes = random() % 4 + 1; changes > 0; --changes) {
        bad[2 + random() % (bad.size() - 2)] = static_cast<std::uint8_t>(random());
      }
      bad.resize(random() % 3 == 0 ? random() % bad.size() : bad.size());
      const auto answer = read_dns_reply(query, type, bad);
      EXPECT_LE(answer.records.size(), 256U);
    }
  }
}

TEST(DnsMessage, RefusesWhatIsNoName) {
  EXPECT_FALSE(make_dns_query("", DnsType::a, 1));
  EXPECT_FALSE(make_dns_query(".", DnsType::a, 1));
  EXPECT_FALSE(make_dns_query("a..b", DnsType::a, 1));
  EXPECT_FALSE(make_dns_query(std::string(300, 'a'), DnsType::a, 1));
  EXPECT_THAT(make_dns_query(std::string(64, 'a') + ".example", DnsType::a, 1).error().message(), HasSubstr("aaaa"));
}

TEST(Resolve, TriesNamesAsResolvConfSays) {
  ResolverSettings settings;
  settings.search = {"one.example", "two.example."};
  EXPECT_THAT(names_to_try("db", settings), ElementsAre("db.one.example", "db.two.example", "db"));
  EXPECT_THAT(names_to_try("db.x", settings), ElementsAre("db.x", "db.x.one.example", "db.x.two.example"));
  EXPECT_THAT(names_to_try("db.", settings), ElementsAre("db"));
  settings.ndots = 2;
  EXPECT_THAT(names_to_try("db.x", settings), ElementsAre("db.x.one.example", "db.x.two.example", "db.x"));
}

TEST(Resolve, ReadsTheHostsFile) {
  constexpr std::string_view kText =
      "127.0.0.1 localhost\n"
      "10.0.0.1\tdb.example  DB # db2\n"
      "# 10.0.0.9 db\n"
      "nonsense db\n"
      "fd00::1 other db\n"
      "10.0.0.1 db\n";
  std::vector<std::string> found;
  for (const IpAddress& each : addresses_in_hosts(kText, "db")) found.push_back(each.to_string());
  EXPECT_THAT(found, ElementsAre("10.0.0.1", "fd00::1"));
  EXPECT_THAT(addresses_in_hosts(kText, "db2"), IsEmpty());
  EXPECT_EQ(addresses_in_hosts(kText, "db.EXAMPLE.").size(), 1U);
}

TEST(Resolve, KeepsEachAddressOnceWithAllWhoSaySo) {
  ServerReply one;
  one.server.address = *IpAddress::parse("10.0.0.1");
  one.records = {{*IpAddress::parse("192.0.2.1"), 60}, {*IpAddress::parse("192.0.2.2"), 60}};
  ServerReply two = one;
  two.server.address = *IpAddress::parse("10.0.0.2");
  two.records = {{*IpAddress::parse("192.0.2.2"), 20}};
  const auto addresses = addresses_of({one, two, two});
  ASSERT_EQ(addresses.size(), 2U);
  EXPECT_EQ(addresses[1].source, "10.0.0.1, 10.0.0.2");
  EXPECT_EQ(addresses[1].ttl_s, 20U);
}

}  // namespace
}  // namespace hostcheck::probe

#include "core/conclude/evidence.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/facts/observation.h"
#include "core/facts/probe.h"
#include "tests/support/packets.h"

namespace hostcheck::conclude {
namespace {

using observe::kTcpAck;
using observe::kTcpRst;
using observe::kTcpSyn;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

const IpAddress kServer = *IpAddress::parse("10.0.0.1");
const IpAddress kClient = *IpAddress::parse("10.0.0.2");
const IpAddress kRouter = *IpAddress::parse("10.0.0.9");
constexpr observe::Observation::Window kWindow{std::chrono::seconds(10), std::chrono::seconds(12)};

class FindEvidence : public testing::Test {
 protected:
  FindEvidence() { record_.namespaces = {"init", "web"}; }

  void hear(const made::Bytes& packet, double at_s = 11, std::size_t place = 0, bool probing = false) {
    observe::CapturedPacket& kept = record_.packets.emplace_back();
    kept.at = std::chrono::nanoseconds(static_cast<std::int64_t>(at_s * 1e9));
    kept.place = place;
    kept.start = kernel::PacketStart::network;
    kept.ethertype = 0x0800;
    kept.probing = probing;
    kept.bytes = packet;
  }
  void hear_tcp(const IpAddress& source, std::uint16_t from, const IpAddress& destination, std::uint16_t to,
                std::uint8_t flags, std::uint32_t sequence, std::uint32_t acknowledgement = 0, double at_s = 11) {
    hear(made::ip(source, destination, 6, made::tcp(from, to, flags, sequence, acknowledgement)), at_s);
  }
  facts::UnansweredSyn& unanswered(std::uint16_t port) {
    facts::UnansweredSyn& row = facts_.rows<facts::UnansweredSyn>().emplace_back();
    row.netns = facts_.intern("init");
    row.peer = kClient;
    row.peer_port = port;
    row.local = kServer;
    row.local_port = 80;
    row.reason = facts::SynReason::accept_queue_full;
    row.certainty = facts::Certainty::seen;
    return row;
  }
  std::vector<std::string> words() {
    evidence_ = find_evidence(record_, kWindow, facts_, findings_);
    std::vector<std::string> out;
    for (const EvidencePacket& each : evidence_.packets) out.push_back(each.words);
    return out;
  }
  [[nodiscard]] EvidenceTable table(std::string_view name) const {
    for (const EvidenceTable& each : evidence_.tables) {
      if (each.table == name) return each;
    }
    return {};
  }

  observe::CaptureRecord record_;
  facts::Facts facts_;
  std::vector<checks::Finding> findings_;
  Evidence evidence_;
};

TEST_F(FindEvidence, TakesTheSynsOfARowAndNoOthers) {
  unanswered(40000);
  hear_tcp(kClient, 40000, kServer, 80, kTcpSyn, 5);
  hear_tcp(kClient, 40000, kServer, 80, kTcpSyn, 5, 0, 11.9);
  hear_tcp(kClient, 40001, kServer, 80, kTcpSyn, 6);
  hear_tcp(kServer, 80, kClient, 40001, kTcpSyn | kTcpAck, 1, 7);
  EXPECT_THAT(words(), ElementsAre(StartsWith("unanswered_syns: 10.0.0.2:40000 to 10.0.0.1:80, stage syn, "
                                              "accept_queue_full (seen)"),
                                   StartsWith("unanswered_syns: 10.0.0.2:40000")));
  EXPECT_EQ(table("unanswered_syns").rows, 1U);
  EXPECT_EQ(table("unanswered_syns").shown, 1U);
  EXPECT_EQ(table("unanswered_syns").packets, 2U);
}

TEST_F(FindEvidence, LeavesOutAnAnsweredAttemptOfTheSamePorts) {
  unanswered(40000);
  hear_tcp(kClient, 40000, kServer, 80, kTcpSyn, 5);
  hear_tcp(kServer, 80, kClient, 40000, kTcpSyn | kTcpAck, 1, 6);
  hear_tcp(kClient, 40000, kServer, 80, kTcpSyn, 900);
  EXPECT_EQ(words().size(), 1U);
  EXPECT_EQ(evidence_.packets[0].packet, &record_.packets[2]);
}

TEST_F(FindEvidence, TakesTheAnswersOfAHandshakeThatFailsLater) {
  unanswered(40000).stage = facts::HandshakeStage::ack;
  hear_tcp(kClient, 40000, kServer, 80, kTcpSyn, 5);
  hear_tcp(kServer, 80, kClient, 40000, kTcpSyn | kTcpAck, 1, 6);
  EXPECT_THAT(words(), ElementsAre(HasSubstr("stage ack"), HasSubstr("stage ack")));
}

TEST_F(FindEvidence, LooksWithinTheWindowAndTheNamespace) {
  unanswered(40000);
  hear_tcp(kClient, 40000, kServer, 80, kTcpSyn, 5, 0, 9.9);
  hear_tcp(kClient, 40000, kServer, 80, kTcpSyn, 5, 0, 12.1);
  hear(made::ip(kClient, kServer, 6, made::tcp(40000, 80, kTcpSyn, 5)), 11, 1);
  EXPECT_TRUE(words().empty());
  EXPECT_EQ(table("unanswered_syns").shown, 0U);
}

TEST_F(FindEvidence, NamesTheFindingThatARowStandsBehind) {
  unanswered(40000);
  hear_tcp(kClient, 40000, kServer, 80, kTcpSyn, 5);
  const auto add = [&](std::string id, std::string local, checks::Status status) {
    checks::Finding& finding = findings_.emplace_back();
    finding.id = std::move(id);
    finding.status = status;
    finding.subject = {{"netns", std::string("init")}, {"local", std::move(local)}};
  };
  add("listen.accept_queue_overflow", "0.0.0.0:80", checks::Status::confirmed);
  add("listen.not_accepting", "10.0.0.1:81", checks::Status::confirmed);
  add("listen.syn_flood", "10.0.0.1:80", checks::Status::refuted);
  EXPECT_THAT(words(), ElementsAre(testing::EndsWith("; of listen.accept_queue_overflow")));
}

TEST_F(FindEvidence, TakesAResetWithTheSynThatItAnswers) {
  facts::Reset& row = facts_.rows<facts::Reset>().emplace_back();
  row.netns = facts_.intern("init");
  row.direction = facts::Direction::out;
  row.by = facts::ResetBy::stack;
  row.reason = facts_.intern("NO_SOCKET");
  row.local = kServer;
  row.local_port = 81;
  row.peer = kClient;
  row.peer_port = 40000;
  row.answers_syn = true;
  hear_tcp(kClient, 40000, kServer, 81, kTcpSyn, 5);
  hear_tcp(kServer, 81, kClient, 40000, kTcpRst | kTcpAck, 0, 6);
  hear_tcp(kServer, 82, kClient, 40000, kTcpRst | kTcpAck, 0, 6);
  EXPECT_THAT(words(),
              ElementsAre(StartsWith("resets: the SYN that is answered by a RST, 10.0.0.1:81 to 10.0.0.2:40000"),
                          StartsWith("resets: RST, 10.0.0.1:81 to 10.0.0.2:40000, by stack NO_SOCKET")));
  EXPECT_EQ(table("resets").shown, 1U);
}

TEST_F(FindEvidence, TakesErrorsByWhatTheyAreAbout) {
  facts::IcmpErrorCount& row = facts_.rows<facts::IcmpErrorCount>().emplace_back();
  row.netns = facts_.intern("init");
  row.direction = facts::Direction::in;
  row.error = facts::IcmpError::unreachable;
  row.type = 3;
  row.code = 13;
  row.sender = kRouter;
  row.target = kClient;
  row.protocol = facts_.intern("udp");
  row.target_port = 53;
  for (const std::uint16_t port : {53, 54}) {
    const auto quoted = made::ip(kServer, kClient, 17, made::udp(5000, port));
    hear(made::ip(kRouter, kServer, 1, made::icmp(3, 13, 0, quoted)));
  }
  EXPECT_THAT(words(), ElementsAre("icmp_errors: unreachable from 10.0.0.9 about udp to 10.0.0.2:53"));
}

TEST_F(FindEvidence, TakesWhatProbesExchange) {
  facts::ProbeResult& row = facts_.rows<facts::ProbeResult>().emplace_back();
  row.id = 3;
  row.kind = facts_.intern("connect");
  row.target = "10.0.0.2:443";
  row.asked_by = "--target";
  record_.flows.add("init", {6, kClient, 50000, 443}, 3);
  const auto syn = made::ip(kServer, kClient, 6, made::tcp(50000, 443, kTcpSyn, 5));
  hear(syn, 13, 0, true);
  hear(made::ip(kServer, kClient, 6, made::tcp(50001, 443, kTcpSyn, 5)), 13, 0, true);
  hear(syn, 9, 0, false);
  EXPECT_THAT(words(), ElementsAre("probe_results: 3, connect 10.0.0.2:443, asked by --target"));
  EXPECT_EQ(table("probe_results").shown, 1U);
}

}  // namespace
}  // namespace hostcheck::conclude

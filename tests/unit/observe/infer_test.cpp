#include "core/observe/infer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace hostcheck::observe {
namespace {

using facts::Certainty;
using facts::HandshakeStage;
using facts::SynReason;
using ::testing::HasSubstr;

kernel::NetnsInfo blue() {
  kernel::NetnsInfo info;
  info.name = "blue";
  return info;
}

WatchedListener busy() {
  WatchedListener listener;
  listener.counts_drops = true;
  listener.drops_first = 100;
  listener.drops_last = 140;
  listener.accept_limit = 128;
  listener.queue_max = 20;
  listener.half_open_max = 3;
  listener.samples = 40;
  return listener;
}

SynStory dropped(std::string_view reason, std::string_view place = "tcp_v4_rcv", bool tracked = false) {
  SynStory story;
  story.dropped = 1;
  story.drop_reason = reason;
  story.drop_place = place;
  story.drop_has_conntrack = tracked;
  return story;
}

SynStory at(const WatchedListener& listener) {
  SynStory story;
  story.listener = &listener;
  return story;
}

TEST(InferReason, TakesTheKernelsWordForThePacket) {
  const Surroundings around(blue());
  const std::pair<const char*, SynReason> known[] = {{"IP_RPFILTER", SynReason::reverse_path_filter},
                                                     {"TCP_RFC7323_TW_PAWS", SynReason::paws},
                                                     {"TCP_LISTEN_OVERFLOW", SynReason::accept_queue_full},
                                                     {"NO_SOCKET", SynReason::no_listener},
                                                     {"TCP_MD5NOTFOUND", SynReason::tcp_md5},
                                                     {"SOCKET_FILTER", SynReason::socket_filter},
                                                     {"PROTO_MEM", SynReason::memory},
                                                     {"TCP_CSUM", SynReason::other_drop},
                                                     {"", SynReason::other_drop}};
  for (const auto& [word, reason] : known) {
    const SynVerdict verdict = infer_reason(dropped(word), around);
    EXPECT_EQ(verdict.reason, reason) << word;
    EXPECT_EQ(verdict.certainty, Certainty::seen) << word;
    EXPECT_THAT(verdict.witnesses, HasSubstr("tcp_v4_rcv"));
  }
}

TEST(InferReason, ADropOfTheVeryPacketBeatsAFullQueue) {
  WatchedListener listener = busy();
  listener.samples_full = 40;
  SynStory story = dropped("NETFILTER_DROP", "nft_do_chain");
  story.listener = &listener;
  EXPECT_EQ(infer_reason(story, Surroundings(blue())).reason, SynReason::firewall);
}

TEST(InferReason, TellsAFullConntrackTableFromARule) {
  Surroundings around(blue());
  around.conntrack_max = 1000;
  around.conntrack_count = 1000;
  EXPECT_EQ(infer_reason(dropped("NETFILTER_DROP", "nf_hook_slow"), around).reason, SynReason::conntrack_full);
  EXPECT_EQ(infer_reason(dropped("NETFILTER_DROP", "nf_hook_slow", true), around).reason, SynReason::firewall);
  EXPECT_EQ(infer_reason(dropped("NETFILTER_DROP", "nft_do_chain"), around).reason, SynReason::firewall);
  around.conntrack_count = 979;
  EXPECT_EQ(infer_reason(dropped("NETFILTER_DROP", "nf_hook_slow"), around).reason, SynReason::firewall);
  around.conntrack_count = 980;
  EXPECT_EQ(infer_reason(dropped("NETFILTER_DROP", "nf_hook_slow"), around).reason, SynReason::conntrack_full);
  around.conntrack_count.reset();
  EXPECT_EQ(infer_reason(dropped("NETFILTER_DROP", "nf_hook_slow"), around).reason, SynReason::firewall);
}

TEST(InferReason, KnowsNetfilterByPlaceWhereTheKernelTellsNoReason) {
  const Surroundings around(blue());
  EXPECT_EQ(infer_reason(dropped("", "nf_hook_slow"), around).reason, SynReason::firewall);
  EXPECT_EQ(infer_reason(dropped("", "nft_do_chain"), around).reason, SynReason::firewall);
}

TEST(InferReason, SaysThatItDoesNotKnow) {
  const Surroundings around(blue());
  SynVerdict verdict = infer_reason(SynStory{}, around);
  EXPECT_EQ(verdict.reason, SynReason::unknown);
  EXPECT_EQ(verdict.certainty, Certainty::unknown);
  EXPECT_THAT(verdict.witnesses, HasSubstr("nobody listens"));
  WatchedListener listener = busy();
  listener.drops_last = listener.drops_first;
  listener.samples_full = 40;  // full, and yet this listener refused nothing: something else took the SYN
  verdict = infer_reason(at(listener), around);
  EXPECT_EQ(verdict.reason, SynReason::unknown);
  EXPECT_EQ(verdict.certainty, Certainty::unknown);
}

TEST(InferReason, AFullAcceptQueueIsInferredFromSamples) {
  WatchedListener listener = busy();
  listener.samples_full = 1;
  listener.queue_max = 129;
  const SynVerdict verdict = infer_reason(at(listener), Surroundings(blue()));
  EXPECT_EQ(verdict.reason, SynReason::accept_queue_full);
  EXPECT_EQ(verdict.certainty, Certainty::inferred);
  EXPECT_THAT(verdict.witnesses, HasSubstr("rose by 40; accept queue 129 of 128, half-open 3"));
}

TEST(InferReason, ShortOverflowsAreToldByTheCounter) {
  const WatchedListener listener = busy();
  Surroundings around(blue());
  around.listen_overflows.first = 7;
  around.listen_overflows.last = 9;
  const SynVerdict verdict = infer_reason(at(listener), around);
  EXPECT_EQ(verdict.reason, SynReason::accept_queue_full);
  EXPECT_THAT(verdict.witnesses, HasSubstr("ListenOverflows rose by 2"));
  around.listen_overflows.last = 7;
  EXPECT_EQ(infer_reason(at(listener), around).reason, SynReason::listener_refused);
}

TEST(InferReason, AFullHalfOpenQueueNeedsCookiesOff) {
  WatchedListener listener = busy();
  listener.half_open_max = 129;
  Surroundings around(blue());
  around.max_syn_backlog = 4096;
  around.syncookies = 1;
  EXPECT_EQ(infer_reason(at(listener), around).reason, SynReason::listener_refused);
  around.syncookies = 0;
  EXPECT_EQ(infer_reason(at(listener), around).reason, SynReason::syn_queue_full);
  listener.half_open_max = 128;  // where older kernels stop
  EXPECT_EQ(infer_reason(at(listener), around).reason, SynReason::syn_queue_full);
  listener.half_open_max = 127;
  EXPECT_EQ(infer_reason(at(listener), around).reason, SynReason::listener_refused);
  around.max_syn_backlog = 16;  // the last quarter is kept for proven peers
  listener.half_open_max = 12;
  EXPECT_EQ(infer_reason(at(listener), around).reason, SynReason::syn_queue_full);
  listener.half_open_max = 11;
  EXPECT_EQ(infer_reason(at(listener), around).reason, SynReason::listener_refused);
}

TEST(InferReason, ALastAckIsAFullQueueByTheKernelsWordOrByTheListener) {
  const Surroundings around(blue());
  SynStory story = dropped("TCP_LISTEN_OVERFLOW");
  story.stage = HandshakeStage::ack;
  SynVerdict verdict = infer_reason(story, around);
  EXPECT_EQ(verdict.reason, SynReason::accept_queue_full);
  EXPECT_EQ(verdict.certainty, Certainty::seen);
  EXPECT_THAT(verdict.witnesses, HasSubstr("its last ACK"));
  story.drop_reason = "NOT_SPECIFIED";
  // So is the bare ACK under TCP_DEFER_ACCEPT.
  EXPECT_EQ(infer_reason(story, around).certainty, Certainty::unknown);
  WatchedListener listener = busy();
  listener.samples_full = 1;
  story.listener = &listener;
  verdict = infer_reason(story, around);
  EXPECT_EQ(verdict.reason, SynReason::accept_queue_full);
  EXPECT_EQ(verdict.certainty, Certainty::inferred);
}

TEST(InferReason, AHalfOpenQueueIsNoReasonForALastAck) {
  WatchedListener listener = busy();
  listener.half_open_max = 129;
  Surroundings around(blue());
  around.syncookies = 0;
  around.max_syn_backlog = 16;
  SynStory story = dropped("NOT_SPECIFIED");
  story.stage = HandshakeStage::ack;
  story.listener = &listener;
  EXPECT_EQ(infer_reason(story, around).certainty, Certainty::unknown);
}

TEST(InferReason, AnAnswerThatWasLost) {
  SynStory story;
  story.stage = HandshakeStage::synack;
  story.synacks = 3;
  SynVerdict verdict = infer_reason(story, Surroundings(blue()));
  EXPECT_EQ(verdict.reason, SynReason::answer_lost);
  EXPECT_EQ(verdict.certainty, Certainty::inferred);
  EXPECT_THAT(verdict.witnesses, HasSubstr("3 SYN-ACKs left"));
  story = dropped("NEIGH_FAILED", "ip_finish_output2");
  story.stage = HandshakeStage::synack;
  verdict = infer_reason(story, Surroundings(blue()));
  EXPECT_EQ(verdict.reason, SynReason::answer_lost);
  EXPECT_EQ(verdict.certainty, Certainty::seen);
  story.drop_reason = "NETFILTER_DROP";
  EXPECT_EQ(infer_reason(story, Surroundings(blue())).reason, SynReason::firewall);
}

TEST(InferReason, WithoutAWordTheWitnessesAroundDecide) {
  Surroundings around(blue());
  SynStory story = dropped("NOT_SPECIFIED");
  EXPECT_EQ(infer_reason(story, around).reason, SynReason::other_drop);
  around.paws.first = 3;
  around.paws.last = 5;
  EXPECT_EQ(infer_reason(story, around).reason, SynReason::other_drop) << "a SYN without a timestamp";
  story.timestamp_option = true;
  EXPECT_EQ(infer_reason(story, around).reason, SynReason::paws);
  EXPECT_EQ(infer_reason(story, around).certainty, Certainty::inferred);
  around.paws.last = 3;
  WatchedListener listener = busy();
  listener.samples_full = 1;
  story.drop_reason = "";  // a kernel without reasons, on which a refused SYN is a drop event too
  story.listener = &listener;
  EXPECT_EQ(infer_reason(story, around).reason, SynReason::accept_queue_full);
}

SynStory refused(std::uint32_t accept_queue, std::uint32_t half_open) {
  SynStory story;
  story.refusal = Refusal{accept_queue, 128, half_open};
  return story;
}

TEST(InferReason, TellsWhichConditionOfTheListenerBound) {
  Surroundings around(blue());
  around.syncookies = 1;
  around.max_syn_backlog = 1024;
  const SynVerdict verdict = infer_reason(refused(129, 0), around);
  EXPECT_EQ(verdict.reason, SynReason::accept_queue_full);
  EXPECT_EQ(verdict.certainty, Certainty::seen);
  EXPECT_THAT(verdict.witnesses, HasSubstr("its SYN: accept queue 129 of 128, half-open 0"));
  // Cookies answer what the half-open queue cannot hold: it is never what binds.
  EXPECT_EQ(infer_reason(refused(129, 500), around).reason, SynReason::accept_queue_full);
  EXPECT_EQ(infer_reason(refused(128, 500), around).reason, SynReason::listener_refused);

  around.syncookies = 0;
  EXPECT_EQ(infer_reason(refused(0, 129), around).reason, SynReason::syn_queue_full);
  EXPECT_EQ(infer_reason(refused(129, 129), around).reason, SynReason::syn_queue_full);
  EXPECT_EQ(infer_reason(refused(0, 128), around).reason, SynReason::syn_queue_full);
  EXPECT_EQ(infer_reason(refused(129, 128), around).reason, SynReason::accept_queue_full);
  EXPECT_EQ(infer_reason(refused(0, 127), around).reason, SynReason::listener_refused);
}

TEST(InferReason, BlamesNoQueueForASynThatTheListenerDidNotRefuse) {
  WatchedListener listener = busy();
  listener.samples_full = 40;
  SynStory story = at(listener);
  story.refusals_traced = true;
  const SynVerdict verdict = infer_reason(story, Surroundings(blue()));
  EXPECT_EQ(verdict.reason, SynReason::unknown);
  EXPECT_EQ(verdict.certainty, Certainty::unknown);
  EXPECT_THAT(verdict.witnesses, HasSubstr("did not refuse it"));
}

TEST(InferReason, KnowsTheLastQuarterThatIsKept) {
  Surroundings around(blue());
  around.syncookies = 0;
  around.max_syn_backlog = 32;
  EXPECT_EQ(infer_reason(refused(0, 24), around).reason, SynReason::listener_refused);
  const SynVerdict verdict = infer_reason(refused(0, 25), around);
  EXPECT_EQ(verdict.reason, SynReason::syn_queue_full);
  EXPECT_EQ(verdict.certainty, Certainty::seen);
  EXPECT_THAT(verdict.witnesses, HasSubstr("tcp_max_syn_backlog 32"));
}

TEST(InferReason, ARefusalThatWasTracedBeatsADropWithoutAWordAndNoOther) {
  Surroundings around(blue());
  around.syncookies = 0;
  SynStory story = dropped("NOT_SPECIFIED");
  story.stage = HandshakeStage::ack;
  story.refusal = Refusal{129, 128, 200};
  const SynVerdict verdict = infer_reason(story, around);
  EXPECT_EQ(verdict.reason, SynReason::accept_queue_full) << "the half-open queue is no reason for a last ACK";
  EXPECT_EQ(verdict.certainty, Certainty::seen);
  EXPECT_THAT(verdict.witnesses, HasSubstr("its last ACK"));
  story.drop_reason = "IP_RPFILTER";
  EXPECT_EQ(infer_reason(story, around).reason, SynReason::reverse_path_filter);
}

}  // namespace
}  // namespace hostcheck::observe

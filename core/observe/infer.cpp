#include "core/observe/infer.h"

#include <array>

#include <fmt/format.h>

namespace hostcheck::observe {
namespace {

using facts::Certainty;
using facts::SynReason;

// The kernel's words that mean one of our reasons whatever the place. Names, never numbers: those shift between
// kernels.
struct Word {
  std::string_view name;
  SynReason reason;
};
constexpr std::array kWords = {
    Word{"IP_RPFILTER", SynReason::reverse_path_filter}, Word{"TCP_RFC7323_TW_PAWS", SynReason::paws},
    Word{"TCP_RFC7323_PAWS", SynReason::paws},           Word{"TCP_LISTEN_OVERFLOW", SynReason::accept_queue_full},
    Word{"NO_SOCKET", SynReason::no_listener},           Word{"TCP_MD5NOTFOUND", SynReason::tcp_md5},
    Word{"TCP_MD5UNEXPECTED", SynReason::tcp_md5},       Word{"TCP_MD5FAILURE", SynReason::tcp_md5},
    Word{"SOCKET_FILTER", SynReason::socket_filter},     Word{"PROTO_MEM", SynReason::memory},
    Word{"SOCKET_RCVBUFF", SynReason::memory},           Word{"NOMEM", SynReason::memory},
};

std::string_view packet_of(facts::HandshakeStage stage) {
  switch (stage) {
    case facts::HandshakeStage::syn:
      return "its SYN";
    case facts::HandshakeStage::synack:
      return "the SYN-ACK";
    case facts::HandshakeStage::ack:
      return "its last ACK";
  }
  return "";
}

bool by_netfilter(const SynStory& story) {
  return story.drop_reason == "NETFILTER_DROP" ||
         (story.drop_reason.empty() &&
          (story.drop_place.starts_with("nf_hook_slow") || story.drop_place.starts_with("nft_do_chain")));
}

// TCP itself dropped it without saying why: what a listener refuses looks so on kernels that tell no reasons, and a
// last ACK on those before 6.15.
bool dropped_without_a_word(const SynStory& story) {
  return (story.drop_reason.empty() || story.drop_reason == "NOT_SPECIFIED") && story.drop_place.starts_with("tcp_");
}

SynVerdict of_dropped(const SynStory& story, const Surroundings& around) {
  SynVerdict verdict;
  verdict.certainty = Certainty::seen;
  verdict.reason = story.stage == facts::HandshakeStage::synack ? SynReason::answer_lost : SynReason::other_drop;
  verdict.witnesses = fmt::format("the kernel dropped {}: {}{}{}", packet_of(story.stage),
                                  story.drop_reason.empty() ? "no reason told" : story.drop_reason,
                                  story.drop_place.empty() ? "" : " at ", story.drop_place);
  for (const Word& word : kWords) {
    if (word.name == story.drop_reason) verdict.reason = word.reason;
  }
  if (by_netfilter(story)) {
    // A rule drops a packet that conntrack has seen; conntrack itself drops one that it could not take in.
    const bool full = around.conntrack_count && around.conntrack_max && *around.conntrack_max > 0 &&
                      *around.conntrack_count * 100 >= *around.conntrack_max * 98;
    if (!story.drop_has_conntrack && !story.drop_place.starts_with("nft_do_chain") && full) {
      verdict.reason = SynReason::conntrack_full;
      verdict.witnesses += fmt::format("; conntrack {} of {} entries", *around.conntrack_count, *around.conntrack_max);
    } else {
      verdict.reason = SynReason::firewall;
    }
  }
  return verdict;
}

// The conditions of tcp_conn_request() in its order, on the numbers that it had; of a last ACK those of
// tcp_v4_syn_recv_sock(). The half-open queue is full at its limit in some kernels and above it in others.
SynVerdict of_refused(const SynStory& story, const Surroundings& around) {
  const Refusal& refusal = *story.refusal;
  const bool syn = story.stage == facts::HandshakeStage::syn;
  SynVerdict verdict;
  verdict.certainty = Certainty::seen;
  verdict.witnesses =
      fmt::format("the listener refused {}: accept queue {} of {}, half-open {}", packet_of(story.stage),
                  refusal.accept_queue, refusal.accept_limit, refusal.half_open);
  const bool cookies = !syn || around.syncookies.value_or(1) != 0;
  const std::int64_t left = around.max_syn_backlog.value_or(0) - static_cast<std::int64_t>(refusal.half_open);
  if (refusal.accept_queue > refusal.accept_limit && (cookies || refusal.half_open <= refusal.accept_limit)) {
    verdict.reason = SynReason::accept_queue_full;
  } else if (!cookies && refusal.half_open >= refusal.accept_limit) {
    verdict.reason = SynReason::syn_queue_full;
    verdict.witnesses += ", cookies off";
  } else if (!cookies && around.max_syn_backlog && left < *around.max_syn_backlog / 4) {
    verdict.reason = SynReason::syn_queue_full;
    verdict.witnesses +=
        fmt::format(", cookies off, the last quarter of tcp_max_syn_backlog {} is kept", *around.max_syn_backlog);
  } else {
    verdict.reason = SynReason::listener_refused;
    verdict.witnesses += "; no queue was full";
  }
  return verdict;
}

// From the listener's own counts and queues.
SynVerdict of_listener(const SynStory& story, const Surroundings& around) {
  SynVerdict verdict;
  if (story.listener == nullptr) {
    verdict.witnesses = "nobody listens there, and neither an RST nor a drop was seen";
    return verdict;
  }
  if (story.refusals_traced && story.stage == facts::HandshakeStage::syn) {
    verdict.witnesses = "the listener did not refuse it, and no drop event named it";
    return verdict;
  }
  const WatchedListener& listener = *story.listener;
  if (listener.drops() == 0) {
    verdict.witnesses = "the listener counted no drop, and no drop event named the packet";
    return verdict;
  }
  verdict.certainty = Certainty::inferred;
  verdict.witnesses = fmt::format("the listener's own drop count rose by {}; accept queue {} of {}, half-open {}",
                                  listener.drops(), listener.queue_max, listener.accept_limit, listener.half_open_max);
  // The last quarter of tcp_max_syn_backlog is kept for proven peers when cookies are off (tcp_conn_request()).
  const bool cookies = around.syncookies.value_or(1) != 0;
  const std::int64_t reserved_from = around.max_syn_backlog ? *around.max_syn_backlog - *around.max_syn_backlog / 4 : 0;
  const bool half_open_full =
      !cookies && (listener.half_open_max >= listener.accept_limit ||  // older kernels stop at the limit
                   (reserved_from > 0 && static_cast<std::int64_t>(listener.half_open_max) >= reserved_from));
  if (listener.samples_full > 0) {
    verdict.reason = SynReason::accept_queue_full;
  } else if (half_open_full && story.stage == facts::HandshakeStage::syn) {
    verdict.reason = SynReason::syn_queue_full;
    verdict.witnesses += fmt::format(", cookies off, tcp_max_syn_backlog {}", around.max_syn_backlog.value_or(0));
  } else if (around.listen_overflows.by() > 0) {
    // Full only between two samples: the counter says that it happened in this namespace.
    verdict.reason = SynReason::accept_queue_full;
    verdict.witnesses += fmt::format("; ListenOverflows rose by {}", around.listen_overflows.by());
  } else {
    verdict.reason = SynReason::listener_refused;
  }
  return verdict;
}

}  // namespace

SynVerdict infer_reason(const SynStory& story, const Surroundings& around) {
  if (story.refusal && (story.dropped == 0 || dropped_without_a_word(story))) return of_refused(story, around);
  if (story.dropped > 0 && dropped_without_a_word(story)) {
    if (story.timestamp_option && around.paws.by() > 0) {
      return {SynReason::paws, Certainty::inferred,
              fmt::format("TCP dropped {} without a word, and rejected {} segments for their timestamps meanwhile",
                          packet_of(story.stage), around.paws.by())};
    }
    SynVerdict verdict = of_listener(story, around);
    if (story.stage == facts::HandshakeStage::ack) {
      // The bare ACK under TCP_DEFER_ACCEPT is dropped and counted in the same way: only a queue that was full tells.
      return verdict.reason == SynReason::accept_queue_full ? verdict : SynVerdict{};
    }
    if (verdict.certainty != Certainty::unknown) return verdict;
  }
  if (story.dropped > 0) return of_dropped(story, around);
  if (story.stage == facts::HandshakeStage::synack) {
    return {SynReason::answer_lost, Certainty::inferred,
            fmt::format("{} SYN-ACKs left and no ACK came: lost on the way, or a client that does not exist",
                        story.synacks)};
  }
  return of_listener(story, around);
}

}  // namespace hostcheck::observe

// Why a SYN got no answer: from the kernel's own word about that packet where there is one, else from the witnesses
// around it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/facts/observation.h"
#include "core/observe/surroundings.h"

namespace hostcheck::observe {

// What the listener was like when it refused a packet, as tracing its functions tells.
struct Refusal {
  std::uint32_t accept_queue = 0;  // sk_ack_backlog
  std::uint32_t accept_limit = 0;  // sk_max_ack_backlog
  std::uint32_t half_open = 0;     // icsk_accept_queue.qlen
};

// What is known of one attempt.
struct SynStory {
  facts::HandshakeStage stage = facts::HandshakeStage::syn;  // where it came to nothing
  const WatchedListener* listener = nullptr;  // the one that takes SYNs to that port; nullptr where nobody listens
  bool timestamp_option = false;              // of its SYN
  std::uint32_t synacks = 0;                  // SYN-ACKs that left, repetitions among them
  std::uint32_t dropped = 0;                  // drop events that named its own packets of that stage
  bool drop_has_conntrack = false;            // the dropped packet had a conntrack entry
  std::string_view drop_reason;               // the kernel's word without SKB_DROP_REASON_; "" where it tells none
  std::string_view drop_place;                // kernel function; "" where it is not known
  bool refusals_traced = false;               // every refusal of a listener would have been seen
  std::optional<Refusal> refusal;             // of its last SYN or its last ACK, by stage
};

struct SynVerdict {
  facts::SynReason reason = facts::SynReason::unknown;
  facts::Certainty certainty = facts::Certainty::unknown;
  std::string witnesses;  // in words, with the numbers
};

[[nodiscard]] SynVerdict infer_reason(const SynStory& story, const Surroundings& around);

}  // namespace hostcheck::observe

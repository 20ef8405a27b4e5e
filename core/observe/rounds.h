// A trace that is read again and again while its programs run: from the counts since they were attached to the counts
// of each round, and which rows of the maps are done with. No I/O.
#pragma once

#include <cstdint>
#include <cstring>
#include <map>
#include <vector>

#include "core/observe/trace.h"
#include "ebpf/observe.h"

namespace hostcheck::observe {

// Keys of rows that the maps need not hold any longer.
struct Outdated {
  std::vector<observe_flow_key> flows;
  std::vector<observe_service_key> services;
  std::vector<observe_drop_key> drops;
  std::vector<observe_reset_key> resets;
  std::vector<observe_retransmit_key> retransmits;
  std::vector<observe_source_key> sources;
  std::vector<observe_icmp_key> icmp_errors;
};

enum class Attempt {
  undecided,  // may still be answered: it is for the next round to tell
  fine,       // nothing to tell of it
  told,       // came to nothing, or was in trouble on the way: it is told once
};
// now_ns: CLOCK_MONOTONIC.
[[nodiscard]] Attempt attempt_of(const observe_flow& flow, std::uint64_t now_ns);

// Those of the attempts that nothing is to be told of, where the map of them is more than half full: they would crowd
// out others before the round is over. Empty where there is room.
[[nodiscard]] std::vector<observe_flow_key> crowding_out(const MapRows<observe_flow_key, observe_flow>& flows,
                                                         std::uint64_t now_ns);

class Rounds {
 public:
  // whole: everything that the maps hold now; started_ns and ended_ns say for which time. What comes back is what
  // happened since the former call: rows that did not move are left out, counts are differences, and each attempt that
  // came to nothing is there in exactly one round. Rows to remove are added to outdated.
  [[nodiscard]] TraceRecord next(TraceRecord whole, Outdated& outdated);

 private:
  // Keys have no padding that is not zero: the programs clear them.
  template <typename Key>
  struct Bytewise {
    bool operator()(const Key& a, const Key& b) const { return std::memcmp(&a, &b, sizeof(Key)) < 0; }
  };
  template <typename Key, typename Row>
  using Former = std::map<Key, Row, Bytewise<Key>>;

  template <typename Key, typename Row, typename Keep>
  static void differ(MapRows<Key, Row>& rows, Former<Key, Row>& former, std::vector<Key>& outdated, const Keep& keep);

  Former<observe_service_key, observe_service> services_;
  Former<observe_drop_key, observe_drop> drops_;
  Former<observe_reset_key, observe_reset> resets_;
  Former<observe_retransmit_key, std::uint64_t> retransmits_;
  Former<observe_source_key, observe_source> sources_;
  Former<observe_icmp_key, observe_icmp> icmp_errors_;
  observe_lost lost_{};
  std::uint64_t ended_ns_ = 0;
};

}  // namespace hostcheck::observe

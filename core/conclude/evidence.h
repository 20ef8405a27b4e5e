// Of the packets that were heard in a run, those that its tables and probes are about, each with the row that it
// belongs to.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/checks/finding.h"
#include "core/facts/facts.h"
#include "core/observe/capture.h"
#include "core/observe/observation.h"

namespace hostcheck::conclude {

struct EvidencePacket {
  const observe::CapturedPacket* packet = nullptr;  // of the record
  std::string
      words;  // "unanswered_syns: 10.0.0.2:40000 to 10.0.0.1:80, accept_queue_full; of listen.accept_queue_overflow"
};

// How much of one table the packets show.
struct EvidenceTable {
  std::string_view table;  // "unanswered_syns", "resets", "icmp_errors", "probe_results"
  std::size_t rows = 0;
  std::size_t shown = 0;    // rows with at least one packet
  std::size_t packets = 0;  // also those that an interface showed again
};

struct Evidence {
  std::vector<EvidencePacket> packets;  // in the order of their times
  std::vector<EvidenceTable> tables;
};

// window: of the observation; only packets within it are looked for in its tables. The record has to outlive the
// result.
[[nodiscard]] Evidence find_evidence(const observe::CaptureRecord& record, const observe::Observation::Window& window,
                                     const facts::Facts& facts, std::span<const checks::Finding> findings);

}  // namespace hostcheck::conclude

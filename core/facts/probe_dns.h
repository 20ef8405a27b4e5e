// What probes of the kinds dns and connect were told by name servers.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/base/address.h"
#include "core/base/text_pool.h"
#include "core/facts/table.h"

namespace hostcheck::facts {

// One address that one server gave, or one question that brought none.
struct ProbeDns {
  std::uint32_t probe = 0;  // ProbeResult::id
  Symbol netns;
  std::uint32_t sample = 1;  // counts how often the name was asked for
  IpAddress server;
  std::string name;  // as it was asked, with its search domain
  Symbol type;       // "A", "AAAA"
  Symbol transport;  // "udp", "tcp"
  // "addresses", "no_addresses", "no_such_name", "failed" (another rcode), "timed_out", "unreachable", "malformed",
  // "not_sent"
  Symbol outcome;
  Symbol rcode;       // "NOERROR", "NXDOMAIN", "SERVFAIL", ...; "" without an answer
  IpAddress address;  // empty where there is none
  std::optional<std::uint32_t> ttl_s;
  std::optional<double> time_ms;  // until the answer
  std::uint32_t asked_ms = 0;     // when it was asked, since the probe's first question
  std::uint32_t queries = 0;      // sent for it
  std::string words;              // what was wrong, and who said so
  static const TableInfo& table();
};

}  // namespace hostcheck::facts

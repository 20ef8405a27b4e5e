// What probes of the kind connect found: whether each address of a target takes a TCP connection.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/base/address.h"
#include "core/base/text_pool.h"
#include "core/facts/table.h"

namespace hostcheck::facts {

struct ProbeConnect {
  std::uint32_t probe = 0;  // ProbeResult::id
  Symbol netns;
  std::string name;  // "" where the target is an address
  IpAddress address;
  std::uint16_t port = 0;
  std::string source;                  // who said that the name has this address: servers, "hosts file"
  std::optional<std::uint32_t> ttl_s;  // the smallest that a server said
  // "open", "refused", "timed_out", "unreachable", "reset", "no_route", "no_source", "not_tried", "failed"
  Symbol outcome;
  std::string by;  // who refused: "RST from the address", "ICMP port unreachable from 10.0.0.1"
  std::uint32_t syns = 0;
  std::optional<double> time_ms;  // until the answer
  IpAddress local_address;
  std::uint16_t local_port = 0;  // of the last try
  bool own_address = false;      // of this namespace
  IpAddress next_hop;            // of "unreachable": whom the link has to find; empty where that is not why
  std::string next_hop_state;    // of its neighbour entry: "failed", "incomplete"
  std::string words;
  static const TableInfo& table();
};

}  // namespace hostcheck::facts

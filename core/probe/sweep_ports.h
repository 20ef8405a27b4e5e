// Which source ports a sweep uses.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <random>
#include <string_view>
#include <vector>

#include "core/probe/context.h"

namespace hostcheck::probe {

struct PortRange {
  std::uint16_t first = 32768;
  std::uint16_t last = 60999;
};
// net.ipv4.ip_local_port_range of the probe's namespace; the kernel's default where it cannot be read.
[[nodiscard]] PortRange local_port_range(const Context& context);
// "8080,9000-9010": ports of net.ipv4.ip_local_reserved_ports.
[[nodiscard]] std::vector<PortRange> parse_port_ranges(std::string_view text);
[[nodiscard]] std::vector<PortRange> reserved_ports(const Context& context);

// Candidates in the order to try them, for each of `count` ports a few: one of each is to be taken. Spread evenly over
// the range, so that a filter's range of ports shows; odd and even in turn, since some hashes look at that.
[[nodiscard]] std::vector<std::vector<std::uint16_t>> spread_ports(std::size_t count, PortRange range,
                                                                   const std::vector<PortRange>& reserved,
                                                                   std::mt19937_64& random);

// The candidates of a sweep in the probe's namespace; first: those that follow each other from there instead.
[[nodiscard]] std::vector<std::vector<std::uint16_t>> candidate_ports(const Context& context, std::size_t count,
                                                                      std::optional<std::uint16_t> first,
                                                                      std::mt19937_64& random);

}  // namespace hostcheck::probe

// Names of rtnetlink's numbers, as ip(8) and tc(8) write them.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "core/base/address.h"
#include "core/facts/cell.h"

namespace hostcheck::facts {

// "" for a number without a name.
[[nodiscard]] std::string_view route_type_name(std::uint8_t type);          // RTN_*: "unicast", "blackhole", ...
[[nodiscard]] std::string_view route_protocol_name(std::uint8_t protocol);  // RTPROT_*: "kernel", "static", "bird", ...
[[nodiscard]] std::string_view route_scope_name(std::uint8_t scope);        // RT_SCOPE_*: "global", "link", "host", ...
[[nodiscard]] std::string_view route_table_name(std::uint32_t table);       // "main", "local", "default"

// The numbers of such names; nullopt where neither a name nor a number in decimal.
[[nodiscard]] std::optional<std::uint8_t> route_type_number(std::string_view name);
[[nodiscard]] std::optional<std::uint8_t> route_protocol_number(std::string_view name);

// The name, or the number in decimal where there is none.
[[nodiscard]] Cell named_or_number(std::string_view name, std::uint64_t number, std::string& scratch);

// "10.0.0.0/8"; NULL for the empty address. A host prefix keeps its length.
[[nodiscard]] Cell prefix_cell(const IpAddress& address, unsigned length, std::string& scratch);

struct FlagName {
  std::uint32_t bit;
  std::string_view name;
};
// The names of the bits that are set, in the order of the list, joined by commas; NULL where none is.
[[nodiscard]] Cell flags_cell(std::uint32_t flags, std::span<const FlagName> names, std::string& scratch);

}  // namespace hostcheck::facts

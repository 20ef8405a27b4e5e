// What two hosts are compared by: for each table of facts which columns tell its rows apart, which differ for a reason
// that matters, and which are noise (counters, ids, times, own addresses).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hostcheck::conclude {

// How much a difference explains by itself.
enum class Weight : std::uint8_t {
  weak,    // hosts that work alike differ in it every day
  medium,  // may change behaviour under load or together with something else
  strong,  // alone decides whether or how packets, connections or work get through
};
// "weak", "medium", "strong"
[[nodiscard]] std::string_view name_of(Weight weight);

// When two values of a column count as different.
enum class Meaning : std::uint8_t {
  setting,  // as soon as they are not equal
  amount,   // a size that hardware or memory decides: further apart than a tenth
  moving,   // an increase during the observation: one is zero and the other is not
  level,    // per cent of a limit: one is at kNearlyFull or above and the other below
};
inline constexpr double kAmountTolerance = 0.1;
inline constexpr double kNearlyFull = 80;  // per cent

// What becomes of a value that is or has in it an address or another name of the host's network.
enum class Names : std::uint8_t {
  none,
  network,   // means nothing once it is anonymised
  next_hop,  // the same, and it differs of itself where the hosts are in different subnets
};

struct ComparedColumn {
  std::string_view column;  // of the table; what the difference is called
  Weight weight = Weight::medium;
  Meaning meaning = Meaning::setting;
  std::string_view select = {};  // SQL that gives the value, where it is not the column itself
  Names names = Names::none;
};

struct ComparedTable {
  std::string_view table;
  std::string_view topic;                   // "sysctl", "firewall", ...: where a person would look
  std::string_view subject;                 // SQL: text that tells rows apart within an interface; "''" for one row
  bool interface = false;                   // its rows are of the interface in the column ifname
  std::vector<std::string_view> keys = {};  // columns that subject and interface are made of
  std::vector<ComparedColumn> compared = {};
  std::vector<std::string_view> noise = {};
  std::string_view where = {};                    // SQL behind FROM table
  std::optional<Weight> presence = std::nullopt;  // of a row that only some hosts have; none: that means nothing
  std::string_view netns = "netns";               // SQL of the row's namespace; "''" for the whole machine
  bool addresses_in_subject = false;              // subjects have addresses in them
};

// Every table whose facts are compared, in the order in which equal differences are told.
[[nodiscard]] std::span<const ComparedTable> compared_tables();

struct LeftOut {
  std::string_view table;
  std::string_view because;
};
// Every other table of the catalogue but those that plugins bring, which are compared as plugin.toml describes them.
[[nodiscard]] std::span<const LeftOut> left_out_tables();

// Of a sysctl by its name, in which an interface is "*" ("net.ipv4.conf.*.rp_filter"); nullopt for noise: what counts,
// what is a state, and what is different on every host by design.
[[nodiscard]] std::optional<Weight> weight_of_sysctl(std::string_view name);
// Whether a sysctl's default follows from the memory of the host, so that it is an amount.
[[nodiscard]] bool follows_memory(std::string_view name);

}  // namespace hostcheck::conclude

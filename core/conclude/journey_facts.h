// What a journey looks up in the facts of the namespace that it starts in; used by journey.cpp only.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/address.h"
#include "core/conclude/cells.h"
#include "core/facts/facts.h"

namespace hostcheck::conclude {

class JourneyFacts {
 public:
  // Keeps references.
  JourneyFacts(const facts::Facts& facts, const std::string& netns) : facts_(facts), netns_(netns) {}

  // Row of links; nullopt where there is no such interface.
  [[nodiscard]] std::optional<std::size_t> link(std::string_view ifname) const;
  [[nodiscard]] std::string link_text(std::size_t row, std::string_view column) const;
  [[nodiscard]] std::int64_t link_number(std::size_t row, std::string_view column, std::int64_t fallback = 0) const;
  [[nodiscard]] std::string ifname_of(std::uint32_t ifindex) const;         // "" where there is none
  [[nodiscard]] std::uint32_t ifindex_of(const std::string& ifname) const;  // 0 where there is none

  // "main", "local", ..., a name of rt_tables; "" where it has none.
  [[nodiscard]] std::string table_name(std::uint32_t table) const;

  // The interface that has this address; "" where none has.
  [[nodiscard]] std::string owner_of(const IpAddress& address) const;
  // An own one, or of the loopback network.
  [[nodiscard]] bool has_address(const IpAddress& address) const;
  // The interface whose own prefix has the target in it, the longest of them.
  struct Connected {
    std::string ifname;  // "" where there is none
    std::string prefix;
  };
  [[nodiscard]] Connected connected(const IpAddress& target) const;

  struct Neighbour {
    std::string state;
    std::string lladdr;  // "" where it is not known
  };
  // The entry for that next hop on that interface; nullopt where there is none yet.
  [[nodiscard]] std::optional<Neighbour> neighbour(const IpAddress& next_hop, std::string_view ifname) const;

  struct RootQdisc {
    std::string kind;
    std::int64_t waiting = 0;  // packets
    std::int64_t dropped = 0;  // packets, since it was made
  };
  [[nodiscard]] std::optional<RootQdisc> root_qdisc(std::string_view ifname) const;

 private:
  [[nodiscard]] std::optional<std::size_t> find_link(std::string_view column, const facts::Value& value) const;
  [[nodiscard]] bool here(const facts::TableData& table, std::size_t row) const {
    return text_at(table, row, "netns") == netns_;
  }

  const facts::Facts& facts_;
  const std::string& netns_;
};

}  // namespace hostcheck::conclude

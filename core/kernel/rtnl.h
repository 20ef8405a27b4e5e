// What the readers of rtnetlink share: the socket, the names of interfaces, the way a dump becomes rows.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/base/address.h"
#include "core/base/result.h"
#include "core/base/text_pool.h"
#include "core/facts/facts.h"
#include "core/facts/row_filter.h"
#include "core/kernel/netlink.h"

namespace hostcheck::kernel {

// Interface numbers of one namespace and their names.
class InterfaceNames {
 public:
  void set(std::uint32_t ifindex, Symbol name) { names_[ifindex] = name; }
  void clear() { names_.clear(); }
  // The empty Symbol for a number that has none (0, or an interface that has just gone).
  [[nodiscard]] Symbol of(std::uint32_t ifindex) const {
    const auto found = names_.find(ifindex);
    return found == names_.end() ? Symbol{} : found->second;
  }
  // nullopt where no interface has the name.
  [[nodiscard]] std::optional<std::uint32_t> index_of(std::string_view name) const {
    for (const auto& [ifindex, known] : names_) {
      if (known.view() == name) return ifindex;
    }
    return std::nullopt;
  }

 private:
  std::unordered_map<std::uint32_t, Symbol> names_;
};

// One namespace's rtnetlink while it is read.
struct RtnlReader {
  NetlinkSocket& socket;
  facts::Facts& out;  // where rows go and texts are interned
  Symbol netns;
  InterfaceNames names;
};

// What became of a message.
enum class Parsed {
  row,        // the row is filled
  passed,     // not of this table: nothing to keep
  malformed,  // the kernel never sends such a thing
};

// The address family of a netlink header; none for others than IPv4 and IPv6.
[[nodiscard]] Family family_of(std::uint8_t address_family);
// AF_INET, AF_INET6, AF_UNSPEC.
[[nodiscard]] std::uint8_t address_family_of(Family family);

// Before a row is appended to a table that may become very long. A long table's room grows in great steps: memory that
// is not written to costs nothing, moving the rows from one room to the next does.
template <typename Row>
void make_room(std::vector<Row>& rows) {
  constexpr std::size_t kLong = 4096;
  constexpr std::size_t kStep = 64;
  if (rows.size() == rows.capacity() && rows.size() >= kLong) rows.reserve(rows.size() * kStep);
}

[[nodiscard]] Error malformed(std::string_view operation);

// Dumps messages of the type answer into rows of a table: parse is called with a fresh row for each message. Nothing is
// kept of a dump that fails.
template <typename Row, typename Parse>
[[nodiscard]] Result<void> dump_rows(RtnlReader& reader, NetlinkRequest& request, std::uint16_t answer,
                                     std::string_view operation, facts::RowFilter& filter, Parse parse) {
  auto& rows = reader.out.rows<Row>();
  const std::size_t before = rows.size();
  const bool filtered = !filter.wants_all();
  auto done = reader.socket.dump(
      request, operation,
      [&](const nlmsghdr& message) -> Result<void> {
        if (message.nlmsg_type != answer) return {};
        rows.emplace_back();
        Row& row = rows.back();
        row.netns = reader.netns;
        const Parsed parsed = parse(message, row);
        if (parsed == Parsed::malformed) return unexpected(malformed(operation));
        if (parsed == Parsed::passed || (filtered && !filter.wants(&row))) rows.pop_back();
        return {};
      },
      [&] { rows.resize(before); });
  if (!done) rows.resize(before);
  return done;
}

}  // namespace hostcheck::kernel

#include "core/kernel/nftables.h"

#include <array>
#include <iterator>
#include <memory>

#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <sys/socket.h>

#include "core/kernel/nfnetlink.h"
#include "core/kernel/nft_ruleset.h"

namespace hostcheck::kernel {
namespace {

constexpr int kAttempts = 5;

Error malformed(std::string_view operation) {
  return make_error(ErrorCode::failed, operation, {}, "an answer that is not understood");
}

// The number of the ruleset's present version; every change makes it another.
Result<std::uint32_t> generation(NetlinkSocket& socket) {
  NetlinkRequest request = nfnetlink_request(NFNL_SUBSYS_NFTABLES, NFT_MSG_GETGEN, AF_UNSPEC);
  std::uint32_t id = 0;
  const auto done = socket.talk(request, "NFT_MSG_GETGEN", [&](const nlmsghdr& message) -> Result<void> {
    std::array<Bytes, NFTA_GEN_MAX + 1> table;
    if (!parse_attributes(attributes_of(message, sizeof(nfgenmsg)), table))
      return unexpected(malformed("NFT_MSG_GETGEN"));
    id = read_be32(table[NFTA_GEN_ID]);
    return {};
  });
  if (!done) return unexpected(done.error());
  return id;
}

// One dump; a dump that is interrupted ends the attempt, since what was read before belongs to another version.
template <typename Add>
Result<void> dump(NetlinkSocket& socket, NetlinkRequest request, std::string_view operation, bool& changed,
                  const Add& add) {
  return socket.dump(
      request, operation,
      [&](const nlmsghdr& message) -> Result<void> {
        if (changed || add(message)) return {};
        return unexpected(malformed(operation));
      },
      [&] { changed = true; });
}

NetlinkRequest elements_request(const NftSetName& set) {
  NetlinkRequest request = nfnetlink_request(NFNL_SUBSYS_NFTABLES, NFT_MSG_GETSETELEM, set.family);
  request.add_text(NFTA_SET_ELEM_LIST_TABLE, set.table);
  request.add_text(NFTA_SET_ELEM_LIST_SET, set.name);
  return request;
}

Result<void> read_once(NetlinkSocket& socket, bool decode, NftRuleset& ruleset, bool& changed) {
  const auto all = [](std::uint8_t message) { return nfnetlink_request(NFNL_SUBSYS_NFTABLES, message, AF_UNSPEC); };
  auto done = dump(socket, all(NFT_MSG_GETTABLE), "nft tables dump", changed,
                   [&](const nlmsghdr& message) { return ruleset.add_table(message); });
  if (!done || changed || ruleset.empty()) return done;
  done = dump(socket, all(NFT_MSG_GETCHAIN), "nft chains dump", changed,
              [&](const nlmsghdr& message) { return ruleset.add_chain(message); });
  if (!done || changed) return done;
  if (decode) {
    done = dump(socket, all(NFT_MSG_GETSET), "nft sets dump", changed,
                [&](const nlmsghdr& message) { return ruleset.add_set(message); });
    if (!done || changed) return done;
    for (const NftSetName& set : ruleset.sets_to_load()) {
      ruleset.begin_elements(set);
      done = dump(socket, elements_request(set), "nft set elements dump", changed,
                  [&](const nlmsghdr& message) { return ruleset.add_elements(message); });
      if (!done || changed) return done;
    }
  }
  return dump(socket, all(NFT_MSG_GETRULE), "nft rules dump", changed,
              [&](const nlmsghdr& message) { return ruleset.add_rule(message, decode); });
}

template <typename Row>
void append(std::vector<Row>& rows, std::vector<Row>& found) {
  rows.insert(rows.end(), std::make_move_iterator(found.begin()), std::make_move_iterator(found.end()));
}

}  // namespace

Result<void> read_nftables(NetlinkSocket& socket, const NetfilterWanted& wanted, Symbol netns,
                           const InterfaceNames& names, facts::Facts& out) {
  Error last = make_error(ErrorCode::failed, "nft ruleset", {}, "changed while it was read, five times in a row");
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    const auto before = generation(socket);
    if (!before) return unexpected(before.error());
    NftRuleset ruleset(netns, names, out);
    bool changed = false;
    const auto done = read_once(socket, wanted.rules, ruleset, changed);
    const auto after = generation(socket);
    if (!after) return unexpected(after.error());
    // A set or chain that went away between two dumps is a change too, whatever error it gives.
    if (changed || *before != *after) continue;
    if (!done) return done;
    if (wanted.backends) out.rows<facts::NetfilterBackend>().push_back(ruleset.backend());
    if (wanted.chains) append(out.rows<facts::NetfilterChain>(), ruleset.chains);
    if (wanted.rules) append(out.rows<facts::NetfilterRule>(), ruleset.rules);
    return {};
  }
  return unexpected(last);
}

}  // namespace hostcheck::kernel

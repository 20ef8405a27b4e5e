#include "core/probe/gateway_targets.h"

#include <algorithm>
#include <cstring>

#include "core/base/text.h"
#include "core/kernel/neighbour_lookup.h"
#include "core/kernel/netns.h"
#include "core/kernel/route_lookup.h"

namespace hostcheck::probe {
namespace {

constexpr std::size_t kMostHops = 16;  // that "all" asks
constexpr std::size_t kMostOwn = 16;

Error wrong(const Context& context, std::string_view detail) {
  return make_error(ErrorCode::invalid, "probe gateway", context.ask.target, detail);
}

// That the host has not what it takes to ask.
Error missing(const Context& context, std::string_view detail) {
  return make_error(ErrorCode::failed, "probe gateway", context.ask.target, detail);
}

class Targets {
 public:
  Targets(const Context& context, std::vector<kernel::OwnLink> links) : context_(context), links_(std::move(links)) {}

  Result<std::vector<LinkTarget>> all() {
    const auto hops = kernel::next_hops(context_.netns());
    if (!hops) return unexpected(hops.error());
    std::vector<LinkTarget> targets;
    for (const kernel::NextHop& hop : *hops) {
      const kernel::OwnLink* link = kernel::find_link(links_, hop.ifindex);
      if (link == nullptr || targets.size() == kMostHops) continue;
      targets.push_back(neighbour(hop.gateway, *link));
    }
    const std::size_t gateways = targets.size();
    for (const kernel::OwnLink& link : links_) {
      if (!link.ethernet || !link.resolves) continue;
      for (const IpAddress& address : link.addresses) {
        if (!address.is_link_local() && targets.size() < gateways + kMostOwn) targets.push_back(own(address, link));
      }
    }
    if (targets.empty()) return unexpected(missing(context_, "no route of this namespace has a next hop"));
    return targets;
  }

  Result<std::vector<LinkTarget>> one(std::string_view text) {
    const std::size_t percent = text.find('%');
    const auto address = IpAddress::parse(text.substr(0, percent));
    if (!address || address->is_any() || address->is_multicast() || address->is_loopback()) {
      return unexpected(make_error(ErrorCode::invalid, "probe gateway", text,
                                   address && address->is_loopback()
                                       ? "is this host itself: no neighbour is asked on the way to it"
                                       : "must be an address on or behind a link of this host, or \"all\""));
    }
    std::string_view device = context_.arg("dev").value_or("");
    if (percent != std::string_view::npos) device = text.substr(percent + 1);
    const kernel::OwnLink* link = device.empty() ? nullptr : kernel::find_link(links_, device);
    if (link == nullptr && !device.empty()) return unexpected(no_device(device));
    for (const kernel::OwnLink& each : links_) {
      const auto& list = each.addresses;
      if ((link == nullptr || link == &each) && std::find(list.begin(), list.end(), *address) != list.end()) {
        return std::vector{own(*address, each)};
      }
    }
    return routed(*address, link);
  }

 private:
  [[nodiscard]] Error no_device(std::string_view device) const {
    std::vector<std::string> names;
    for (const kernel::OwnLink& each : links_) names.push_back(each.ifname);
    return make_error(ErrorCode::invalid, "probe gateway", "dev=" + std::string(device),
                      "no such interface" + did_you_mean(device, names));
  }

  Result<std::vector<LinkTarget>> routed(const IpAddress& address, const kernel::OwnLink* link) {
    if (link == nullptr && address.family() == Family::ipv6 && address.is_link_local()) {
      return unexpected(wrong(context_, "a link-local address needs its interface, dev=NAME"));
    }
    kernel::RouteQuery query;
    query.dst = address;
    query.oif = link == nullptr ? 0 : link->ifindex;
    const auto found = kernel::look_up_route(context_.netns(), query);
    if (!found) return unexpected(found.error());
    // A neighbour that no route leads to can be asked all the same when its interface is named.
    if (found->error != 0 && link != nullptr) return add_through({neighbour(address, *link)});
    if (found->error != 0 || found->route.hops.empty()) {
      return unexpected(missing(context_, std::string("no route: ") + std::strerror(found->error)));
    }
    const kernel::LookedUpHop& hop = found->route.hops.front();
    const kernel::OwnLink* out = kernel::find_link(links_, hop.ifindex);
    if (out == nullptr) return unexpected(missing(context_, "its route's interface has gone"));
    if (hop.gateway.empty() || hop.gateway == address) return add_through({neighbour(address, *out)});
    LinkTarget target = neighbour(hop.gateway, *out);
    target.beyond = address;
    return add_through({target});
  }

  Result<std::vector<LinkTarget>> add_through(std::vector<LinkTarget> targets) {
    const auto text = context_.arg("through");
    if (!text) return targets;
    const auto address = IpAddress::parse(*text);
    if (!address) {
      return unexpected(
          make_error(ErrorCode::invalid, "probe gateway", "through=" + std::string(*text), "must be an address"));
    }
    for (LinkTarget& each : targets) {
      if (*address != each.address) each.beyond = *address;
    }
    return targets;
  }

  [[nodiscard]] LinkTarget neighbour(const IpAddress& address, const kernel::OwnLink& link) const {
    LinkTarget target;
    target.address = address;
    target.link = link;
    target.source = source_for(address, link);
    return target;
  }

  // The address that the kernel would take; where it has no opinion, one of the interface, else none (as an ARP probe).
  [[nodiscard]] IpAddress source_for(const IpAddress& address, const kernel::OwnLink& link) const {
    kernel::RouteQuery query;
    query.dst = address;
    query.oif = link.ifindex;
    const auto found = kernel::look_up_route(context_.netns(), query);
    if (found && found->error == 0 && found->route.prefsrc.family() == address.family()) return found->route.prefsrc;
    for (const bool same_scope : {true, false}) {
      for (const IpAddress& each : link.addresses) {
        if (each.family() != address.family()) continue;
        if (!same_scope || each.is_link_local() == address.is_link_local()) return each;
      }
    }
    return IpAddress::any(address.family());
  }

  [[nodiscard]] LinkTarget own(const IpAddress& address, const kernel::OwnLink& link) const {
    LinkTarget target;
    target.address = address;
    target.link = link;
    target.source = IpAddress::any(address.family());
    target.own = true;
    for (const kernel::OwnLink& each : links_) {
      if (!each.mac.empty()) target.own_macs.push_back(each.mac);
    }
    return target;
  }

  const Context& context_;
  const std::vector<kernel::OwnLink> links_;
};

}  // namespace

namespace {

Result<Targets> targets_in(const Context& context) {
  const auto scope = kernel::NetnsScope::enter(context.netns());
  if (!scope) return unexpected(scope.error());
  auto links = kernel::own_links();
  if (!links) return unexpected(links.error());
  return Targets(context, std::move(*links));
}

bool same_neighbour(const LinkTarget& a, const LinkTarget& b) {
  return a.address == b.address && a.link.ifindex == b.link.ifindex && a.own == b.own;
}

}  // namespace

Result<std::vector<LinkTarget>> all_gateway_targets(const Context& context) {
  auto targets = targets_in(context);
  if (!targets) return unexpected(targets.error());
  return targets->all();
}

Result<std::vector<LinkTarget>> gateway_targets(const Context& context, std::span<const std::string> addresses) {
  auto targets = targets_in(context);
  if (!targets) return unexpected(targets.error());
  std::vector<LinkTarget> out;
  Error problem;
  for (const std::string& each : addresses) {
    auto meant = targets->one(each);
    if (!meant) {
      problem = meant.error();
      continue;
    }
    for (LinkTarget& target : *meant) {
      const bool known =
          std::any_of(out.begin(), out.end(), [&](const LinkTarget& other) { return same_neighbour(other, target); });
      if (!known) out.push_back(std::move(target));
    }
  }
  if (out.empty()) return unexpected(problem);
  return out;
}

}  // namespace hostcheck::probe

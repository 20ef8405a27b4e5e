#include "core/kernel/own_links.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

#include <ifaddrs.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/in.h>

#include "core/kernel/socket_address.h"

namespace hostcheck::kernel {
namespace {

OwnLink& link_named(std::vector<OwnLink>& links, const char* name) {
  const auto found = std::find_if(links.begin(), links.end(), [&](const OwnLink& each) { return each.ifname == name; });
  if (found != links.end()) return *found;
  OwnLink& link = links.emplace_back();
  link.ifname = name;
  link.ifindex = if_nametoindex(name);
  return link;
}

void fill_link(const ifaddrs& entry, OwnLink& link) {
  sockaddr_ll layer{};
  std::memcpy(&layer, entry.ifa_addr, sizeof layer);
  link.ifindex = static_cast<std::uint32_t>(layer.sll_ifindex);
  link.ethernet = layer.sll_hatype == ARPHRD_ETHER && layer.sll_halen == 6;
  // An address longer than 8 bytes (InfiniBand) does not fit into the structure; nobody needs it here.
  if (layer.sll_halen <= sizeof layer.sll_addr && layer.sll_hatype != ARPHRD_LOOPBACK) {
    link.mac = LinkAddress::from_bytes({layer.sll_addr, layer.sll_halen});
  }
  constexpr unsigned kNever = IFF_NOARP | IFF_LOOPBACK | IFF_POINTOPOINT;
  link.resolves = (entry.ifa_flags & IFF_UP) != 0 && (entry.ifa_flags & kNever) == 0;
}

void fill_address(const ifaddrs& entry, OwnLink& link) {
  sockaddr_storage storage{};
  const bool six = entry.ifa_addr->sa_family == AF_INET6;
  std::memcpy(&storage, entry.ifa_addr, six ? sizeof(sockaddr_in6) : sizeof(sockaddr_in));
  link.addresses.push_back(endpoint_of(storage).address);
}

}  // namespace

Result<std::vector<OwnLink>> own_links() {
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) return unexpected(errno_error(errno, "getifaddrs"));
  const std::unique_ptr<ifaddrs, decltype(&freeifaddrs)> owned(list, freeifaddrs);
  std::vector<OwnLink> links;
  for (const ifaddrs* each = list; each != nullptr; each = each->ifa_next) {
    if (each->ifa_addr == nullptr || each->ifa_name == nullptr) continue;
    // Old labels of addresses ("eth0:1") are names of no interface of their own.
    const std::string name(each->ifa_name, std::strcspn(each->ifa_name, ":"));
    OwnLink& link = link_named(links, name.c_str());
    if (each->ifa_addr->sa_family == AF_PACKET) fill_link(*each, link);
    if (each->ifa_addr->sa_family == AF_INET || each->ifa_addr->sa_family == AF_INET6) fill_address(*each, link);
  }
  std::sort(links.begin(), links.end(), [](const OwnLink& a, const OwnLink& b) { return a.ifindex < b.ifindex; });
  return links;
}

const OwnLink* find_link(const std::vector<OwnLink>& links, std::string_view ifname) {
  const auto found =
      std::find_if(links.begin(), links.end(), [&](const OwnLink& each) { return each.ifname == ifname; });
  return found == links.end() ? nullptr : &*found;
}

const OwnLink* find_link(const std::vector<OwnLink>& links, std::uint32_t ifindex) {
  const auto found =
      std::find_if(links.begin(), links.end(), [&](const OwnLink& each) { return each.ifindex == ifindex; });
  return found == links.end() ? nullptr : &*found;
}

}  // namespace hostcheck::kernel

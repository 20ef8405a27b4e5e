// Other addresses in place of a host's own, in such a way that what the facts say stays true: equal addresses stay
// equal, addresses of one prefix stay in one prefix, and what an address is (private, loopback, link-local, multicast,
// a virtual router's) stays.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/address.h"
#include "core/base/result.h"
#include "core/facts/cell.h"

namespace hostcheck::facts {

class Anonymiser {
 public:
  using Key = std::array<std::uint8_t, 16>;  // who has the key can tell which address stands for which
  explicit Anonymiser(const Key& key) : key_(key) {}
  // With a key of its own from getrandom(2). Error: the kernel's.
  [[nodiscard]] static Result<Anonymiser> with_random_key();

  // Prefix-preserving: two addresses have as many equal leading bits afterwards as before. The first octet of IPv4
  // and the first two of IPv6 stay, with them every special range; the unspecified, loopback, broadcast and multicast
  // addresses stay whole.
  [[nodiscard]] IpAddress address(const IpAddress& address) const;
  // The last three bytes of an Ethernet address change; those of virtual routers (VRRP, HSRP, GLBP), broadcast and
  // multicast stay.
  [[nodiscard]] std::string link_address(std::string_view text) const;
  // Every address that stands in a text, whatever is around it ("tcp dport 22 ip saddr 10.0.0.0/8").
  [[nodiscard]] std::string text(std::string_view text) const;
  [[nodiscard]] Value value(const Value& value) const;
  // A pseudonym for a name, the same for the same name: "name-" and eight hexadecimal digits. "" stays.
  [[nodiscard]] std::string name(std::string_view name) const;

 private:
  [[nodiscard]] std::string word(std::string_view word) const;
  Key key_;
};

}  // namespace hostcheck::facts

// Which network an address belongs to, from a file that the user has: hostcheck asks no service.
#pragma once

#include <cstdint>
#include <istream>
#include <map>
#include <string>
#include <vector>

#include "core/base/address.h"
#include "core/base/result.h"

namespace hostcheck::probe {

struct Network {
  std::uint32_t asn = 0;
  std::string name;
};

// The narrowest entry for each of the addresses that has one. Lines are "PREFIX ASN NAME", "PREFIX|ASN|NAME" or those
// of iptoasn: "START<tab>END<tab>ASN<tab>COUNTRY<tab>NAME", ASN with or without "AS", 0 for nobody's; empty ones and
// those that begin with # are skipped. Error (code invalid): the first line that is none of these. name is for its
// text.
[[nodiscard]] Result<std::map<IpAddress, Network>> find_networks(std::istream& lines, const std::string& name,
                                                                 const std::vector<IpAddress>& addresses);
// The same from a file.
[[nodiscard]] Result<std::map<IpAddress, Network>> find_networks(const std::string& path,
                                                                 const std::vector<IpAddress>& addresses);

}  // namespace hostcheck::probe

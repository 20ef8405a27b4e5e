// The addresses that a probe's target means.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/probe/context.h"
#include "core/probe/resolve.h"

namespace hostcheck::probe {

// What they take, for KindInfo::args.
inline constexpr std::string_view kServerArgument =
    "server=ADDRESS[:PORT] of the name servers to ask, with commas between (those of resolv.conf)";
inline constexpr std::string_view kFamilyArgument = "family=4 or 6: only addresses of this family (both)";

// That the ask's target has no port.
[[nodiscard]] Error port_missing(const Context& context);

// Whether the ask's arguments `family` and `server` can be used. Error code invalid: what they may be.
[[nodiscard]] Result<void> check_naming(const Context& context);

// The host itself where it is an address (without a source). Of a name all that the hosts file and the name servers
// say, each once, at most `most`; what the servers said is in probe_dns. The ask's argument `family` (4 or 6) leaves
// out the others. Empty where there are none: the result has the error or the outcome "no_addresses" then.
[[nodiscard]] Task<std::vector<NamedAddress>> target_addresses(Context& context, std::string host,
                                                               std::size_t most = 8);

// "db.example is 192.0.2.1 (hosts file), 2001:db8::1 (192.0.2.53)"; "" for a host that is an address.
[[nodiscard]] std::string naming_words(const std::string& host, const std::vector<NamedAddress>& addresses);

}  // namespace hostcheck::probe

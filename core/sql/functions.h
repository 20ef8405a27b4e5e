// Functions that queries may use besides SQLite's own. All give NULL for NULL, and depend on nothing but their
// arguments.
//
//   ip_in(address, prefix)     1 when the address is in the prefix ('10.0.0.0/8', 'fe80::/10', or one address), else 0;
//                              NULL when either is not an address. Families differ: 0.
//   ip_family(address)         'inet' or 'inet6'; NULL when it is no address. A prefix length is allowed: '10.0.0.0/8'.
//   has_flag(flags, flag)      1 when the comma-separated text has the flag as one of its items ('UP' is not in
//   'LOWER_UP') human_bytes(n)             '1.5 MiB' human_duration(ms)         '250 ms', '1.5 s', '2 min 5 s', '3 h 20
//   min', '4 d 2 h'
#pragma once

#include <span>
#include <string>
#include <string_view>

#include <sqlite3.h>

namespace hostcheck::sql {

[[nodiscard]] int register_functions(sqlite3* connection);

// Names of all functions that a query may call, SQLite's among them; sorted.
[[nodiscard]] std::span<const std::string> allowed_functions();

}  // namespace hostcheck::sql

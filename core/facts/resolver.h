// What the resolver library is told to do.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/base/address.h"
#include "core/base/text_pool.h"
#include "core/facts/table.h"

namespace hostcheck::facts {

// A nameserver line of resolv.conf.
struct Resolver {
  Symbol netns;
  std::uint32_t position = 0;  // from 1; glibc asks the first three
  IpAddress server;
  Symbol scope;       // interface of a link-local server (fe80::1%eth0)
  bool used = false;  // among the three that glibc asks
  static const TableInfo& table();
};

// One row a namespace.
struct ResolverConfig {
  Symbol netns;
  std::string path;      // the file that was read
  bool present = false;  // no file: the library asks 127.0.0.1
  std::string search;    // domains, separated by blanks
  std::uint32_t nameservers = 0;
  std::uint32_t ndots = 1;
  std::uint32_t timeout_s = 5;
  std::uint32_t attempts = 2;
  bool rotate = false;
  bool use_tcp = false;  // option use-vc
  bool single_request = false;
  std::string options;  // as written
  std::string unknown;  // lines that are not understood, separated by "; "
  static const TableInfo& table();
};

}  // namespace hostcheck::facts

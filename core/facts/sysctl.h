// Kernel settings under /proc/sys/net and /proc/sys/fs.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/base/text_pool.h"
#include "core/facts/table.h"

namespace hostcheck::facts {

struct Sysctl {
  Symbol netns;                       // namespace that was asked; global rows are repeated for each of them
  std::string name;                   // as sysctl(8) prints it: parts joined by dots, a dot inside a part is a slash
  std::optional<std::int64_t> value;  // when the file holds exactly one integer
  std::string text;                   // the whole value without its last newline; inner lines kept
  std::optional<std::int64_t> v1;     // the first three integers, where the value is made of integers
  std::optional<std::int64_t> v2;
  std::optional<std::int64_t> v3;
  Symbol ifname;        // of net.ipv4.conf.IF.*, net.ipv6.neigh.IF.*: the interface, "all" or "default"
  bool global = false;  // one value for the whole machine, read in the first namespace
  static const TableInfo& table();
};

}  // namespace hostcheck::facts

// resolv.conf as glibc reads it (resolv.conf(5), resolv/res_init.c), and which file a namespace's processes see.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"
#include "core/facts/resolver.h"
#include "core/kernel/netns.h"
#include "core/kernel/procfs.h"

namespace hostcheck::kernel {

struct NameServer {
  IpAddress address;
  std::string scope;  // "eth0" of "fe80::1%eth0"
};

struct ResolvConf {
  std::vector<NameServer> servers;
  facts::ResolverConfig config;  // without netns and path
};
// Cannot fail: lines that glibc passes over are in config.unknown.
[[nodiscard]] ResolvConf parse_resolv_conf(std::string_view text);

// The path, as far as it can be told from here: /etc/netns/NAME/resolv.conf where ip-netns(8) would show that file,
// /proc/PID/root/etc/resolv.conf for a namespace that only processes hold, else /etc/resolv.conf.
[[nodiscard]] std::string resolv_conf_path(const FileTree& files, const NetnsInfo& netns);
// The same for the hosts file (hosts(5)).
[[nodiscard]] std::string hosts_path(const FileTree& files, const NetnsInfo& netns);

}  // namespace hostcheck::kernel

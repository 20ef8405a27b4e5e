#include "core/gather/resolver.h"

#include <array>
#include <string>

#include "core/facts/resolver.h"
#include "core/kernel/resolv_conf.h"

namespace hostcheck::gather {
namespace {

constexpr std::uint32_t kAsked = 3;  // MAXNS of resolv.h

void gather_resolvers(const Task& task) {
  auto& servers = task.out.rows<facts::Resolver>();
  auto& configs = task.out.rows<facts::ResolverConfig>();
  const std::string path = kernel::resolv_conf_path(task.files, task.netns);
  const Symbol netns = task.out.intern(task.netns.name);
  const auto text = task.files.read(path, 1UL << 20);
  if (!text && text.error().code != ErrorCode::vanished) {
    for (const char* table : {"resolvers", "resolver_config"}) {
      if (task.asked(table) != nullptr) task.out.add_absence(table, task.netns.name, text.error());
    }
    return;
  }
  kernel::ResolvConf conf;
  if (text) conf = kernel::parse_resolv_conf(*text);
  conf.config.netns = netns;
  conf.config.path = path;
  configs.push_back(std::move(conf.config));
  std::uint32_t position = 0;
  for (const kernel::NameServer& server : conf.servers) {
    ++position;
    servers.push_back({netns, position, server.address, task.out.intern(server.scope), position <= kAsked});
  }
}

}  // namespace

const Source& resolver_source() {
  static constexpr std::array<std::string_view, 2> kTables = {"resolvers", "resolver_config"};
  static const Source source{"resolvers", Where::each_namespace, kTables, gather_resolvers};
  return source;
}

}  // namespace hostcheck::gather

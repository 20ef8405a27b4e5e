#include <vector>

#include "core/facts/conntrack.h"
#include "core/facts/host.h"
#include "core/facts/netfilter.h"
#include "core/facts/nic.h"
#include "core/facts/table.h"

namespace hostcheck::facts {

std::span<const TableInfo* const> catalogue() {
  static const std::vector<const TableInfo*> all = {
      &Conntrack::table(),
      &ConntrackCpu::table(),
      &ConntrackEntries::table(),
      &ConntrackTimeout::table(),
      &Host::table(),
      &Namespace::table(),
      &NetfilterBackend::table(),
      &NetfilterChain::table(),
      &NetfilterRule::table(),
      &NicFeature::table(),
      &NicSettings::table(),
      &NicStatistic::table(),
  };
  return all;
}

}  // namespace hostcheck::facts

#include <vector>

#include "core/facts/host.h"
#include "core/facts/table.h"

namespace hostcheck::facts {

std::span<const TableInfo* const> catalogue() {
  static const std::vector<const TableInfo*> all = {
      &Host::table(),
      &Namespace::table(),
  };
  return all;
}

}  // namespace hostcheck::facts

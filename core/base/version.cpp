#include "core/base/version.h"

namespace hostcheck {

std::string_view version() {
  return HOSTCHECK_VERSION;
}

}  // namespace hostcheck

// Which findings a row of the observation's tables stands behind.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "core/base/address.h"
#include "core/checks/finding.h"

namespace hostcheck::conclude {

// What a row is about.
struct RowSubject {
  std::string_view netns;
  IpAddress local;
  std::uint16_t port = 0;  // of local
  IpAddress peer;
};

// "; of listen.accept_queue_overflow, tcp.x": findings that are not refuted and whose subject names this address, port
// or peer in this namespace; "" for none.
[[nodiscard]] std::string findings_about(std::span<const checks::Finding> findings, const RowSubject& row);

}  // namespace hostcheck::conclude

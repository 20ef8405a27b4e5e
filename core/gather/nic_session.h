// What the three tables about network devices share while they are gathered in one namespace. Only for
// core/gather/nic*.cpp.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/gather/source.h"
#include "core/kernel/ethtool.h"
#include "core/kernel/ethtool_ioctl.h"

namespace hostcheck::gather {

struct NicSession {
  const Task& task;
  std::vector<kernel::NicDevice> devices;       // all of the namespace, by rising ifindex
  std::optional<kernel::EthtoolSocket> socket;  // none before Linux 5.6
  kernel::EthtoolIoctl ioctl;

  // Opens what is needed; the Error is for all three tables.
  [[nodiscard]] static Result<NicSession> open(const Task& task);

  // The devices that readers of the table want, as far as names and numbers tell.
  [[nodiscard]] std::vector<const kernel::NicDevice*> wanted(const facts::TableRequest& request) const;
  // Whether asking every device at once is cheaper than asking count of them one by one.
  [[nodiscard]] bool better_all(std::size_t count) const { return count * 3 >= devices.size(); }
  // Says that a device did not answer for a column; nothing when the column is not asked for or the device has no such
  // thing (EOPNOTSUPP).
  void add_absence(std::string_view table, std::string_view column, const std::string& ifname,
                   const Error& error) const;
};

void gather_nic_settings(NicSession& session, const facts::TableRequest& request);
void gather_nic_features(NicSession& session, const facts::TableRequest& request);
void gather_nic_statistics(NicSession& session, const facts::TableRequest& request);

}  // namespace hostcheck::gather

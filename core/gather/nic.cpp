#include "core/gather/nic.h"

#include <array>
#include <cerrno>

#include "core/gather/nic_session.h"

namespace hostcheck::gather {
namespace {

constexpr std::array<std::string_view, 3> kTables = {"nic_features", "nic_settings", "nic_statistics"};

void gather_nics(const Task& task) {
  auto session = NicSession::open(task);
  if (!session) {
    for (const std::string_view table : kTables) {
      if (task.asked(table) != nullptr) task.out.add_absence(table, task.netns.name, session.error());
    }
    return;
  }
  if (const auto* request = task.asked("nic_settings")) gather_nic_settings(*session, *request);
  if (const auto* request = task.asked("nic_features")) gather_nic_features(*session, *request);
  if (const auto* request = task.asked("nic_statistics")) gather_nic_statistics(*session, *request);
}

}  // namespace

Result<NicSession> NicSession::open(const Task& task) {
  auto devices = kernel::list_nics();
  if (!devices) return unexpected(devices.error());
  auto ioctl = kernel::EthtoolIoctl::open();
  if (!ioctl) return unexpected(ioctl.error());
  std::optional<kernel::EthtoolSocket> netlink;
  if (auto opened = kernel::EthtoolSocket::open()) netlink = std::move(*opened);
  return NicSession{task, std::move(*devices), std::move(netlink), std::move(*ioctl)};
}

std::vector<const kernel::NicDevice*> NicSession::wanted(const facts::TableRequest& request) const {
  std::vector<const kernel::NicDevice*> chosen;
  if (!request.may_want("netns", task.netns.name)) return chosen;
  chosen.reserve(devices.size());
  for (const kernel::NicDevice& device : devices) {
    if (request.may_want("ifname", device.name) && request.may_want("ifindex", std::int64_t{device.ifindex})) {
      chosen.push_back(&device);
    }
  }
  return chosen;
}

void NicSession::add_absence(std::string_view table, std::string_view column, const std::string& ifname,
                             const Error& error) const {
  if (error.sys_errno == EOPNOTSUPP) return;
  const auto* request = task.asked(table);
  if (request == nullptr || (!column.empty() && !request->wants(column))) return;
  task.out.add_absence(
      {std::string(table), std::string(column), task.netns.name, ifname, error.code, error.message(), {}});
}

const Source& nic_source() {
  static const Source source{"nic", Where::each_namespace, kTables, gather_nics};
  return source;
}

}  // namespace hostcheck::gather

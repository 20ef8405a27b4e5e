#include "core/gather/conntrack.h"

#include <algorithm>
#include <array>

#include <sys/socket.h>

#include "core/facts/conntrack.h"
#include "core/kernel/conntrack.h"
#include "core/kernel/nfnetlink.h"

namespace hostcheck::gather {
namespace {

// A kernel that hides the limit in other namespaces than the first one has it there.
void take_limit_from_first_namespace(const Task& task, facts::Conntrack& row) {
  const auto first =
      std::find_if(task.namespaces.begin(), task.namespaces.end(), [](const auto& each) { return each.first; });
  if (first == task.namespaces.end() || first->inode == task.netns.inode) return;
  const auto scope = kernel::NetnsScope::enter(*first);
  if (!scope) return;
  if (const auto global = kernel::read_conntrack(task.files)) {
    row.max = global->max;
    if (!row.buckets) row.buckets = global->buckets;
    if (!row.expect_max) row.expect_max = global->expect_max;
  }
}

void gather_summary(const Task& task) {
  auto& rows = task.out.rows<facts::Conntrack>();
  auto row = kernel::read_conntrack(task.files);
  if (!row) {
    task.out.add_absence("conntrack", task.netns.name, row.error());
    return;
  }
  row->netns = task.out.intern(task.netns.name);
  if (!row->max) take_limit_from_first_namespace(task, *row);
  rows.push_back(*row);
}

void gather_timeouts(const Task& task) {
  auto& rows = task.out.rows<facts::ConntrackTimeout>();
  auto found = kernel::read_conntrack_timeouts(task.files, task.out);
  if (!found) {
    task.out.add_absence("conntrack_timeouts", task.netns.name, found.error());
    return;
  }
  for (facts::ConntrackTimeout& row : *found) {
    row.netns = task.out.intern(task.netns.name);
    rows.push_back(row);
  }
}

// What ctnetlink gives, else what the file gives; the error of the one that says more. Rows get the namespace's name.
template <typename Row, typename ByNetlink, typename ByFile>
void gather_either(const Task& task, const Result<bool>& ctnetlink, const ByNetlink& by_netlink,
                   const ByFile& by_file) {
  auto& rows = task.out.rows<Row>();
  Result<std::vector<Row>> found = std::vector<Row>{};
  if (!ctnetlink || !*ctnetlink) {
    found = by_file();
    if (!found && found.error().code == ErrorCode::vanished) {
      found =
          unexpected(!ctnetlink ? ctnetlink.error()
                                : make_error(ErrorCode::unsupported, "read connection tracking", {},
                                             "module nf_conntrack_netlink is not loaded and the kernel shows no file"));
    }
  } else {
    auto socket = kernel::open_nfnetlink();
    found = socket ? by_netlink(*socket) : Result<std::vector<Row>>(unexpected(socket.error()));
    if (!found) {
      if (auto fallback = by_file()) found = std::move(fallback);
    }
  }
  if (!found) {
    task.out.add_absence(Row::table().name, task.netns.name, found.error());
    return;
  }
  for (Row& row : *found) {
    row.netns = task.out.intern(task.netns.name);
    rows.push_back(std::move(row));
  }
}

std::uint8_t asked_family(const facts::TableRequest& request) {
  const auto families = request.only_text("family");
  if (!families || families->size() != 1) return AF_UNSPEC;
  return families->front() == "inet" ? AF_INET : families->front() == "inet6" ? AF_INET6 : AF_UNSPEC;
}

void gather_conntrack(const Task& task) {
  if (task.asked("conntrack") != nullptr) gather_summary(task);
  if (task.asked("conntrack_timeouts") != nullptr) gather_timeouts(task);
  const facts::TableRequest* entries = task.asked("conntrack_entries");
  const bool cpu = task.asked("conntrack_cpu") != nullptr;
  if (entries == nullptr && !cpu) return;
  // Without connection tracking there is nothing to count, and nothing must be asked that would load it.
  const auto tracked = kernel::count_of_conntrack(task.files);
  const bool without = tracked && !*tracked;
  const Result<bool> ctnetlink = !tracked  ? Result<bool>(unexpected(tracked.error()))
                                 : without ? Result<bool>(false)
                                           : kernel::module_present(task.files, "nf_conntrack_netlink");
  if (cpu && without) {
    (void)task.out.rows<facts::ConntrackCpu>();
  } else if (cpu) {
    gather_either<facts::ConntrackCpu>(task, ctnetlink, kernel::dump_conntrack_cpu,
                                       [&] { return kernel::read_conntrack_cpu(task.files); });
  }
  if (entries == nullptr) return;
  // The kernel walks every bucket of all namespaces' table for a dump, 12 ms for 262144 of them: not for nothing.
  if (without || (tracked && **tracked == 0)) {
    (void)task.out.rows<facts::ConntrackEntries>();
    return;
  }
  const std::uint8_t family = asked_family(*entries);
  gather_either<facts::ConntrackEntries>(
      task, ctnetlink, [&](kernel::NetlinkSocket& socket) { return kernel::count_conntrack(socket, family, task.out); },
      [&] { return kernel::count_conntrack_file(task.files, task.out); });
}

}  // namespace

const Source& conntrack_source() {
  static constexpr std::array<std::string_view, 4> kTables = {"conntrack", "conntrack_cpu", "conntrack_entries",
                                                              "conntrack_timeouts"};
  static const Source source{"conntrack", Where::each_namespace, kTables, gather_conntrack};
  return source;
}

}  // namespace hostcheck::gather

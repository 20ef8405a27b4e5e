#include "core/gather/socket_owners.h"

#include <algorithm>
#include <array>
#include <map>
#include <string>

#include <unistd.h>

#include "core/base/number_index.h"
#include "core/facts/process.h"
#include "core/facts/row_filter.h"
#include "core/facts/socket.h"
#include "core/gather/socket_cgroups.h"
#include "core/gather/socket_plan.h"
#include "core/kernel/capability.h"
#include "core/kernel/process.h"

namespace hostcheck::gather {
namespace {

using facts::SocketOwner;
using facts::TableRequest;
using kernel::Holding;

constexpr std::string_view kOwnerSource = "/proc/PID/";
constexpr std::array<std::string_view, 3> kTablesWithOwner = {"listeners", "connections", "udp_sockets"};
constexpr std::array<std::string_view, 5> kOwnerColumns = {"pid", "process", "command", "cgroup", "owners"};

class Owners {
 public:
  Owners(const Task& task, const SocketRowsBegin& begin, const std::vector<OwnedSocket>& owned)
      : task_(task), begin_(begin), owned_(owned) {
    listeners_ = wants_from(task.asked("listeners"), facts::Listener::table(), kOwnerSource);
    connections_ = wants_from(task.asked("connections"), facts::Connection::table(), kOwnerSource);
    udp_ = wants_from(task.asked("udp_sockets"), facts::UdpSocket::table(), kOwnerSource);
    processes_ = task.asked("processes");
    cgroups_ = task.asked("cgroups");
  }

  void run() {
    if (!listeners_ && !connections_ && !udp_ && !wants_processes()) return;
    collect_inodes();
    kernel::HolderSearch search{.inodes = inodes_, .netns_inode = task_.netns.inode, .extent = extent()};
    search.more_descriptors = std::max(search.more_descriptors, 4 * inodes_.size());
    auto found = inodes_.empty() ? Result<kernel::HoldersFound>{} : kernel::find_holders(task_.files, search);
    if (!found) {
      mark_absent(found.error());
      return;
    }
    index_ = NumberIndex(inodes_);
    holdings_ = std::move(found->holdings);
    make_owners();
    if (listeners_) fill<facts::Listener>(begin_.listeners);
    if (connections_) fill<facts::Connection>(begin_.connections);
    if (udp_) fill<facts::UdpSocket>(begin_.udp);
    if (wants("listeners", "owners")) count_owners();
    if (wants_processes()) fill_processes();
    if (cgroups_ != nullptr) gather_cgroups(task_, listening_);
    if (found->not_found > 0) mark_unseen(*found);
  }

 private:
  [[nodiscard]] bool wants(std::string_view table, std::string_view column) const {
    const TableRequest* request = task_.asked(table);
    return request != nullptr && request->wants(column);
  }
  // Whether a table has rows of processes, and not only columns of who holds a socket.
  [[nodiscard]] bool wants_processes() const { return processes_ != nullptr || cgroups_ != nullptr; }
  [[nodiscard]] bool any_wants(std::string_view column) const {
    return std::any_of(kTablesWithOwner.begin(), kTablesWithOwner.end(),
                       [&](std::string_view table) { return wants(table, column); });
  }

  [[nodiscard]] kernel::SearchExtent extent() const {
    if (wants("processes", "sockets")) return kernel::SearchExtent::everything;
    return wants_processes() || wants("listeners", "owners") ? kernel::SearchExtent::whole_round
                                                             : kernel::SearchExtent::until_found;
  }

  // Of the rows that a reader of an owner column wants: other rows need no owner.
  template <typename Row>
  void add_inodes(std::string_view table, std::size_t from) {
    const TableRequest readers = task_.asked(table)->readers_of(kOwnerColumns);
    facts::RowFilter filter(Row::table(), &readers, kOwnerColumns);
    auto& rows = task_.out.rows<Row>();
    for (std::size_t at = from; at < rows.size(); ++at) {
      if (rows[at].inode != 0 && filter.wants(&rows[at])) inodes_.push_back(rows[at].inode);
    }
  }

  void collect_inodes() {
    if (listeners_) add_inodes<facts::Listener>("listeners", begin_.listeners);
    if (connections_) add_inodes<facts::Connection>("connections", begin_.connections);
    if (udp_) add_inodes<facts::UdpSocket>("udp_sockets", begin_.udp);
    if (wants_processes()) {
      for (const OwnedSocket& each : owned_) inodes_.push_back(each.inode);
    }
    std::sort(inodes_.begin(), inodes_.end());
    inodes_.erase(std::unique(inodes_.begin(), inodes_.end()), inodes_.end());
  }

  // The lowest process of each socket; holdings are sorted by process.
  void make_owners() {
    owner_of_.assign(inodes_.size(), nullptr);
    auto kept = std::make_shared<std::vector<std::unique_ptr<SocketOwner>>>();
    std::uint32_t last = 0;
    for (const Holding& each : holdings_) {
      if (owner_of_[each.position] != nullptr) continue;
      if (kept->empty() || each.pid != last) {
        kept->push_back(std::make_unique<SocketOwner>(owner(each.pid)));
        last = each.pid;
      }
      owner_of_[each.position] = kept->back().get();
    }
    task_.out.keep(std::move(kept));
  }

  [[nodiscard]] SocketOwner owner(std::uint32_t pid) const {
    SocketOwner owner;
    owner.pid = pid;
    if (any_wants("process")) owner.process = task_.out.intern(kernel::process_name(task_.files, pid));
    if (any_wants("command")) owner.command = task_.out.intern(kernel::process_command(task_.files, pid));
    if (any_wants("cgroup")) owner.cgroup = task_.out.intern(kernel::process_cgroup(task_.files, pid));
    return owner;
  }

  template <typename Row>
  void fill(std::size_t from) {
    auto& rows = task_.out.rows<Row>();
    for (std::size_t at = from; at < rows.size(); ++at) {
      const std::size_t position = index_.find(rows[at].inode);
      if (position != NumberIndex::kNone) rows[at].owner = owner_of_[position];
    }
  }

  void count_owners() {
    std::vector<std::uint32_t> holders(inodes_.size());
    for (const Holding& each : holdings_) ++holders[each.position];
    auto& rows = task_.out.rows<facts::Listener>();
    for (std::size_t at = begin_.listeners; at < rows.size(); ++at) {
      const std::size_t position = index_.find(rows[at].inode);
      if (position != NumberIndex::kNone) rows[at].owners = holders[position];
    }
  }

  void fill_processes() {
    std::vector<const OwnedSocket*> socket_at(inodes_.size(), nullptr);
    for (const OwnedSocket& each : owned_) socket_at[index_.find(each.inode)] = &each;
    for (auto first = holdings_.begin(); first != holdings_.end();) {
      const auto end =
          std::find_if(first, holdings_.end(), [&](const Holding& each) { return each.pid != first->pid; });
      std::uint32_t sockets = 0;
      std::vector<std::uint16_t> ports;
      for (auto each = first; each != end; ++each) {
        const OwnedSocket* socket = socket_at[each->position];
        if (socket == nullptr) continue;
        ++sockets;
        if (socket->listening_port != 0) ports.push_back(socket->listening_port);
      }
      std::sort(ports.begin(), ports.end());
      ports.erase(std::unique(ports.begin(), ports.end()), ports.end());
      if (!ports.empty()) listening_.push_back({first->pid, text_of(ports)});
      if (sockets > 0 && processes_ != nullptr) add_process(first->pid, sockets, text_of(ports));
      first = end;
    }
  }

  // "80,443"
  [[nodiscard]] static std::string text_of(const std::vector<std::uint16_t>& ports) {
    std::string text;
    for (const std::uint16_t port : ports) text += (text.empty() ? "" : ",") + std::to_string(port);
    return text;
  }

  [[nodiscard]] static std::uint64_t ticks_ms(std::uint64_t ticks) {
    return ticks * 1000 / static_cast<std::uint64_t>(sysconf(_SC_CLK_TCK));
  }

  void add_process(std::uint32_t pid, std::uint32_t sockets, std::string ports) {
    const kernel::FileTree& files = task_.files;
    const auto stat = kernel::process_stat(files, pid);
    if (!stat) return;  // it has gone since
    facts::Process row;
    row.pid = pid;
    row.netns = task_.out.intern(task_.netns.name);
    row.state = task_.out.intern({&stat->state, 1});
    row.threads = stat->threads;
    row.process = task_.out.intern(kernel::process_name(files, pid));
    if (wants("processes", "command")) row.command = task_.out.intern(kernel::process_command(files, pid));
    if (wants("processes", "cgroup")) row.cgroup = task_.out.intern(kernel::process_cgroup(files, pid));
    if (wants("processes", "uid") || wants("processes", "user")) fill_user(row);
    if (wants("processes", "start_age_s")) row.start_age_s = age_s(stat->start_ticks);
    if (wants("processes", "fd_open")) take(row, "fd_open", kernel::process_descriptors(files, pid), row.fd_open);
    if (wants("processes", "fd_limit") || wants("processes", "fd_limit_hard")) {
      if (const auto limits = kernel::process_descriptor_limits(files, pid)) {
        row.fd_limit = limits->soft;
        row.fd_limit_hard = limits->hard;
      } else {
        cell_absent(row, "fd_limit", limits.error());
        cell_absent(row, "fd_limit_hard", limits.error());
      }
    }
    row.sockets = sockets;
    row.listens = !ports.empty();
    row.ports = std::move(ports);
    row.cpu_ms = facts::Counter{ticks_ms(stat->cpu_ticks)};
    task_.out.rows<facts::Process>().push_back(std::move(row));
  }

  void fill_user(facts::Process& row) {
    const auto uid = kernel::process_uid(task_.files, row.pid);
    if (!uid) {
      cell_absent(row, "uid", uid.error());
      return;
    }
    row.uid = *uid;
    if (!wants("processes", "user")) return;
    const auto known = users_.find(*uid);
    row.user = known != users_.end()
                   ? known->second
                   : users_.emplace(*uid, task_.out.intern(kernel::user_name(task_.files, *uid))).first->second;
  }

  [[nodiscard]] std::optional<std::uint64_t> age_s(std::uint64_t start_ticks) {
    if (!uptime_s_) {
      const auto uptime = kernel::uptime_s(task_.files);
      uptime_s_ = uptime ? *uptime : 0;
    }
    const std::uint64_t started = start_ticks / static_cast<std::uint64_t>(sysconf(_SC_CLK_TCK));
    if (*uptime_s_ < started) return std::nullopt;
    return *uptime_s_ - started;
  }

  template <typename Number>
  void take(const facts::Process& row, std::string_view column, const Result<Number>& from, std::optional<Number>& to) {
    if (from) {
      to = *from;
    } else {
      cell_absent(row, column, from.error());
    }
  }

  void cell_absent(const facts::Process& row, std::string_view column, const Error& error) {
    task_.out.add_absence({"processes", std::string(column), task_.netns.name, std::to_string(row.pid), error.code,
                           error.message(), error.code == ErrorCode::denied ? "run as root" : ""});
  }

  void mark_absent(const Error& error) {
    for_each_owner_column([&](std::string_view table, std::string_view column) {
      task_.out.add_absence(
          {std::string(table), std::string(column), task_.netns.name, {}, error.code, error.message(), {}});
    });
    if (processes_ != nullptr) task_.out.add_absence("processes", task_.netns.name, error);
    if (cgroups_ != nullptr) task_.out.add_absence("cgroups", task_.netns.name, error);
  }

  // Sockets whose holder was not found although it may exist. Without a reason to think so NULL is the truth: the
  // kernel's own sockets have none.
  void mark_unseen(const kernel::HoldersFound& found) {
    const bool root = geteuid() == 0;
    const bool denied = found.unreadable > 0 || !root;
    if (!denied && !found.cut_short && !kernel::in_nested_pid_namespace()) return;
    facts::Absence absence;
    absence.netns = task_.netns.name;
    absence.reason = "not found who holds " + std::to_string(found.not_found) + " of " +
                     std::to_string(inodes_.size()) + " sockets: ";
    if (denied) {
      absence.code = ErrorCode::denied;
      absence.reason += "the descriptors of " + std::to_string(found.unreadable) + " of the processes are not readable";
      if (kernel::may_trace_processes()) {
        absence.reason += ", even with CAP_SYS_PTRACE";  // a security module or the process itself forbids it
      } else {
        absence.remedy = root ? "give it CAP_SYS_PTRACE" : "run as root";
      }
    } else if (found.cut_short) {
      absence.code = ErrorCode::limit;
      absence.reason += "processes have too many descriptors to look at them all";
    } else {
      absence.code = ErrorCode::unsupported;
      absence.reason += "processes outside of this pid namespace cannot be seen";
      absence.remedy = "run in the host's pid namespace";
    }
    for_each_owner_column([&](std::string_view table, std::string_view column) {
      if (!ownerless(table)) return;
      absence.table = table;
      absence.column = column;
      task_.out.add_absence(absence);
    });
    const auto unseen = [&](const OwnedSocket& each) { return owner_of_[index_.find(each.inode)] == nullptr; };
    if (!wants_processes() || std::none_of(owned_.begin(), owned_.end(), unseen)) return;
    absence.column.clear();
    for (const std::string_view table : {"processes", "cgroups"}) {
      absence.table = table;
      if (task_.asked(table) != nullptr) task_.out.add_absence(absence);
    }
  }

  template <typename Row>
  [[nodiscard]] bool any_ownerless(std::size_t from) const {
    const auto& rows = task_.out.rows<Row>();
    return std::any_of(rows.begin() + static_cast<std::ptrdiff_t>(from), rows.end(), [&](const Row& row) {
      return row.owner == nullptr && index_.find(row.inode) != NumberIndex::kNone;
    });
  }
  [[nodiscard]] bool ownerless(std::string_view table) const {
    if (table == "listeners") return any_ownerless<facts::Listener>(begin_.listeners);
    if (table == "connections") return any_ownerless<facts::Connection>(begin_.connections);
    return any_ownerless<facts::UdpSocket>(begin_.udp);
  }

  template <typename Visit>
  void for_each_owner_column(const Visit& visit) const {
    for (const std::string_view table : kTablesWithOwner) {
      for (const std::string_view column : kOwnerColumns) {
        if (wants(table, column)) visit(table, column);
      }
    }
  }

  const Task& task_;
  const SocketRowsBegin& begin_;
  const std::vector<OwnedSocket>& owned_;
  bool listeners_ = false;
  bool connections_ = false;
  bool udp_ = false;
  const TableRequest* processes_ = nullptr;
  const TableRequest* cgroups_ = nullptr;
  std::vector<ListeningProcess> listening_;
  std::vector<std::uint32_t> inodes_;
  NumberIndex index_;
  std::vector<Holding> holdings_;
  std::vector<const SocketOwner*> owner_of_;
  std::map<std::uint32_t, Symbol> users_;
  std::optional<std::uint64_t> uptime_s_;
};

}  // namespace

void gather_owners(const Task& task, const SocketRowsBegin& begin, const std::vector<OwnedSocket>& owned) {
  Owners(task, begin, owned).run();
}

}  // namespace hostcheck::gather

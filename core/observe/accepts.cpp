#include <algorithm>
#include <map>

#include "core/kernel/process.h"
#include "core/observe/tables.h"

namespace hostcheck::observe {
namespace {

using facts::Witness;

// Address and port: what an accept queue is known by from outside. Sockets that share them are taken together, since a
// handshake does not tell which of them got it.
using Place = std::pair<IpAddress, std::uint16_t>;

struct Queue {
  std::vector<std::uint64_t> inodes;
  std::uint64_t established = 0;
  std::uint64_t start = 0;
  std::uint64_t end = 0;
};

std::map<Place, Queue> queues_of(const Surroundings& place, std::uint32_t netns, const TraceRecord& record) {
  std::map<Place, Queue> queues;
  for (const auto& [cookie, listener] : place.listeners()) {
    Queue& queue = queues[{listener.address, listener.port}];
    queue.inodes.push_back(listener.inode);
    queue.start += listener.queue_first;
    queue.end += listener.queue_last;
  }
  for (const auto& [key, service] : record.services) {
    if (key.netns != netns) continue;
    const auto listener = place.listener_for(address_of(key.address), key.port);
    if (listener) queues[{listener->address, listener->port}].established += service.completed;
  }
  return queues;
}

// The lowest process that holds each socket, by inode.
std::map<std::uint64_t, std::uint32_t> holders_of(const kernel::FileTree& files, const Surroundings& place,
                                                  facts::Facts& out) {
  std::vector<std::uint32_t> inodes;
  for (const auto& [cookie, listener] : place.listeners()) {
    if (listener.inode != 0) inodes.push_back(static_cast<std::uint32_t>(listener.inode));
  }
  std::sort(inodes.begin(), inodes.end());
  inodes.erase(std::unique(inodes.begin(), inodes.end()), inodes.end());
  std::map<std::uint64_t, std::uint32_t> holders;
  if (inodes.empty()) return holders;
  const auto absent = [&](ErrorCode code, const std::string& reason, const char* remedy) {
    for (const char* column : {"pid", "process"}) {
      out.add_absence({"accepts", column, place.netns().name, {}, code, reason, remedy});
    }
  };
  const auto found = kernel::find_holders(files, {.inodes = inodes, .netns_inode = place.netns().inode});
  if (!found) {
    absent(found.error().code, found.error().message(), "");
    return holders;
  }
  if (found->not_found > 0 && found->unreadable > 0) {
    absent(ErrorCode::denied, "the descriptors of " + std::to_string(found->unreadable) + " processes are not readable",
           "run as root, or give it CAP_SYS_PTRACE");
  }
  for (const kernel::Holding& each : found->holdings) holders.emplace(inodes[each.position], each.pid);
  return holders;
}

}  // namespace

void fill_accepts(const Seen& seen, facts::Facts& out) {
  auto& rows = out.rows<facts::Accepts>();
  for (const auto& [netns, place] : seen.around) {
    for (const auto& [where, queue] : queues_of(place, netns, seen.record)) {
      facts::Accepts row;
      row.netns = out.intern(place.netns().name);
      row.address = where.first;
      row.port = where.second;
      row.sockets = static_cast<std::uint32_t>(queue.inodes.size());
      row.established = queue.established;
      // What came into the queue less what it grew by went to the program.
      const std::uint64_t in = queue.established + queue.start;
      row.taken = in > queue.end ? in - queue.end : 0;
      row.accept_queue_start = static_cast<std::uint32_t>(queue.start);
      row.accept_queue_end = static_cast<std::uint32_t>(queue.end);
      row.span_ms = static_cast<std::uint32_t>(seen.span.count());
      row.source = Witness::bpf;
      rows.push_back(row);
    }
  }
}

void fill_accept_owners(const std::map<std::uint32_t, Surroundings>& around, facts::Facts& out) {
  const kernel::FileTree files;
  auto& rows = out.rows<facts::Accepts>();
  for (const auto& [netns, place] : around) {
    const auto holders = holders_of(files, place, out);
    for (facts::Accepts& row : rows) {
      if (row.netns.view() != place.netns().name) continue;
      for (const auto& [cookie, listener] : place.listeners()) {
        const auto holder = holders.find(listener.inode);
        if (listener.address != row.address || listener.port != row.port || holder == holders.end()) continue;
        row.pid = std::min(row.pid.value_or(holder->second), holder->second);
      }
      if (row.pid) row.process = out.intern(kernel::process_name(files, *row.pid));
    }
  }
}

}  // namespace hostcheck::observe

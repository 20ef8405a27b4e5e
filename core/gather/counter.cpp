#include "core/gather/counter.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <unordered_set>

#include "core/facts/counter.h"
#include "core/kernel/proc_net.h"

namespace hostcheck::gather {
namespace {

// Sets of names that some reader wants; nullopt wants all.
class NameFilter {
 public:
  explicit NameFilter(std::optional<std::vector<std::string>> names) : names_(std::move(names)) {
    if (names_) set_.insert(names_->begin(), names_->end());
  }
  [[nodiscard]] bool accepts(std::string_view name) const { return !names_ || set_.contains(name); }

 private:
  std::optional<std::vector<std::string>> names_;
  std::unordered_set<std::string_view> set_;  // views into names_
};

struct CounterFile {
  std::string_view path;
  bool ipv6 = false;
  // Protocols that are in this file only; "" stands for all that are not in another one.
  std::array<std::string_view, 6> protocols{};
};

constexpr std::array<CounterFile, 3> kFiles = {{
    {"/proc/net/snmp", false, {"Ip", "Icmp", "IcmpMsg", "Tcp", "Udp", "UdpLite"}},
    {"/proc/net/snmp6", true, {"Ip6", "Icmp6", "Udp6", "UdpLite6"}},
    {"/proc/net/netstat", false, {""}},
}};

bool names(const CounterFile& file, std::string_view protocol) {
  return std::find(file.protocols.begin(), file.protocols.end(), protocol) != file.protocols.end() && !protocol.empty();
}

// Whether the file can have rows for any of the protocols.
bool is_needed(const CounterFile& file, const std::optional<std::vector<std::string>>& protocols) {
  if (!protocols) return true;
  return std::any_of(protocols->begin(), protocols->end(), [&](const std::string& protocol) {
    if (names(file, protocol)) return true;
    return file.protocols[0].empty() && !names(kFiles[0], protocol) && !names(kFiles[1], protocol);
  });
}

// A kernel without IPv6, or with ipv6.disable=1, has neither file: there is nothing to count.
bool is_without_ipv6(const Task& task, const Error& error) {
  return error.code == ErrorCode::vanished && !task.files.exists("/proc/net/if_inet6");
}

void gather_counters(const Task& task) {
  const facts::TableRequest* request = task.asked("counters");
  if (request == nullptr) return;
  auto& rows = task.out.rows<facts::ProtocolCounter>();
  const auto protocols = request->only_text("protocol");
  const NameFilter wanted_protocol(protocols);
  const NameFilter wanted_name(request->only_text("name"));
  const Symbol netns = task.out.intern(task.netns.name);
  const auto wanted = [&](std::string_view protocol, std::string_view name) {
    return wanted_name.accepts(name) && wanted_protocol.accepts(protocol);
  };
  for (const CounterFile& file : kFiles) {
    if (!is_needed(file, protocols)) continue;
    const auto text = task.files.read(file.path);
    if (!text && file.ipv6 && is_without_ipv6(task, text.error())) continue;
    const auto values = text.and_then([&](const std::string& content) {
      return file.ipv6 ? kernel::parse_snmp6(content, file.path, wanted)
                       : kernel::parse_counter_lines(content, file.path, wanted);
    });
    if (!values) {
      task.out.add_absence("counters", task.netns.name, values.error());
      continue;
    }
    for (const kernel::CounterValue& each : *values) {
      facts::ProtocolCounter& row = rows.emplace_back();
      row.netns = netns;
      row.protocol = task.out.intern(each.protocol);
      row.name = task.out.intern(each.name);
      row.value = each.value;
      row.gauge = each.gauge;
    }
  }
}

void gather_sockstat(const Task& task) {
  auto& rows = task.out.rows<facts::SocketStatistic>();
  const Symbol netns = task.out.intern(task.netns.name);
  for (const std::string_view path : {"/proc/net/sockstat", "/proc/net/sockstat6"}) {
    const auto text = task.files.read(path);
    if (!text && path.ends_with('6') && is_without_ipv6(task, text.error())) continue;
    const auto values =
        text.and_then([&](const std::string& content) { return kernel::parse_sockstat(content, path); });
    if (!values) {
      task.out.add_absence("sockstat", task.netns.name, values.error());
      continue;
    }
    for (const kernel::SocketStatisticValue& each : *values) {
      rows.push_back({netns, task.out.intern(each.protocol), task.out.intern(each.name), each.value});
    }
  }
}

void gather_protocols(const Task& task) {
  constexpr std::string_view kPath = "/proc/net/protocols";
  auto& rows = task.out.rows<facts::Protocol>();
  const auto text = task.files.read(kPath);
  const auto lines = text.and_then([&](const std::string& content) { return kernel::parse_protocols(content, kPath); });
  if (!lines) {
    task.out.add_absence("protocols", task.netns.name, lines.error());
    return;
  }
  const Symbol netns = task.out.intern(task.netns.name);
  for (const kernel::ProtocolLine& each : *lines) {
    rows.push_back({netns, task.out.intern(each.name), each.size_bytes, each.sockets, each.memory_pages,
                    task.out.intern(each.pressure), each.max_header_bytes, each.slab, task.out.intern(each.module)});
  }
}

}  // namespace

const Source& counter_source() {
  static constexpr std::array<std::string_view, 1> kTables = {"counters"};
  static const Source source{"counters", Where::each_namespace, kTables, gather_counters};
  return source;
}

const Source& sockstat_source() {
  static constexpr std::array<std::string_view, 1> kTables = {"sockstat"};
  static const Source source{"sockstat", Where::each_namespace, kTables, gather_sockstat};
  return source;
}

const Source& protocol_source() {
  static constexpr std::array<std::string_view, 1> kTables = {"protocols"};
  static const Source source{"protocols", Where::each_namespace, kTables, gather_protocols};
  return source;
}

}  // namespace hostcheck::gather

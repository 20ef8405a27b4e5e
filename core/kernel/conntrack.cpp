#include "core/kernel/conntrack.h"

#include <array>
#include <string>

#include <arpa/inet.h>
#include <linux/netfilter/nfnetlink_conntrack.h>

#include "core/base/text.h"
#include "core/kernel/nfnetlink.h"

namespace hostcheck::kernel {
namespace {

using facts::ConntrackCpu;

constexpr std::string_view kFolder = "/proc/sys/net/netfilter";

// A sysctl's number; nullopt where the namespace has no such sysctl.
Result<std::optional<std::uint64_t>> read_sysctl(const FileTree& files, std::string_view name) {
  const auto text = files.read(std::string(kFolder) + "/" + std::string(name));
  if (!text) {
    if (text.error().code == ErrorCode::vanished) return std::nullopt;
    return unexpected(text.error());
  }
  const auto number = parse_number<std::uint64_t>(trim(*text));
  if (!number) return unexpected(make_error(ErrorCode::failed, "read sysctl", name, "it is no number: " + *text));
  return *number;
}

struct Statistic {
  std::uint16_t attribute;
  std::string_view file_column;  // of /proc/net/stat/nf_conntrack
  std::optional<facts::Counter> ConntrackCpu::*member;
};
constexpr std::array<Statistic, 10> kStatistics = {{
    {CTA_STATS_FOUND, "found", &ConntrackCpu::found},
    {CTA_STATS_INVALID, "invalid", &ConntrackCpu::invalid},
    {CTA_STATS_INSERT, "insert", &ConntrackCpu::insert},
    {CTA_STATS_INSERT_FAILED, "insert_failed", &ConntrackCpu::insert_failed},
    {CTA_STATS_DROP, "drop", &ConntrackCpu::drop},
    {CTA_STATS_EARLY_DROP, "early_drop", &ConntrackCpu::early_drop},
    {CTA_STATS_ERROR, "icmp_error", &ConntrackCpu::error},
    {CTA_STATS_SEARCH_RESTART, "search_restart", &ConntrackCpu::search_restart},
    {CTA_STATS_CLASH_RESOLVE, "clashres", &ConntrackCpu::clash_resolve},
    {CTA_STATS_CHAIN_TOOLONG, "chaintoolong", &ConntrackCpu::chaintoolong},
}};

}  // namespace

Result<std::optional<std::uint64_t>> count_of_conntrack(const FileTree& files) {
  return read_sysctl(files, "nf_conntrack_count");
}

Result<facts::Conntrack> read_conntrack(const FileTree& files) {
  facts::Conntrack row;
  auto entries = read_sysctl(files, "nf_conntrack_count");
  if (!entries) return unexpected(entries.error());
  row.entries = entries->value_or(0);
  const std::array<std::pair<std::string_view, std::optional<std::uint64_t> facts::Conntrack::*>, 3> limits = {{
      {"nf_conntrack_max", &facts::Conntrack::max},
      {"nf_conntrack_buckets", &facts::Conntrack::buckets},
      {"nf_conntrack_expect_max", &facts::Conntrack::expect_max},
  }};
  for (const auto& [name, member] : limits) {
    auto number = read_sysctl(files, name);
    if (!number) return unexpected(number.error());
    row.*member = *number;
  }
  return row;
}

Result<std::vector<facts::ConntrackTimeout>> read_conntrack_timeouts(const FileTree& files, facts::Facts& pool) {
  constexpr std::string_view kBegin = "nf_conntrack_";
  constexpr std::string_view kMiddle = "_timeout";
  std::vector<facts::ConntrackTimeout> rows;
  const auto names = files.list(kFolder);
  if (!names) {
    if (names.error().code == ErrorCode::vanished) return rows;
    return unexpected(names.error());
  }
  for (const std::string_view name : *names) {
    if (!name.starts_with(kBegin)) continue;
    const std::string_view rest = name.substr(kBegin.size());
    const std::size_t middle = rest.find(kMiddle);
    if (middle == std::string_view::npos) continue;
    const std::string_view protocol = rest.substr(0, middle);
    std::string_view state = rest.substr(middle + kMiddle.size());
    if (protocol == "frag6" || (!state.empty() && state.front() != '_')) continue;  // reassembly, not an entry
    if (!state.empty()) state.remove_prefix(1);
    auto seconds = read_sysctl(files, name);
    if (!seconds) return unexpected(seconds.error());
    if (!*seconds) continue;
    facts::ConntrackTimeout row;
    row.protocol = pool.intern(protocol);
    row.state = pool.intern(state);
    row.timeout_s = **seconds;
    rows.push_back(row);
  }
  return rows;
}

Result<std::vector<ConntrackCpu>> dump_conntrack_cpu(NetlinkSocket& socket) {
  std::vector<ConntrackCpu> rows;
  NetlinkRequest request = nfnetlink_request(NFNL_SUBSYS_CTNETLINK, IPCTNL_MSG_CT_GET_STATS_CPU, AF_UNSPEC);
  const auto done = socket.dump(
      request, "conntrack statistics dump",
      [&](const nlmsghdr& message) -> Result<void> {
        const auto* header = header_of<nfgenmsg>(message);
        std::array<std::span<const std::uint8_t>, CTA_STATS_MAX + 1> table;
        if (header == nullptr || !parse_attributes(attributes_of(message, sizeof *header), table)) {
          return unexpected(make_error(ErrorCode::failed, "conntrack statistics dump", {}, "malformed answer"));
        }
        ConntrackCpu row;
        row.cpu = ntohs(header->res_id);
        for (const Statistic& each : kStatistics) {
          if (table[each.attribute].data() != nullptr)
            row.*each.member = facts::Counter(read_be32(table[each.attribute]));
        }
        rows.push_back(row);
        return {};
      },
      [&] { rows.clear(); });
  if (!done) return unexpected(done.error());
  return rows;
}

std::vector<ConntrackCpu> parse_conntrack_stat(std::string_view text) {
  std::vector<ConntrackCpu> rows;
  const auto lines = split_lines(text);
  if (lines.empty()) return rows;
  const auto names = split_fields(lines.front());
  for (std::size_t line = 1; line < lines.size(); ++line) {
    const auto fields = split_fields(lines[line]);
    ConntrackCpu row;
    row.cpu = static_cast<std::uint32_t>(line - 1);
    for (std::size_t i = 0; i < fields.size() && i < names.size(); ++i) {
      for (const Statistic& each : kStatistics) {
        if (each.file_column != names[i]) continue;
        if (const auto number = parse_number<std::uint32_t>(fields[i], 16)) row.*each.member = facts::Counter(*number);
      }
    }
    rows.push_back(row);
  }
  return rows;
}

Result<std::vector<ConntrackCpu>> read_conntrack_cpu(const FileTree& files) {
  const auto text = files.read("/proc/net/stat/nf_conntrack");
  if (!text) return unexpected(text.error());
  return parse_conntrack_stat(*text);
}

Result<std::vector<facts::ConntrackEntries>> count_conntrack(NetlinkSocket& socket, std::uint8_t family,
                                                             facts::Facts& pool) {
  ConntrackCounts counts;
  NetlinkRequest request = nfnetlink_request(NFNL_SUBSYS_CTNETLINK, IPCTNL_MSG_CT_GET, family);
  const auto done = socket.dump(
      request, "conntrack dump",
      [&](const nlmsghdr& message) -> Result<void> {
        if (counts.add(message)) return {};
        return unexpected(make_error(ErrorCode::failed, "conntrack dump", {}, "malformed answer"));
      },
      [&] { counts.clear(); });
  if (!done) return unexpected(done.error());
  return counts.rows(pool);
}

Result<std::vector<facts::ConntrackEntries>> count_conntrack_file(const FileTree& files, facts::Facts& pool) {
  constexpr std::size_t kMaxBytes = 16UL << 20;
  const auto text = files.read("/proc/net/nf_conntrack", kMaxBytes);
  if (!text) return unexpected(text.error());
  ConntrackCounts counts;
  for (const std::string_view line : split_lines(*text)) {
    if (!counts.add_line(line)) {
      return unexpected(
          make_error(ErrorCode::failed, "read", "/proc/net/nf_conntrack", "a line that is not understood"));
    }
  }
  return counts.rows(pool);
}

}  // namespace hostcheck::kernel

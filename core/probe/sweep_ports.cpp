#include "core/probe/sweep_ports.h"

#include <algorithm>

#include "core/base/text.h"
#include "core/kernel/procfs.h"

namespace hostcheck::probe {
namespace {

constexpr std::size_t kCandidates = 16;

// The file's content, as the probe's namespace shows it; "" where it cannot be read.
std::string setting(const Context& context, std::string_view path) {
  const auto scope = kernel::NetnsScope::enter(context.netns());
  if (!scope) return {};
  return kernel::FileTree().read(path, 1UL << 20U).value_or(std::string{});
}

}  // namespace

PortRange local_port_range(const Context& context) {
  const std::string text = setting(context, "/proc/sys/net/ipv4/ip_local_port_range");
  const auto lines = split_lines(text);
  const auto fields = split_fields(lines.empty() ? std::string_view{} : lines.front());
  if (fields.size() != 2) return {};
  const auto first = parse_number<std::uint16_t>(fields[0]);
  const auto last = parse_number<std::uint16_t>(fields[1]);
  if (!first || !last || *first == 0 || *first > *last) return {};
  return {*first, *last};
}

std::vector<PortRange> parse_port_ranges(std::string_view text) {
  std::vector<PortRange> out;
  text = trim(text);
  while (!text.empty()) {
    const std::string_view part = text.substr(0, text.find(','));
    text.remove_prefix(std::min(text.size(), part.size() + 1));
    const std::size_t dash = part.find('-');
    const auto first = parse_number<std::uint16_t>(part.substr(0, dash));
    const auto last = dash == std::string_view::npos ? first : parse_number<std::uint16_t>(part.substr(dash + 1));
    if (first && last && *first <= *last) out.push_back({*first, *last});
  }
  return out;
}

std::vector<PortRange> reserved_ports(const Context& context) {
  return parse_port_ranges(setting(context, "/proc/sys/net/ipv4/ip_local_reserved_ports"));
}

std::vector<std::vector<std::uint16_t>> spread_ports(std::size_t count, PortRange range,
                                                     const std::vector<PortRange>& reserved, std::mt19937_64& random) {
  std::vector<std::vector<std::uint16_t>> out;
  const std::uint32_t size = std::uint32_t{range.last} - range.first + 1;
  count = std::min<std::size_t>(count, size);
  for (std::size_t each = 0; each < count; ++each) {
    const auto begin = static_cast<std::uint32_t>(each * size / count);
    const auto end = static_cast<std::uint32_t>((each + 1) * size / count);
    const std::uint32_t width = std::max(1U, end - begin);
    const auto start = static_cast<std::uint32_t>(random() % width);
    std::vector<std::uint16_t> candidates;
    for (std::uint32_t step = 0; step < width && candidates.size() < kCandidates; ++step) {
      const auto port = static_cast<std::uint16_t>(range.first + begin + (start + step) % width);
      const bool taken = std::any_of(reserved.begin(), reserved.end(),
                                     [&](const PortRange& other) { return port >= other.first && port <= other.last; });
      if (!taken) candidates.push_back(port);
    }
    // The wanted parity first.
    std::stable_partition(candidates.begin(), candidates.end(),
                          [&](std::uint16_t port) { return port % 2 == each % 2; });
    if (!candidates.empty()) out.push_back(std::move(candidates));
  }
  return out;
}

std::vector<std::vector<std::uint16_t>> candidate_ports(const Context& context, std::size_t count,
                                                        std::optional<std::uint16_t> first, std::mt19937_64& random) {
  if (!first) return spread_ports(count, local_port_range(context), reserved_ports(context), random);
  std::vector<std::vector<std::uint16_t>> out;
  for (std::size_t each = 0; each < count && *first + each <= 65535; ++each) {
    out.push_back({static_cast<std::uint16_t>(*first + each)});
  }
  return out;
}

}  // namespace hostcheck::probe

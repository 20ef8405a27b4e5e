#include "core/kernel/symbols.h"

#include <algorithm>
#include <charconv>
#include <string_view>
#include <vector>

#include "core/kernel/procfs.h"

namespace hostcheck::kernel {

Result<std::map<std::uint64_t, std::string>> functions_at(std::span<const std::uint64_t> addresses) {
  std::map<std::uint64_t, std::string> names;
  if (addresses.empty()) return names;
  const auto text = FileTree().read("/proc/kallsyms");
  if (!text) return unexpected(text.error());

  struct Best {
    std::uint64_t wanted = 0;
    std::uint64_t start = 0;
    std::string_view name;
  };
  std::vector<Best> best;
  for (const std::uint64_t address : addresses) best.push_back({address, 0, {}});
  std::sort(best.begin(), best.end(), [](const Best& a, const Best& b) { return a.wanted < b.wanted; });

  std::string_view rest = *text;
  bool any = false;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    // "ffffffff81000000 T name", with " [module]" behind the name of a module's function
    std::uint64_t start = 0;
    const auto [after, error] = std::from_chars(line.data(), line.data() + line.size(), start, 16);
    const auto at = static_cast<std::size_t>(after - line.data());
    if (error != std::errc{} || start == 0 || line.size() < at + 4) continue;
    any = true;
    const char type = line[at + 1];
    if (type != 't' && type != 'T' && type != 'w' && type != 'W') continue;
    for (Best& each : best) {
      if (each.wanted < start || start <= each.start) continue;
      each.start = start;
      const std::string_view name = line.substr(at + 3);
      each.name = name.substr(0, name.find_first_of(" \t"));
    }
  }
  if (!any) {
    return unexpected(
        make_error(ErrorCode::denied, "read", "/proc/kallsyms", "the kernel hides addresses (kptr_restrict)"));
  }
  for (const Best& each : best) {
    if (!each.name.empty()) names.emplace(each.wanted, each.name);
  }
  return names;
}

}  // namespace hostcheck::kernel

#include "core/probe/hosts_file.h"

#include <algorithm>
#include <cctype>

#include "core/base/text.h"
#include "core/kernel/resolv_conf.h"

namespace hostcheck::probe {
namespace {

bool same_name(std::string_view one, std::string_view other) {
  if (one.ends_with('.')) one.remove_suffix(1);
  if (other.ends_with('.')) other.remove_suffix(1);
  return std::equal(one.begin(), one.end(), other.begin(), other.end(),
                    [](unsigned char a, unsigned char b) { return std::tolower(a) == std::tolower(b); });
}

}  // namespace

std::vector<IpAddress> addresses_in_hosts(std::string_view text, std::string_view name) {
  std::vector<IpAddress> out;
  for (const std::string_view line : split_lines(text)) {
    const auto fields = split_fields(line.substr(0, line.find('#')));
    if (fields.size() < 2) continue;
    const auto address = IpAddress::parse(fields[0]);
    const bool named = std::any_of(fields.begin() + 1, fields.end(), [&](auto each) { return same_name(each, name); });
    if (address && named && std::find(out.begin(), out.end(), *address) == out.end()) out.push_back(*address);
  }
  return out;
}

std::vector<IpAddress> addresses_in_hosts_file(const kernel::NetnsInfo& netns, std::string_view name) {
  const kernel::FileTree files;
  const auto text = files.read(kernel::hosts_path(files, netns), 16UL << 20U);
  return text ? addresses_in_hosts(*text, name) : std::vector<IpAddress>{};
}

}  // namespace hostcheck::probe

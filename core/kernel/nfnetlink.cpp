#include "core/kernel/nfnetlink.h"

#include <algorithm>
#include <string>

#include "core/base/text.h"

namespace hostcheck::kernel {
namespace {

template <typename Number>
Number read_be(std::span<const std::uint8_t> payload) {
  if (payload.size() < sizeof(Number)) return 0;
  Number value = 0;
  for (std::size_t i = 0; i < sizeof(Number); ++i)
    value = static_cast<Number>((std::uint64_t{value} << 8) | payload[i]);
  return value;
}

// "kernel/net/netfilter/nf-tables.ko" names module nf_tables.
bool names_module(std::string_view path, std::string_view module) {
  path.remove_prefix(std::min(path.find_last_of('/') + 1, path.size()));
  if (!path.ends_with(".ko")) return false;
  path.remove_suffix(3);
  return std::equal(path.begin(), path.end(), module.begin(), module.end(),
                    [](char a, char b) { return a == b || (a == '-' && b == '_'); });
}

}  // namespace

Result<NetlinkSocket> open_nfnetlink() {
  return NetlinkSocket::open(NETLINK_NETFILTER);
}

NetlinkRequest nfnetlink_request(std::uint8_t subsystem, std::uint8_t message, std::uint8_t family) {
  NetlinkRequest request(static_cast<std::uint16_t>(subsystem << 8 | message), 0);
  request.header<nfgenmsg>().nfgen_family = family;
  return request;
}

std::uint16_t read_be16(std::span<const std::uint8_t> payload) {
  return read_be<std::uint16_t>(payload);
}
std::uint32_t read_be32(std::span<const std::uint8_t> payload) {
  return read_be<std::uint32_t>(payload);
}
std::uint64_t read_be64(std::span<const std::uint8_t> payload) {
  return read_be<std::uint64_t>(payload);
}

bool AttributeReader::next() {
  if (left_.size() < NLA_HDRLEN) return false;
  nlattr header{};
  __builtin_memcpy(&header, left_.data(), sizeof header);
  if (header.nla_len < NLA_HDRLEN || header.nla_len > left_.size()) {
    bad_ = true;
    left_ = {};
    return false;
  }
  type_ = header.nla_type & NLA_TYPE_MASK;
  payload_ = left_.subspan(NLA_HDRLEN, header.nla_len - NLA_HDRLEN);
  left_ = left_.subspan(std::min<std::size_t>(NLA_ALIGN(header.nla_len), left_.size()));
  return true;
}

Result<bool> module_present(const FileTree& files, std::string_view module) {
  const auto loaded = files.read("/proc/modules");
  if (!loaded) {
    if (loaded.error().code == ErrorCode::vanished) return true;  // no loadable modules: nothing can be loaded
    return unexpected(loaded.error());
  }
  for (const std::string_view line : split_lines(*loaded)) {
    if (line.starts_with(module) && line.substr(module.size()).starts_with(' ')) return true;
  }
  const auto release = files.read("/proc/sys/kernel/osrelease");
  if (!release) return unexpected(release.error());
  const auto built_in = files.read("/lib/modules/" + std::string(trim(*release)) + "/modules.builtin");
  if (!built_in) {
    return unexpected(make_error(ErrorCode::unsupported, "look for module", module,
                                 "it is not loaded, and without " + built_in.error().object +
                                     " it cannot be told whether it is built in; asking could load it"));
  }
  const auto lines = split_lines(*built_in);
  return std::any_of(lines.begin(), lines.end(), [&](std::string_view line) { return names_module(line, module); });
}

}  // namespace hostcheck::kernel

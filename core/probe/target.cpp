#include "core/probe/target.h"

#include <algorithm>

#include "core/base/address.h"
#include "core/base/text.h"

namespace hostcheck::probe {
namespace {

auto wrong(std::string_view text, std::string_view why) {
  return unexpected(make_error(ErrorCode::invalid, "target", text, why));
}

}  // namespace

Result<Target> parse_target(std::string_view text) {
  Target out;
  std::string_view port;
  bool has_port = false;
  if (!text.empty() && text.front() == '[') {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos) return wrong(text, "'[' without ']'");
    out.host = text.substr(1, end - 1);
    if (!IpAddress::parse(out.host)) return wrong(text, "between '[' and ']' belongs an IPv6 address");
    const std::string_view rest = text.substr(end + 1);
    if (!rest.empty() && rest.front() != ':') return wrong(text, "behind ']' only ':PORT' may follow");
    has_port = !rest.empty();
    if (has_port) port = rest.substr(1);
  } else if (std::count(text.begin(), text.end(), ':') == 1) {
    out.host = text.substr(0, text.find(':'));
    port = text.substr(text.find(':') + 1);
    has_port = true;
  } else {
    out.host = text;
  }
  if (out.host.empty()) return wrong(text, "a host is missing");
  const bool name = out.host.find_first_of(":/ \t\n") == std::string::npos;
  if (!name && !IpAddress::parse(std::string_view(out.host).substr(0, out.host.find('%')))) {
    return wrong(text, "is neither an address nor a name");
  }
  if (!has_port) return out;
  const auto number = parse_number<std::uint16_t>(port);
  if (!number || *number == 0) return wrong(text, "a port is a number from 1 to 65535");
  out.port = *number;
  return out;
}

}  // namespace hostcheck::probe

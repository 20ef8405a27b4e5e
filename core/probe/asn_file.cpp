#include "core/probe/asn_file.h"

#include <algorithm>
#include <fstream>
#include <optional>
#include <string_view>

#include "core/base/text.h"

namespace hostcheck::probe {
namespace {

struct Entry {
  IpAddress first;
  std::optional<IpAddress> last;  // of a range; else a prefix
  unsigned prefix_length = 0;
  Network network;
  [[nodiscard]] bool has(const IpAddress& address) const {
    if (address.family() != first.family()) return false;
    return last ? first <= address && address <= *last : address.in_prefix(first, prefix_length);
  }
};

std::optional<std::uint32_t> parse_asn(std::string_view text) {
  if (text.starts_with("AS") || text.starts_with("as")) text.remove_prefix(2);
  return parse_number<std::uint32_t>(text);
}

// Takes the text before the separator off the front.
std::string_view next_field(std::string_view& rest, char separator) {
  const std::size_t end = std::min(rest.find(separator), rest.size());
  const std::string_view out = trim(rest.substr(0, end));
  rest.remove_prefix(std::min(end + 1, rest.size()));
  if (separator == ' ') rest = trim(rest);
  return out;
}

bool parse_prefix(std::string_view text, Entry& out) {
  const std::size_t slash = text.find('/');
  const auto address = IpAddress::parse(text.substr(0, slash));
  if (!address) return false;
  out.first = *address;
  out.prefix_length = static_cast<unsigned>(address->size() * 8);
  if (slash == std::string_view::npos) return true;
  const auto length = parse_number<unsigned>(text.substr(slash + 1));
  if (!length || *length > address->size() * 8) return false;
  out.prefix_length = *length;
  return true;
}

std::optional<Entry> parse_line(std::string_view line) {
  const char separator = line.find('\t') != std::string_view::npos  ? '\t'
                         : line.find('|') != std::string_view::npos ? '|'
                                                                    : ' ';
  std::string_view rest = line;
  Entry out;
  if (!parse_prefix(next_field(rest, separator), out)) return std::nullopt;
  std::string_view field = next_field(rest, separator);
  if (const auto last = IpAddress::parse(field); last && separator == '\t') {
    if (last->family() != out.first.family()) return std::nullopt;
    out.last = *last;
    field = next_field(rest, separator);
    if (const auto asn = parse_asn(field)) {
      out.network.asn = *asn;
      (void)next_field(rest, separator);  // the country
      out.network.name = trim(rest);
      return out;
    }
    return std::nullopt;
  }
  const auto asn = parse_asn(field);
  if (!asn) return std::nullopt;
  out.network = {*asn, std::string(trim(rest))};
  return out;
}

// Whether a is inside b.
bool narrower(const Entry& a, const Entry& b) {
  if (!a.last && !b.last) return a.prefix_length > b.prefix_length;
  if (a.last && b.last) return b.first <= a.first && *a.last <= *b.last;
  return !a.last;
}

}  // namespace

Result<std::map<IpAddress, Network>> find_networks(std::istream& lines, const std::string& name,
                                                   const std::vector<IpAddress>& addresses) {
  std::map<IpAddress, Entry> best;
  std::string line;
  for (std::size_t number = 1; std::getline(lines, line); ++number) {
    const std::string_view text = trim(line);
    if (text.empty() || text.front() == '#') continue;
    const auto entry = parse_line(text);
    if (!entry) {
      return unexpected(make_error(ErrorCode::invalid, "networks", name + ":" + std::to_string(number),
                                   "neither \"PREFIX ASN NAME\" nor a line of iptoasn"));
    }
    for (const IpAddress& address : addresses) {
      if (!entry->has(address)) continue;
      const auto [slot, added] = best.try_emplace(address, *entry);
      if (!added && narrower(*entry, slot->second)) slot->second = *entry;
    }
  }
  if (lines.bad()) return unexpected(make_error(ErrorCode::invalid, "networks", name, "cannot be read"));
  std::map<IpAddress, Network> out;
  for (auto& [address, entry] : best) {
    if (entry.network.asn != 0) out.emplace(address, std::move(entry.network));
  }
  return out;
}

Result<std::map<IpAddress, Network>> find_networks(const std::string& path, const std::vector<IpAddress>& addresses) {
  std::ifstream file(path);
  if (!file) return unexpected(make_error(ErrorCode::invalid, "networks", path, "cannot be read"));
  return find_networks(file, path, addresses);
}

}  // namespace hostcheck::probe

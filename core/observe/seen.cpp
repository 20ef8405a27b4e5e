#include "core/observe/seen.h"

#include <span>

namespace hostcheck::observe {

using facts::Direction;

IpAddress address_of(const observe_address& raw) {
  const IpAddress address = IpAddress::from_bytes(raw.bytes);
  return address.is_v4_mapped() ? IpAddress::from_bytes(std::span(raw.bytes).subspan(12)) : address;
}

const Surroundings* around_of(const Seen& seen, std::uint32_t netns) {
  const auto found = seen.around.find(netns);
  return found == seen.around.end() ? nullptr : &found->second;
}

std::uint32_t since_start(const Seen& seen, std::uint64_t ns) {
  return ns <= seen.record.started_ns ? 0 : static_cast<std::uint32_t>((ns - seen.record.started_ns) / 1'000'000);
}

Symbol interface_of(const Seen& seen, facts::Facts& out, std::uint32_t netns, std::uint32_t ifindex) {
  const auto found = seen.names.interfaces.find({netns, ifindex});
  return found == seen.names.interfaces.end() ? Symbol{} : out.intern(found->second);
}

std::string_view place_of(const Seen& seen, std::uint64_t address) {
  const auto found = seen.names.places.find(address);
  return found == seen.names.places.end() ? std::string_view{} : std::string_view(found->second);
}

std::string_view drop_word(const Seen& seen, std::uint32_t reason) {
  if (!seen.record.has_drop_reasons) return {};
  const auto found = seen.names.drop_reasons.find(reason);
  return found == seen.names.drop_reasons.end() ? std::string_view{} : std::string_view(found->second);
}

std::uint32_t span_of(const Seen& seen) {
  return static_cast<std::uint32_t>(seen.span.count());
}

// Towards this namespace, from it, or through it.
Direction direction_of(const Surroundings& around, const IpAddress& source, const IpAddress& destination) {
  if (around.is_local(destination)) return Direction::in;
  return around.is_local(source) ? Direction::out : Direction::forwarded;
}

}  // namespace hostcheck::observe

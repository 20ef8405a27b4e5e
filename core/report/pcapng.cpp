#include "core/report/pcapng.h"

#include <algorithm>
#include <array>
#include <concepts>
#include <cstring>
#include <string_view>

namespace hostcheck::report {
namespace {

constexpr std::uint32_t kSection = 0x0a0d0d0a;
constexpr std::uint32_t kByteOrder = 0x1a2b3c4d;
constexpr std::uint32_t kInterface = 1;
constexpr std::uint32_t kEnhancedPacket = 6;
constexpr std::size_t kLongestOption = 65535;

// Options of their blocks.
constexpr std::uint16_t kComment = 1;
constexpr std::uint16_t kSectionOs = 3;
constexpr std::uint16_t kSectionApplication = 4;
constexpr std::uint16_t kInterfaceName = 2;
constexpr std::uint16_t kInterfaceDescription = 3;
constexpr std::uint16_t kInterfaceTimeResolution = 9;
constexpr std::uint16_t kPacketFlags = 2;
constexpr std::uint32_t kInbound = 1;
constexpr std::uint32_t kOutbound = 2;

// A block's body: numbers in this host's byte order, everything padded to 32 bits.
class Body {
 public:
  template <std::integral Number>
  void put(Number value) {
    std::array<char, sizeof(Number)> bytes{};
    std::memcpy(bytes.data(), &value, sizeof(value));
    bytes_.append(bytes.data(), bytes.size());
  }
  void put_padded(std::string_view bytes) {
    bytes_ += bytes;
    bytes_.append((4 - bytes.size() % 4) % 4, '\0');
  }
  void put_option(std::uint16_t code, std::string_view value) {
    if (value.empty()) return;
    value = value.substr(0, kLongestOption);
    put(code);
    put(static_cast<std::uint16_t>(value.size()));
    put_padded(value);
    has_options_ = true;
  }
  // The block of this type around it, appended to out.
  void append_to(std::string& out, std::uint32_t type) {
    if (has_options_) put(std::uint32_t{0});  // opt_endofopt
    Body frame;
    const auto length = static_cast<std::uint32_t>(bytes_.size() + 12);
    frame.put(type);
    frame.put(length);
    frame.bytes_ += bytes_;
    frame.put(length);
    out += frame.bytes_;
  }

 private:
  std::string bytes_;
  bool has_options_ = false;
};

void append_section(const PcapFile& file, std::string& out) {
  Body body;
  body.put(kByteOrder);
  body.put(std::uint16_t{1});
  body.put(std::uint16_t{0});
  body.put(std::int64_t{-1});  // its length is not told
  body.put_option(kSectionOs, file.os);
  body.put_option(kSectionApplication, file.application);
  body.put_option(kComment, file.comment);
  body.append_to(out, kSection);
}

void append_interface(const PcapInterface& interface, std::uint32_t snap_length, std::string& out) {
  Body body;
  body.put(interface.link);
  body.put(std::uint16_t{0});
  body.put(snap_length);
  body.put_option(kInterfaceName, interface.name);
  body.put_option(kInterfaceDescription, interface.description);
  body.put_option(kInterfaceTimeResolution, "\x09");  // 10^-9 s
  body.append_to(out, kInterface);
}

void append_packet(const PcapPacket& packet, std::string& out) {
  Body body;
  const auto at = static_cast<std::uint64_t>(packet.at.count());
  const auto captured = static_cast<std::uint32_t>(packet.bytes.size());
  body.put(packet.interface);
  body.put(static_cast<std::uint32_t>(at >> 32U));
  body.put(static_cast<std::uint32_t>(at));
  body.put(captured);
  body.put(std::max(packet.length, captured));
  body.put_padded({reinterpret_cast<const char*>(packet.bytes.data()), packet.bytes.size()});
  const std::uint32_t flags = packet.outgoing ? kOutbound : kInbound;
  std::array<char, sizeof(flags)> bytes{};
  std::memcpy(bytes.data(), &flags, sizeof(flags));
  body.put_option(kPacketFlags, {bytes.data(), bytes.size()});
  body.put_option(kComment, packet.comment);
  body.append_to(out, kEnhancedPacket);
}

}  // namespace

std::string as_pcapng(const PcapFile& file) {
  std::string out;
  append_section(file, out);
  for (const PcapInterface& each : file.interfaces) append_interface(each, file.snap_length, out);
  for (const PcapPacket& each : file.packets) append_packet(each, out);
  return out;
}

}  // namespace hostcheck::report

#include "core/kernel/ethtool_ioctl.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

namespace hostcheck::kernel {
namespace {

// The kernel writes as many strings and numbers as the driver has at that moment, whatever room was announced: more
// than were counted just before, when queues are added meanwhile.
constexpr std::size_t kSlack = 4096;
constexpr std::size_t kMostWords = 127;  // link_mode_masks_nwords is a signed byte

template <std::size_t N>
std::string fixed_text(const char (&field)[N]) {
  return {field, strnlen(field, N)};
}

// A limit of 0 means that there is no such thing.
void put_pair(std::uint32_t value, std::uint32_t most, std::optional<std::uint32_t>& out,
              std::optional<std::uint32_t>& out_max) {
  if (most == 0) return;
  out = value;
  out_max = most;
}

// A command whose fixed part is followed by room for what the kernel answers.
template <typename Head, typename Item, std::size_t Items>
class Command {
 public:
  explicit Command(const Head& head) { set_head(head); }
  void* data() { return bytes_.data(); }
  void set_head(const Head& head) { std::memcpy(bytes_.data(), &head, sizeof head); }
  [[nodiscard]] Head head() const {
    Head head{};
    std::memcpy(&head, bytes_.data(), sizeof head);
    return head;
  }
  [[nodiscard]] std::array<Item, Items> items() const {
    std::array<Item, Items> items;
    std::memcpy(items.data(), bytes_.data() + sizeof(Head), sizeof items);
    return items;
  }

 private:
  alignas(std::uint64_t) std::array<std::uint8_t, sizeof(Head) + Items * sizeof(Item)> bytes_{};
};

}  // namespace

std::string_view NicStrings::operator[](std::size_t at) const {
  const char* text = block().data() + at * ETH_GSTRING_LEN;
  return {text, strnlen(text, ETH_GSTRING_LEN)};
}

std::span<const char> NicStrings::block() const {
  const auto* start = reinterpret_cast<const char*>(buffer_.data()) + sizeof(ethtool_gstrings);
  return {start, size_ * ETH_GSTRING_LEN};
}

Result<EthtoolIoctl> EthtoolIoctl::open() {
  // Any socket does; a kernel without IPv4 has no AF_INET.
  UniqueFd fd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!fd.valid()) fd.reset(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!fd.valid()) return unexpected(errno_error(errno, "open a socket for SIOCETHTOOL"));
  return EthtoolIoctl(std::move(fd));
}

Result<void> EthtoolIoctl::call(const std::string& ifname, void* command, std::string_view operation) {
  ifreq request{};
  if (ifname.size() >= sizeof request.ifr_name) {
    return unexpected(make_error(ErrorCode::invalid, operation, ifname, "the name is too long"));
  }
  std::memcpy(request.ifr_name, ifname.data(), ifname.size());
  request.ifr_data = static_cast<char*>(command);
  if (ioctl(fd_.get(), SIOCETHTOOL, &request) == 0) return {};
  return unexpected(errno_error(errno, operation, ifname));
}

Result<NicDriver> EthtoolIoctl::driver(const std::string& ifname) {
  ethtool_drvinfo info{};
  info.cmd = ETHTOOL_GDRVINFO;
  if (auto done = call(ifname, &info, "ETHTOOL_GDRVINFO"); !done) return unexpected(done.error());
  return NicDriver{fixed_text(info.driver), fixed_text(info.version), fixed_text(info.fw_version),
                   fixed_text(info.bus_info), info.n_stats};
}

Result<void> EthtoolIoctl::strings(const std::string& ifname, std::uint32_t set, std::uint32_t count,
                                   NicStrings& strings) {
  if (count == 0) {
    ethtool_sset_info info{};
    info.cmd = ETHTOOL_GSSET_INFO;
    info.sset_mask = 1ULL << set;
    Command<ethtool_sset_info, std::uint32_t, 1> asked(info);
    if (auto done = call(ifname, asked.data(), "ETHTOOL_GSSET_INFO"); !done) return done;
    if (asked.head().sset_mask != 0) count = asked.items()[0];
  }
  strings.size_ = 0;
  if (count == 0) return {};
  const std::size_t bytes = sizeof(ethtool_gstrings) + (count + kSlack) * ETH_GSTRING_LEN;
  strings.buffer_.resize(bytes / sizeof(std::uint64_t) + 1);
  ethtool_gstrings head{};
  head.cmd = ETHTOOL_GSTRINGS;
  head.string_set = set;
  head.len = count;
  std::memcpy(strings.buffer_.data(), &head, sizeof head);
  if (auto done = call(ifname, strings.buffer_.data(), "ETHTOOL_GSTRINGS"); !done) return done;
  std::memcpy(&head, strings.buffer_.data(), sizeof head);
  strings.size_ = std::min<std::size_t>(head.len, count + kSlack);
  return {};
}

Result<std::span<const std::uint64_t>> EthtoolIoctl::statistics(const std::string& ifname, std::uint32_t count) {
  static_assert(sizeof(ethtool_stats) == sizeof(std::uint64_t));
  buffer_.resize(1 + count + kSlack);
  ethtool_stats head{};
  head.cmd = ETHTOOL_GSTATS;
  head.n_stats = count;
  std::memcpy(buffer_.data(), &head, sizeof head);
  if (auto done = call(ifname, buffer_.data(), "ETHTOOL_GSTATS"); !done) return unexpected(done.error());
  std::memcpy(&head, buffer_.data(), sizeof head);
  if (head.n_stats != count) {
    return unexpected(
        make_error(ErrorCode::vanished, "ETHTOOL_GSTATS", ifname, "the driver changed how much it counts meanwhile"));
  }
  return std::span<const std::uint64_t>(buffer_).subspan(1, count);
}

Result<void> EthtoolIoctl::read_link(const std::string& ifname, NicGroup group, const LinkModes& modes,
                                     facts::Facts& facts, facts::NicSettings& row) {
  // Three bitmaps of as many words as the kernel has, told by a first call with none.
  ethtool_link_settings head{};
  head.cmd = ETHTOOL_GLINKSETTINGS;
  Command<ethtool_link_settings, std::uint32_t, 3UL * kMostWords> asked(head);
  constexpr std::string_view kName = "ETHTOOL_GLINKSETTINGS";
  if (auto done = call(ifname, asked.data(), kName); !done) return done;
  head.link_mode_masks_nwords = static_cast<__s8>(-asked.head().link_mode_masks_nwords);
  asked.set_head(head);
  if (auto done = call(ifname, asked.data(), kName); !done) return done;
  head = asked.head();
  if (head.link_mode_masks_nwords <= 0) {
    return unexpected(make_error(ErrorCode::failed, kName, ifname, "no agreement on the size of its bitmaps"));
  }
  if (group == NicGroup::link_info) {
    row.port = facts.intern(port_name(head.port));
    row.transceiver = facts.intern(transceiver_name(head.transceiver));
    return {};
  }
  row.speed_mbps = known_speed(head.speed);
  row.duplex = duplex_of(head.duplex);
  row.autoneg = head.autoneg == AUTONEG_ENABLE;
  const auto words = static_cast<std::size_t>(head.link_mode_masks_nwords);
  const auto items = asked.items();
  std::array<NicBits, 3> maps;  // supported, advertised, partner
  for (std::size_t map = 0; map < maps.size(); ++map) {
    std::copy_n(items.begin() + map * words, std::min(words, maps[map].words.size()), maps[map].words.begin());
  }
  set_modes(maps[0], maps[1], maps[2].any() ? &maps[2] : nullptr, modes, facts, row);
  return {};
}

Result<void> EthtoolIoctl::read_link_state(const std::string& ifname, facts::NicSettings& row) {
  ethtool_value link{ETHTOOL_GLINK, 0};
  if (auto done = call(ifname, &link, "ETHTOOL_GLINK"); !done) return done;
  row.link_detected = link.data != 0;
  return {};
}

Result<void> EthtoolIoctl::read_rings(const std::string& ifname, facts::NicSettings& row) {
  ethtool_ringparam rings{};
  rings.cmd = ETHTOOL_GRINGPARAM;
  if (auto done = call(ifname, &rings, "ETHTOOL_GRINGPARAM"); !done) return done;
  put_pair(rings.rx_pending, rings.rx_max_pending, row.rx_ring, row.rx_ring_max);
  put_pair(rings.tx_pending, rings.tx_max_pending, row.tx_ring, row.tx_ring_max);
  return {};
}

Result<void> EthtoolIoctl::read_channels(const std::string& ifname, facts::NicSettings& row) {
  ethtool_channels channels{};
  channels.cmd = ETHTOOL_GCHANNELS;
  if (auto done = call(ifname, &channels, "ETHTOOL_GCHANNELS"); !done) return done;
  put_pair(channels.rx_count, channels.max_rx, row.rx_channels, row.rx_channels_max);
  put_pair(channels.tx_count, channels.max_tx, row.tx_channels, row.tx_channels_max);
  put_pair(channels.other_count, channels.max_other, row.other_channels, row.other_channels_max);
  put_pair(channels.combined_count, channels.max_combined, row.combined_channels, row.combined_channels_max);
  return {};
}

Result<void> EthtoolIoctl::read_coalesce(const std::string& ifname, facts::NicSettings& row) {
  ethtool_coalesce coalesce{};
  coalesce.cmd = ETHTOOL_GCOALESCE;
  if (auto done = call(ifname, &coalesce, "ETHTOOL_GCOALESCE"); !done) return done;
  row.rx_usecs = coalesce.rx_coalesce_usecs;
  row.rx_frames = coalesce.rx_max_coalesced_frames;
  row.tx_usecs = coalesce.tx_coalesce_usecs;
  row.tx_frames = coalesce.tx_max_coalesced_frames;
  row.adaptive_rx = coalesce.use_adaptive_rx_coalesce != 0;
  row.adaptive_tx = coalesce.use_adaptive_tx_coalesce != 0;
  return {};
}

Result<void> EthtoolIoctl::read_pause(const std::string& ifname, facts::NicSettings& row) {
  ethtool_pauseparam pause{};
  pause.cmd = ETHTOOL_GPAUSEPARAM;
  if (auto done = call(ifname, &pause, "ETHTOOL_GPAUSEPARAM"); !done) return done;
  row.pause_autoneg = pause.autoneg != 0;
  row.pause_rx = pause.rx_pause != 0;
  row.pause_tx = pause.tx_pause != 0;
  return {};
}

Result<void> EthtoolIoctl::read_fec(const std::string& ifname, facts::Facts& facts, facts::NicSettings& row) {
  ethtool_fecparam fec{};
  fec.cmd = ETHTOOL_GFECPARAM;
  if (auto done = call(ifname, &fec, "ETHTOOL_GFECPARAM"); !done) return done;
  const auto names = [](std::uint32_t bits) {
    static constexpr std::array<std::pair<std::uint32_t, std::string_view>, 5> kNames = {{{ETHTOOL_FEC_AUTO, "Auto"},
                                                                                          {ETHTOOL_FEC_OFF, "Off"},
                                                                                          {ETHTOOL_FEC_RS, "RS"},
                                                                                          {ETHTOOL_FEC_BASER, "BaseR"},
                                                                                          {ETHTOOL_FEC_LLRS, "LLRS"}}};
    std::string text;
    for (const auto& [bit, name] : kNames) {
      if ((bits & bit) == 0) continue;
      if (!text.empty()) text += ' ';
      text += name;
    }
    return text;
  };
  row.fec_active = facts.intern(names(fec.active_fec));
  row.fec_configured = facts.intern(names(fec.fec));
  return {};
}

Result<void> EthtoolIoctl::read(NicGroup group, const std::string& ifname, const LinkModes& modes, facts::Facts& facts,
                                facts::NicSettings& row) {
  switch (group) {
    case NicGroup::link_info:
    case NicGroup::link_modes:
      return read_link(ifname, group, modes, facts, row);
    case NicGroup::link_state:
      return read_link_state(ifname, row);
    case NicGroup::rings:
      return read_rings(ifname, row);
    case NicGroup::channels:
      return read_channels(ifname, row);
    case NicGroup::coalesce:
      return read_coalesce(ifname, row);
    case NicGroup::pause:
      return read_pause(ifname, row);
    case NicGroup::fec:
      break;
  }
  return read_fec(ifname, facts, row);
}

Result<NicFeatureBits> EthtoolIoctl::features(const std::string& ifname, std::uint32_t count) {
  ethtool_gfeatures head{};
  head.cmd = ETHTOOL_GFEATURES;
  constexpr std::size_t kBlocks = NicBits::kBits / 32;
  head.size = std::min<std::uint32_t>((count + 31) / 32, kBlocks);
  Command<ethtool_gfeatures, ethtool_get_features_block, kBlocks> asked(head);
  if (auto done = call(ifname, asked.data(), "ETHTOOL_GFEATURES"); !done) return unexpected(done.error());
  const auto blocks = asked.items();
  NicFeatureBits bits;
  for (std::size_t block = 0; block < blocks.size(); ++block) {
    bits.hw.words[block] = blocks[block].available;
    bits.wanted.words[block] = blocks[block].requested;
    bits.active.words[block] = blocks[block].active;
    bits.nochange.words[block] = blocks[block].never_changed;
  }
  return bits;
}

}  // namespace hostcheck::kernel

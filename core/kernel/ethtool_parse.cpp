#include <array>

#include <linux/ethtool_netlink.h>

#include "core/kernel/ethtool.h"

namespace hostcheck::kernel {
namespace {

using Bytes = std::span<const std::uint8_t>;
using facts::NicSettings;

constexpr std::uint16_t kLinkDownCount = 7;  // ETHTOOL_A_LINKSTATE_EXT_DOWN_CNT, Linux 6.2
constexpr std::size_t kMostAttributes = 64;
using Attributes = std::array<Bytes, kMostAttributes>;

void put(Bytes payload, std::optional<std::uint32_t>& out) {
  if (payload.size() >= sizeof(std::uint32_t)) out = read_number<std::uint32_t>(payload);
}

void put(Bytes payload, std::optional<bool>& out) {
  if (!payload.empty()) out = payload[0] != 0;
}

template <std::size_t N>
std::string_view name_at(const std::array<std::string_view, N>& names, std::size_t at) {
  return at < N ? names[at] : std::string_view{};
}

// enum ethtool_link_ext_state, in ethtool(8)'s words.
std::string_view ext_state_name(std::uint8_t state) {
  static constexpr std::array<std::string_view, 13> kNames = {
      "Autoneg",     "Link training failure", "Logical mismatch",    "Bad signal integrity",  "No cable",
      "Cable issue", "EEPROM issue",          "Calibration failure", "Power budget exceeded", "Overheat",
      "Module",      "OTP speed violation",   "BMC request down"};
  return name_at(kNames, state);
}

// enum ethtool_link_ext_substate_... of each state, which all begin at 1.
std::string_view ext_substate_name(std::uint8_t state, std::uint8_t substate) {
  static constexpr std::array<std::string_view, 7> kAutoneg = {"",
                                                               "No partner detected",
                                                               "Ack not received",
                                                               "Next page exchange failed",
                                                               "No partner detected during force mode",
                                                               "FEC mismatch during override",
                                                               "No HCD"};
  static constexpr std::array<std::string_view, 5> kTraining = {
      "", "KR frame lock not acquired", "KR link inhibit timeout", "KR Link partner did not set receiver ready",
      "Remote side is not ready yet"};
  static constexpr std::array<std::string_view, 6> kMismatch = {"",
                                                                "PCS did not acquire block lock",
                                                                "PCS did not acquire AM lock",
                                                                "PCS did not get align_status",
                                                                "FC FEC is not locked",
                                                                "RS FEC is not locked"};
  static constexpr std::array<std::string_view, 5> kSignal = {"", "Large number of physical errors", "Unsupported rate",
                                                              "Serdes reference clock lost", "Serdes ALOS"};
  static constexpr std::array<std::string_view, 3> kCable = {"", "Unsupported cable", "Cable test failure"};
  static constexpr std::array<std::string_view, 2> kModule = {"", "CMIS module is not in ModuleReady state"};
  switch (state) {
    case ETHTOOL_LINK_EXT_STATE_AUTONEG:
      return name_at(kAutoneg, substate);
    case ETHTOOL_LINK_EXT_STATE_LINK_TRAINING_FAILURE:
      return name_at(kTraining, substate);
    case ETHTOOL_LINK_EXT_STATE_LINK_LOGICAL_MISMATCH:
      return name_at(kMismatch, substate);
    case ETHTOOL_LINK_EXT_STATE_BAD_SIGNAL_INTEGRITY:
      return name_at(kSignal, substate);
    case ETHTOOL_LINK_EXT_STATE_CABLE_ISSUE:
      return name_at(kCable, substate);
    case ETHTOOL_LINK_EXT_STATE_MODULE:
      return name_at(kModule, substate);
    default:
      return {};
  }
}

void parse_link_info(const Attributes& table, facts::Facts& facts, NicSettings& row) {
  if (const Bytes port = table[ETHTOOL_A_LINKINFO_PORT]; !port.empty()) row.port = facts.intern(port_name(port[0]));
  if (const Bytes transceiver = table[ETHTOOL_A_LINKINFO_TRANSCEIVER]; !transceiver.empty()) {
    row.transceiver = facts.intern(transceiver_name(transceiver[0]));
  }
}

bool parse_link_modes(const Attributes& table, const LinkModes& modes, facts::Facts& facts, NicSettings& row) {
  put(table[ETHTOOL_A_LINKMODES_AUTONEG], row.autoneg);
  put(table[ETHTOOL_A_LINKMODES_LANES], row.lanes);
  if (const Bytes speed = table[ETHTOOL_A_LINKMODES_SPEED]; !speed.empty()) {
    row.speed_mbps = known_speed(read_number<std::uint32_t>(speed));
  }
  if (const Bytes duplex = table[ETHTOOL_A_LINKMODES_DUPLEX]; !duplex.empty()) row.duplex = duplex_of(duplex[0]);
  if (const Bytes state = table[ETHTOOL_A_LINKMODES_MASTER_SLAVE_STATE]; !state.empty()) {
    static constexpr std::array<std::string_view, 5> kNames = {"", "", "master", "slave", "resolution error"};
    row.master_slave = facts.intern(name_at(kNames, state[0]));
  }
  const Bytes ours = table[ETHTOOL_A_LINKMODES_OURS];
  if (ours.data() == nullptr) return true;
  const auto own = parse_bitset(ours);
  if (!own) return false;
  const Bytes peer = table[ETHTOOL_A_LINKMODES_PEER];
  const auto partner = parse_bitset(peer);
  if (peer.data() != nullptr && !partner) return false;
  set_modes(own->mask, own->value, partner ? &partner->value : nullptr, modes, facts, row);
  return true;
}

void parse_link_state(const Attributes& table, facts::Facts& facts, NicSettings& row) {
  put(table[ETHTOOL_A_LINKSTATE_LINK], row.link_detected);
  put(table[ETHTOOL_A_LINKSTATE_SQI], row.sqi);
  put(table[ETHTOOL_A_LINKSTATE_SQI_MAX], row.sqi_max);
  if (const Bytes state = table[ETHTOOL_A_LINKSTATE_EXT_STATE]; !state.empty()) {
    row.link_ext_state = facts.intern(ext_state_name(state[0]));
    const Bytes substate = table[ETHTOOL_A_LINKSTATE_EXT_SUBSTATE];
    if (!substate.empty()) row.link_ext_substate = facts.intern(ext_substate_name(state[0], substate[0]));
  }
  if (const Bytes count = table[kLinkDownCount]; count.size() >= sizeof(std::uint32_t)) {
    row.link_down_events = facts::Counter(read_number<std::uint32_t>(count));
  }
}

void parse_rings(const Attributes& table, NicSettings& row) {
  put(table[ETHTOOL_A_RINGS_RX], row.rx_ring);
  put(table[ETHTOOL_A_RINGS_RX_MAX], row.rx_ring_max);
  put(table[ETHTOOL_A_RINGS_TX], row.tx_ring);
  put(table[ETHTOOL_A_RINGS_TX_MAX], row.tx_ring_max);
}

void parse_channels(const Attributes& table, NicSettings& row) {
  put(table[ETHTOOL_A_CHANNELS_RX_COUNT], row.rx_channels);
  put(table[ETHTOOL_A_CHANNELS_RX_MAX], row.rx_channels_max);
  put(table[ETHTOOL_A_CHANNELS_TX_COUNT], row.tx_channels);
  put(table[ETHTOOL_A_CHANNELS_TX_MAX], row.tx_channels_max);
  put(table[ETHTOOL_A_CHANNELS_OTHER_COUNT], row.other_channels);
  put(table[ETHTOOL_A_CHANNELS_OTHER_MAX], row.other_channels_max);
  put(table[ETHTOOL_A_CHANNELS_COMBINED_COUNT], row.combined_channels);
  put(table[ETHTOOL_A_CHANNELS_COMBINED_MAX], row.combined_channels_max);
}

void parse_coalesce(const Attributes& table, NicSettings& row) {
  put(table[ETHTOOL_A_COALESCE_RX_USECS], row.rx_usecs);
  put(table[ETHTOOL_A_COALESCE_RX_MAX_FRAMES], row.rx_frames);
  put(table[ETHTOOL_A_COALESCE_TX_USECS], row.tx_usecs);
  put(table[ETHTOOL_A_COALESCE_TX_MAX_FRAMES], row.tx_frames);
  put(table[ETHTOOL_A_COALESCE_USE_ADAPTIVE_RX], row.adaptive_rx);
  put(table[ETHTOOL_A_COALESCE_USE_ADAPTIVE_TX], row.adaptive_tx);
}

bool parse_fec(const Attributes& table, const LinkModes& modes, facts::Facts& facts, NicSettings& row) {
  if (const Bytes active = table[ETHTOOL_A_FEC_ACTIVE]; !active.empty()) {
    row.fec_active = facts.intern(fec_name(modes.name(read_number<std::uint32_t>(active))));
  }
  std::string configured;
  const auto add = [&](std::string_view name) {
    if (!configured.empty()) configured += ' ';
    configured += name;
  };
  if (const Bytes automatic = table[ETHTOOL_A_FEC_AUTO]; !automatic.empty() && automatic[0] != 0) add("Auto");
  if (const Bytes wanted = table[ETHTOOL_A_FEC_MODES]; wanted.data() != nullptr) {
    const auto set = parse_bitset(wanted);
    if (!set) return false;
    for (std::size_t bit = 0; bit < NicBits::kBits; ++bit) {
      if (set->value.test(bit)) add(fec_name(modes.name(bit)));
    }
  }
  row.fec_configured = facts.intern(configured);
  return true;
}

Result<std::vector<std::string>> malformed_strings() {
  return unexpected(make_error(ErrorCode::failed, "ETHTOOL_MSG_STRSET_GET", {}, "malformed answer"));
}

}  // namespace

std::string_view port_name(std::uint8_t port) {
  static constexpr std::array<std::string_view, 6> kNames = {"Twisted Pair", "AUI", "MII",
                                                             "FIBRE",        "BNC", "Direct Attach Copper"};
  if (port == PORT_NONE) return "None";
  if (port == PORT_OTHER) return "Other";
  return name_at(kNames, port);
}

std::string_view transceiver_name(std::uint8_t transceiver) {
  if (transceiver == XCVR_INTERNAL) return "internal";
  if (transceiver == XCVR_EXTERNAL) return "external";
  return {};
}

std::string_view fec_name(std::string_view mode) {
  if (mode == "None") return "Off";
  if (mode == "BASER") return "BaseR";
  return mode;
}

std::optional<std::uint32_t> known_speed(std::uint32_t speed) {
  constexpr std::uint32_t kUnknownSpeed = static_cast<std::uint32_t>(SPEED_UNKNOWN);
  constexpr std::uint32_t kUnknownOldSpeed = 0xffff;
  if (speed == 0 || speed == kUnknownSpeed || speed == kUnknownOldSpeed) return std::nullopt;
  return speed;
}

facts::Duplex duplex_of(std::uint8_t duplex) {
  if (duplex == DUPLEX_HALF) return facts::Duplex::half;
  if (duplex == DUPLEX_FULL) return facts::Duplex::full;
  return facts::Duplex::unknown;
}

void set_modes(const NicBits& supported, const NicBits& advertised, const NicBits* partner, const LinkModes& modes,
               facts::Facts& facts, NicSettings& row) {
  if (supported.any()) row.autoneg_supported = modes.has(supported, "Autoneg");
  row.max_supported_mbps = modes.fastest_mbps(supported);
  row.max_advertised_mbps = modes.fastest_mbps(advertised);
  row.supported = facts.intern(modes.text(supported));
  row.advertised = facts.intern(modes.text(advertised));
  if (partner == nullptr) return;
  row.max_partner_mbps = modes.fastest_mbps(*partner);
  row.partner = facts.intern(modes.text(*partner));
}

std::optional<std::uint32_t> parse_device(Bytes attributes) {
  std::array<Bytes, 2> table;
  if (!parse_attributes(attributes, table)) return std::nullopt;
  std::array<Bytes, ETHTOOL_A_HEADER_MAX + 1> header;
  if (!parse_attributes(table[1], header)) return std::nullopt;
  if (header[ETHTOOL_A_HEADER_DEV_INDEX].size() < sizeof(std::uint32_t)) return std::nullopt;
  return read_number<std::uint32_t>(header[ETHTOOL_A_HEADER_DEV_INDEX]);
}

Result<std::vector<std::string>> parse_strings(Bytes attributes, std::uint32_t set) {
  std::vector<std::string> names;
  bool sound = true;
  const auto each_string = [&](std::uint16_t type, Bytes string) {
    if (type != ETHTOOL_A_STRINGS_STRING) return;
    std::array<Bytes, ETHTOOL_A_STRING_MAX + 1> parts;
    if (!parse_attributes(string, parts)) sound = false;
    const auto index = read_number<std::uint32_t>(parts[ETHTOOL_A_STRING_INDEX]);
    if (index >= NicBits::kBits) return;
    if (names.size() <= index) names.resize(index + 1);
    names[index] = read_text(parts[ETHTOOL_A_STRING_VALUE]);
  };
  const auto each_set = [&](std::uint16_t type, Bytes one) {
    if (type != ETHTOOL_A_STRINGSETS_STRINGSET) return;
    std::array<Bytes, ETHTOOL_A_STRINGSET_MAX + 1> parts;
    if (!parse_attributes(one, parts)) sound = false;
    if (read_number<std::uint32_t>(parts[ETHTOOL_A_STRINGSET_ID]) != set) return;
    if (!for_each_attribute(parts[ETHTOOL_A_STRINGSET_STRINGS], each_string)) sound = false;
  };
  std::array<Bytes, ETHTOOL_A_STRSET_MAX + 1> table;
  if (!parse_attributes(attributes, table)) return malformed_strings();
  if (!for_each_attribute(table[ETHTOOL_A_STRSET_STRINGSETS], each_set) || !sound) return malformed_strings();
  return names;
}

bool parse_nic_group(NicGroup group, Bytes attributes, const LinkModes& modes, facts::Facts& facts, NicSettings& row) {
  Attributes table;
  if (!parse_attributes(attributes, table)) return false;
  switch (group) {
    case NicGroup::link_info:
      parse_link_info(table, facts, row);
      return true;
    case NicGroup::link_modes:
      return parse_link_modes(table, modes, facts, row);
    case NicGroup::link_state:
      parse_link_state(table, facts, row);
      return true;
    case NicGroup::rings:
      parse_rings(table, row);
      return true;
    case NicGroup::channels:
      parse_channels(table, row);
      return true;
    case NicGroup::coalesce:
      parse_coalesce(table, row);
      return true;
    case NicGroup::pause:
      put(table[ETHTOOL_A_PAUSE_AUTONEG], row.pause_autoneg);
      put(table[ETHTOOL_A_PAUSE_RX], row.pause_rx);
      put(table[ETHTOOL_A_PAUSE_TX], row.pause_tx);
      return true;
    case NicGroup::fec:
      return parse_fec(table, modes, facts, row);
  }
  return false;
}

std::optional<NicFeatureBits> parse_features(Bytes attributes) {
  std::array<Bytes, ETHTOOL_A_FEATURES_MAX + 1> table;
  if (!parse_attributes(attributes, table)) return std::nullopt;
  const auto hw = parse_bitset(table[ETHTOOL_A_FEATURES_HW]);
  const auto wanted = parse_bitset(table[ETHTOOL_A_FEATURES_WANTED]);
  const auto active = parse_bitset(table[ETHTOOL_A_FEATURES_ACTIVE]);
  const auto nochange = parse_bitset(table[ETHTOOL_A_FEATURES_NOCHANGE]);
  if (!hw || !wanted || !active || !nochange) return std::nullopt;
  return NicFeatureBits{hw->value, wanted->value, active->value, nochange->value};
}

}  // namespace hostcheck::kernel

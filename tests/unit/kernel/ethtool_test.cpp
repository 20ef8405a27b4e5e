#include "core/kernel/ethtool.h"

#include <string_view>

#include <gtest/gtest.h>
#include <linux/ethtool_netlink.h>

namespace hostcheck::kernel {
namespace {

using Bytes = std::vector<std::uint8_t>;

Bytes from_hex(std::string_view hex) {
  Bytes bytes;
  for (std::size_t at = 0; at + 1 < hex.size(); at += 2) {
    bytes.push_back(static_cast<std::uint8_t>(std::stoi(std::string(hex.substr(at, 2)), nullptr, 16)));
  }
  return bytes;
}

// Answers of Linux 6.18 about a tap device after `ethtool -s tap0 speed 100 duplex half autoneg off`.
const Bytes kTapModes = from_hex(
    "180001800800010002000000090002007461703000000000050002000000000034000380080002007900000014000400000000000000000000"
    "0000"
    "000000000014000500000000000000000000000000000000000800050064000000050006000000000005000a0000000000");
const Bytes kTapInfo = from_hex(
    "180001800800010002000000090002007461703000000000050002000000000005000300000000000500040000000000050005000000000005"
    "00"
    "060000000000");
const Bytes kTapState = from_hex("1800018008000100020000000900020074617030000000000500020000000000");
const Bytes kTapFeatures = from_hex(
    "1800018008000100020000000900020074617030000000002400028008000200400000000c000400c9481d0c0222000a0c000500ffffffffff"
    "ffff"
    "ff1c0003800400010008000200400000000c000400c948150c022000001c0004800400010008000200400000000c000400c148000000200000"
    "1c00"
    "05800400010008000200400000000c0004000004000000000000");
// The same kernel about a veth.
const Bytes kVethChannels = from_hex(
    "14000180080001000400000007000200763000000800020002000000080006000100000008000300020000000800070001000000");

// What a NIC with a partner would send, put together by hand: no such device is at hand when tests run.
class Answer {
 public:
  Answer& device(std::uint32_t ifindex) {
    const auto mark = request_.begin_nested(1);
    request_.add_u32(ETHTOOL_A_HEADER_DEV_INDEX, ifindex);
    request_.end_nested(mark);
    return *this;
  }
  Answer& u8(std::uint16_t attribute, std::uint8_t value) {
    request_.add_u8(attribute, value);
    return *this;
  }
  Answer& u32(std::uint16_t attribute, std::uint32_t value) {
    request_.add_u32(attribute, value);
    return *this;
  }
  Answer& bitset(std::uint16_t attribute, std::initializer_list<std::size_t> value,
                 std::initializer_list<std::size_t> mask) {
    const auto mark = request_.begin_nested(attribute);
    request_.add_u32(ETHTOOL_A_BITSET_SIZE, NicBits::kBits);
    add_words(ETHTOOL_A_BITSET_VALUE, value);
    if (mask.size() > 0) add_words(ETHTOOL_A_BITSET_MASK, mask);
    request_.end_nested(mark);
    return *this;
  }
  [[nodiscard]] Bytes bytes() {
    const nlmsghdr* message = request_.message();
    const auto attributes = attributes_of(*message, 0);
    return {attributes.begin(), attributes.end()};
  }

 private:
  void add_words(std::uint16_t attribute, std::initializer_list<std::size_t> list) {
    NicBits bits;
    for (const std::size_t bit : list) bits.set(bit);
    request_.add(attribute, {reinterpret_cast<const std::uint8_t*>(bits.words.data()), sizeof bits.words});
  }
  NetlinkRequest request_{0, 0};
};

facts::NicSettings parse(NicGroup group, const Bytes& bytes, facts::Facts& facts) {
  facts::NicSettings row;
  EXPECT_TRUE(parse_nic_group(group, bytes, LinkModes::built_in(), facts, row));
  return row;
}

constexpr std::size_t kAutoneg = ETHTOOL_LINK_MODE_Autoneg_BIT;
constexpr std::size_t k100Full = ETHTOOL_LINK_MODE_100baseT_Full_BIT;
constexpr std::size_t k1000Full = ETHTOOL_LINK_MODE_1000baseT_Full_BIT;
constexpr std::size_t k10000Full = ETHTOOL_LINK_MODE_10000baseT_Full_BIT;

TEST(LinkModes, ReadsTheSpeedFromTheName) {
  EXPECT_EQ(mode_speed_mbps("10baseT/Half"), 10U);
  EXPECT_EQ(mode_speed_mbps("2500baseX/Full"), 2500U);
  EXPECT_EQ(mode_speed_mbps("100000baseKR4/Full"), 100000U);
  EXPECT_EQ(mode_speed_mbps("10000baseR_FEC"), 10000U);
  EXPECT_EQ(mode_speed_mbps("800000baseVR8/Full"), 800000U);
}

TEST(LinkModes, TakesNoSpeedFromWhatIsNoMode) {
  for (const auto* name : {"", "Autoneg", "TP", "FIBRE", "RS", "None", "base", "Backplane", "1000"}) {
    EXPECT_EQ(mode_speed_mbps(name), std::nullopt) << name;
  }
}

TEST(LinkModes, BuiltInNamesStandAtTheBitsOfTheKernelHeader) {
  const LinkModes modes = LinkModes::built_in();
  EXPECT_EQ(modes.name(ETHTOOL_LINK_MODE_Autoneg_BIT), "Autoneg");
  EXPECT_EQ(modes.name(ETHTOOL_LINK_MODE_25000baseCR_Full_BIT), "25000baseCR/Full");
  EXPECT_EQ(modes.name(ETHTOOL_LINK_MODE_5000baseT_Full_BIT), "5000baseT/Full");
  EXPECT_EQ(modes.name(ETHTOOL_LINK_MODE_FEC_BASER_BIT), "BASER");
  EXPECT_EQ(modes.name(ETHTOOL_LINK_MODE_1000baseT1_Full_BIT), "1000baseT1/Full");
  EXPECT_EQ(modes.name(ETHTOOL_LINK_MODE_400000baseCR8_Full_BIT), "400000baseCR8/Full");
  EXPECT_EQ(modes.name(ETHTOOL_LINK_MODE_FEC_LLRS_BIT), "");
}

TEST(Ethtool, ReadsATapWithABadLink) {
  facts::Facts facts;
  const auto row = parse(NicGroup::link_modes, kTapModes, facts);
  EXPECT_EQ(row.speed_mbps, 100U);
  EXPECT_EQ(row.duplex, facts::Duplex::half);
  EXPECT_EQ(row.autoneg, false);
  EXPECT_EQ(row.autoneg_supported, std::nullopt);
  EXPECT_EQ(row.max_supported_mbps, std::nullopt);
  EXPECT_TRUE(row.supported.empty());
  EXPECT_EQ(parse_device(kTapModes), 2U);
  const auto info = parse(NicGroup::link_info, kTapInfo, facts);
  EXPECT_EQ(info.port.view(), "Twisted Pair");
  EXPECT_EQ(info.transceiver.view(), "internal");
  EXPECT_EQ(parse(NicGroup::link_state, kTapState, facts).link_detected, false);
}

TEST(Ethtool, ReadsQueuesAndLeavesOutWhatThereIsNot) {
  facts::Facts facts;
  const auto row = parse(NicGroup::channels, kVethChannels, facts);
  EXPECT_EQ(row.rx_channels, 1U);
  EXPECT_EQ(row.rx_channels_max, 2U);
  EXPECT_EQ(row.tx_channels, 1U);
  EXPECT_EQ(row.combined_channels, std::nullopt);
}

TEST(Ethtool, TellsSupportedAdvertisedAndPartnerModesApart) {
  facts::Facts facts;
  const Bytes answer = Answer()
                           .device(4)
                           .u8(ETHTOOL_A_LINKMODES_AUTONEG, 1)
                           .bitset(ETHTOOL_A_LINKMODES_OURS, {kAutoneg, k100Full, k1000Full},
                                   {kAutoneg, k100Full, k1000Full, k10000Full})
                           .bitset(ETHTOOL_A_LINKMODES_PEER, {kAutoneg, k100Full}, {})
                           .u32(ETHTOOL_A_LINKMODES_SPEED, 100)
                           .u8(ETHTOOL_A_LINKMODES_DUPLEX, DUPLEX_FULL)
                           .bytes();
  const auto row = parse(NicGroup::link_modes, answer, facts);
  EXPECT_EQ(row.max_supported_mbps, 10000U);
  EXPECT_EQ(row.max_advertised_mbps, 1000U);
  EXPECT_EQ(row.max_partner_mbps, 100U);
  EXPECT_EQ(row.autoneg_supported, true);
  EXPECT_EQ(row.supported.view(), "100baseT/Full 1000baseT/Full 10000baseT/Full");
  EXPECT_EQ(row.advertised.view(), "100baseT/Full 1000baseT/Full");
  EXPECT_EQ(row.partner.view(), "100baseT/Full");
  EXPECT_EQ(row.duplex, facts::Duplex::full);
}

TEST(Ethtool, KnowsTheSpeedsThatMeanUnknown) {
  EXPECT_EQ(known_speed(0), std::nullopt);
  EXPECT_EQ(known_speed(65535), std::nullopt);
  EXPECT_EQ(known_speed(0xffffffff), std::nullopt);
  EXPECT_EQ(known_speed(65534), 65534U);
  EXPECT_EQ(duplex_of(0xff), facts::Duplex::unknown);
}

TEST(Ethtool, SaysWhyThereIsNoLink) {
  facts::Facts facts;
  const Bytes answer = Answer()
                           .device(4)
                           .u8(ETHTOOL_A_LINKSTATE_LINK, 0)
                           .u8(ETHTOOL_A_LINKSTATE_EXT_STATE, ETHTOOL_LINK_EXT_STATE_AUTONEG)
                           .u8(ETHTOOL_A_LINKSTATE_EXT_SUBSTATE, ETHTOOL_LINK_EXT_SUBSTATE_AN_NO_PARTNER_DETECTED)
                           .u32(7, 12)
                           .bytes();
  const auto row = parse(NicGroup::link_state, answer, facts);
  EXPECT_EQ(row.link_detected, false);
  EXPECT_EQ(row.link_ext_state.view(), "Autoneg");
  EXPECT_EQ(row.link_ext_substate.view(), "No partner detected");
  ASSERT_TRUE(row.link_down_events);
  EXPECT_EQ(row.link_down_events->value, 12U);
}

TEST(Ethtool, PassesOverReasonsThatItDoesNotKnow) {
  facts::Facts facts;
  const Bytes answer =
      Answer().device(4).u8(ETHTOOL_A_LINKSTATE_EXT_STATE, 200).u8(ETHTOOL_A_LINKSTATE_EXT_SUBSTATE, 200).bytes();
  const auto row = parse(NicGroup::link_state, answer, facts);
  EXPECT_TRUE(row.link_ext_state.empty());
  EXPECT_TRUE(row.link_ext_substate.empty());
}

TEST(Ethtool, NamesErrorCorrectionAsPeopleKnowIt) {
  facts::Facts facts;
  const Bytes answer =
      Answer()
          .device(4)
          .bitset(ETHTOOL_A_FEC_MODES, {ETHTOOL_LINK_MODE_FEC_RS_BIT, ETHTOOL_LINK_MODE_FEC_BASER_BIT}, {})
          .u8(ETHTOOL_A_FEC_AUTO, 1)
          .u32(ETHTOOL_A_FEC_ACTIVE, ETHTOOL_LINK_MODE_FEC_NONE_BIT)
          .bytes();
  const auto row = parse(NicGroup::fec, answer, facts);
  EXPECT_EQ(row.fec_active.view(), "Off");
  EXPECT_EQ(row.fec_configured.view(), "Auto RS BaseR");
}

TEST(Ethtool, ReadsFeatures) {
  const auto bits = parse_features(kTapFeatures);
  ASSERT_TRUE(bits);
  EXPECT_TRUE(bits->active.test(0));
  EXPECT_TRUE(bits->hw.any());
  EXPECT_FALSE(bits->active.test(1));
  EXPECT_TRUE(bits->nochange.test(10));
}

TEST(Ethtool, RefusesAnswersThatAreCutShort) {
  facts::Facts facts;
  const LinkModes modes = LinkModes::built_in();
  for (std::size_t size = 0; size < kTapModes.size(); ++size) {
    // A copy of exactly that size: reading past its end is seen by the address sanitizer.
    const Bytes cut(kTapModes.begin(), kTapModes.begin() + static_cast<std::ptrdiff_t>(size));
    facts::NicSettings row;
    const bool whole = parse_nic_group(NicGroup::link_modes, cut, modes, facts, row);
    EXPECT_TRUE(!whole || !row.speed_mbps || *row.speed_mbps == 100U) << size;
    (void)parse_device(cut);
  }
  for (std::size_t size = 0; size < kTapFeatures.size(); ++size) {
    const Bytes cut(kTapFeatures.begin(), kTapFeatures.begin() + static_cast<std::ptrdiff_t>(size));
    EXPECT_EQ(parse_features(cut), std::nullopt) << size;
  }
}

TEST(Ethtool, RefusesABitsetWithFewerWordsThanItSays) {
  NetlinkRequest request(0, 0);
  request.add_u32(ETHTOOL_A_BITSET_SIZE, 121);
  request.add_u32(ETHTOOL_A_BITSET_VALUE, 1);
  EXPECT_EQ(parse_bitset(attributes_of(*request.message(), 0)), std::nullopt);
}

TEST(Ethtool, ReadsNamesByTheirNumbers) {
  NetlinkRequest request(0, 0);
  const auto sets = request.begin_nested(ETHTOOL_A_STRSET_STRINGSETS);
  const auto set = request.begin_nested(ETHTOOL_A_STRINGSETS_STRINGSET);
  request.add_u32(ETHTOOL_A_STRINGSET_ID, ETH_SS_LINK_MODES);
  const auto strings = request.begin_nested(ETHTOOL_A_STRINGSET_STRINGS);
  for (const auto& [index, name] : {std::pair{2U, "100baseT/Half"}, std::pair{0U, "10baseT/Half"}}) {
    const auto string = request.begin_nested(ETHTOOL_A_STRINGS_STRING);
    request.add_u32(ETHTOOL_A_STRING_INDEX, index);
    request.add_text(ETHTOOL_A_STRING_VALUE, name);
    request.end_nested(string);
  }
  request.end_nested(strings);
  request.end_nested(set);
  request.end_nested(sets);
  const auto attributes = attributes_of(*request.message(), 0);
  const auto names = parse_strings(attributes, ETH_SS_LINK_MODES);
  ASSERT_TRUE(names);
  EXPECT_EQ(*names, (std::vector<std::string>{"10baseT/Half", "", "100baseT/Half"}));
  const auto other = parse_strings(attributes, ETH_SS_FEATURES);
  ASSERT_TRUE(other);
  EXPECT_TRUE(other->empty());
  EXPECT_FALSE(parse_strings(attributes.first(attributes.size() - 8), ETH_SS_LINK_MODES));
}

}  // namespace
}  // namespace hostcheck::kernel

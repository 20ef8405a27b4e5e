#include <algorithm>
#include <array>
#include <span>

#include "core/gather/nic_session.h"

namespace hostcheck::gather {
namespace {

using facts::NicSettings;
using kernel::NicDevice;
using kernel::NicDriver;
using kernel::NicGroup;

constexpr std::string_view kTable = "nic_settings";

// Which request answers which columns.
constexpr std::string_view kLinkInfo[] = {"port", "transceiver"};
constexpr std::string_view kLinkModes[] = {"speed_mbps",          "duplex",           "autoneg",   "autoneg_supported",
                                           "max_supported_mbps",  "max_partner_mbps", "supported", "advertised",
                                           "max_advertised_mbps", "partner",          "lanes",     "master_slave"};
constexpr std::string_view kLinkState[] = {"link_detected",
                                           "link_ext_state",
                                           "link_ext_substate",
                                           "link_down_events",
                                           "link_down_events_delta",
                                           "link_down_events_per_second",
                                           "sqi",
                                           "sqi_max"};
constexpr std::string_view kRings[] = {"rx_ring", "rx_ring_max", "tx_ring", "tx_ring_max"};
constexpr std::string_view kChannels[] = {"rx_channels",       "rx_channels_max",      "tx_channels",
                                          "tx_channels_max",   "other_channels",       "other_channels_max",
                                          "combined_channels", "combined_channels_max"};
constexpr std::string_view kCoalesce[] = {"rx_usecs",  "rx_frames",   "tx_usecs",
                                          "tx_frames", "adaptive_rx", "adaptive_tx"};
constexpr std::string_view kPause[] = {"pause_autoneg", "pause_rx", "pause_tx"};
constexpr std::string_view kFec[] = {"fec_active", "fec_configured"};
constexpr std::string_view kDriver[] = {"driver", "driver_version", "firmware_version", "bus_info"};

struct Group {
  NicGroup group;
  std::span<const std::string_view> columns;
};
constexpr std::array<Group, 8> kGroups = {{{NicGroup::link_info, kLinkInfo},
                                           {NicGroup::link_modes, kLinkModes},
                                           {NicGroup::link_state, kLinkState},
                                           {NicGroup::rings, kRings},
                                           {NicGroup::channels, kChannels},
                                           {NicGroup::coalesce, kCoalesce},
                                           {NicGroup::pause, kPause},
                                           {NicGroup::fec, kFec}}};

// bus_info of a device on a bus has a number in it ("0000:00:03.0", "virtio0"); those of software say "", "N/A" or
// "tap".
bool is_on_bus(const NicDriver& driver) {
  return driver.bus_info.find_first_of("0123456789") != std::string::npos;
}

class SettingsGatherer {
 public:
  SettingsGatherer(NicSession& session, const facts::TableRequest& request) : session_(session), request_(request) {
    parents_known_ = std::any_of(session.devices.begin(), session.devices.end(),
                                 [](const NicDevice& device) { return !device.parent.empty(); });
  }

  void run() {
    for (const NicDevice* device : session_.wanted(request_)) add_device(*device);
    if (items_.empty()) return;
    if (wants_any(kDriver)) {
      for (Item& item : items_) fill_driver(item);
    }
    const bool need_modes = wants_any(kLinkModes) || wants_any(kFec);
    if (need_modes) modes_ = link_modes();
    for (const Group& group : kGroups) {
      if (wants_any(group.columns)) fill(group);
    }
    auto& rows = session_.task.out.rows<NicSettings>();
    rows.reserve(rows.size() + items_.size());
    for (Item& item : items_) {
      add_untold(item);
      rows.push_back(std::move(item.row));
    }
  }

 private:
  struct Item {
    const NicDevice* device = nullptr;
    std::optional<Result<NicDriver>> driver;  // asked for when first needed
    NicSettings row;
  };

  [[nodiscard]] bool wants_any(std::span<const std::string_view> columns) const {
    return std::any_of(columns.begin(), columns.end(), [&](std::string_view each) { return request_.wants(each); });
  }

  const Result<NicDriver>& driver_of(Item& item) {
    if (!item.driver) item.driver = session_.ioctl.driver(item.device->name);
    return *item.driver;
  }

  bool is_physical(Item& item) {
    if (item.row.physical) return *item.row.physical;
    bool physical = !item.device->parent.empty();
    if (!parents_known_ && !item.device->loopback) {
      const auto& driver = driver_of(item);
      physical = driver && is_on_bus(*driver);
    }
    item.row.physical = physical;
    return physical;
  }

  void add_device(const NicDevice& device) {
    Item item;
    item.device = &device;
    item.row.netns = session_.task.out.intern(session_.task.netns.name);
    item.row.ifindex = device.ifindex;
    item.row.ifname = session_.task.out.intern(device.name);
    if (request_.wants("physical") && !request_.may_want("physical", std::int64_t{is_physical(item)})) return;
    items_.push_back(std::move(item));
  }

  void fill_driver(Item& item) {
    const auto& driver = driver_of(item);
    if (!driver) {
      for (const std::string_view column : kDriver) {
        session_.add_absence(kTable, column, item.device->name, driver.error());
      }
      return;
    }
    facts::Facts& out = session_.task.out;
    item.row.driver = out.intern(driver->name);
    item.row.driver_version = out.intern(driver->version);
    item.row.firmware_version = out.intern(driver->firmware_version);
    item.row.bus_info = out.intern(driver->bus_info);
  }

  [[nodiscard]] kernel::LinkModes link_modes() {
    constexpr std::uint32_t kLinkModeNames = 9;  // ETH_SS_LINK_MODES
    if (session_.socket) {
      if (auto names = session_.socket->global_strings(kLinkModeNames)) return kernel::LinkModes(std::move(*names));
    }
    return kernel::LinkModes::built_in();
  }

  // The item of a device in an answer; nullptr for one that nobody asked about.
  Item* find(std::uint32_t ifindex) {
    const auto found =
        std::lower_bound(items_.begin(), items_.end(), ifindex,
                         [](const Item& item, std::uint32_t wanted) { return item.device->ifindex < wanted; });
    return found == items_.end() || found->device->ifindex != ifindex ? nullptr : &*found;
  }

  void fill(const Group& group) {
    if (!session_.socket || !session_.socket->knows(group.group)) {
      for (Item& item : items_) {
        note(group, item, session_.ioctl.read(group.group, item.device->name, modes_, session_.task.out, item.row));
      }
      return;
    }
    const kernel::NicHandler handler = [&](std::uint32_t ifindex,
                                           std::span<const std::uint8_t> attributes) -> Result<void> {
      Item* item = find(ifindex);
      if (item == nullptr) return {};
      if (kernel::parse_nic_group(group.group, attributes, modes_, session_.task.out, item->row)) return {};
      return unexpected(make_error(ErrorCode::failed, name_of(group.group), item->device->name, "malformed answer"));
    };
    // One device's failure ends the answer for all; then each is asked alone, so that only that one is missing.
    if (session_.better_all(items_.size()) && session_.socket->dump(group.group, handler)) return;
    for (Item& item : items_) note(group, item, session_.socket->get(group.group, item.device->ifindex, handler));
  }

  void note(const Group& group, const Item& item, const Result<void>& answer) {
    if (answer) return;
    for (const std::string_view column : group.columns) {
      session_.add_absence(kTable, column, item.device->name, answer.error());
    }
  }

  // A real device with a link that does not tell what a link must have.
  void add_untold(Item& item) {
    const NicSettings& row = item.row;
    if (!wants_any(kLinkModes) || !item.device->up || !item.device->carrier || item.device->loopback) return;
    const bool untold = !row.speed_mbps || row.duplex == facts::Duplex::unknown || !row.max_supported_mbps ||
                        (!row.max_partner_mbps && row.autoneg.value_or(false));
    if (!untold || !is_physical(item)) return;
    if (!row.speed_mbps) say_untold(item, {"speed_mbps"});
    if (row.duplex == facts::Duplex::unknown) say_untold(item, {"duplex"});
    const bool modes_untold = !row.max_supported_mbps;
    if (modes_untold) {
      say_untold(item, {"max_supported_mbps", "max_advertised_mbps", "supported", "advertised", "autoneg_supported"});
    }
    // Without negotiation a partner has nothing to tell.
    if (!row.max_partner_mbps && (row.autoneg.value_or(false) || modes_untold)) {
      say_untold(item, {"max_partner_mbps", "partner"});
    }
  }

  void say_untold(Item& item, std::initializer_list<std::string_view> columns) {
    const auto& driver = driver_of(item);
    const std::string reason = "driver " + (driver ? driver->name : std::string("of unknown name")) + " does not tell";
    for (const std::string_view column : columns) {
      if (!request_.wants(column)) continue;
      session_.task.out.add_absence({std::string(kTable),
                                     std::string(column),
                                     session_.task.netns.name,
                                     item.device->name,
                                     ErrorCode::unsupported,
                                     reason,
                                     {}});
    }
  }

  NicSession& session_;
  const facts::TableRequest& request_;
  bool parents_known_ = false;
  std::vector<Item> items_;  // by rising ifindex
  kernel::LinkModes modes_;
};

}  // namespace

void gather_nic_settings(NicSession& session, const facts::TableRequest& request) {
  (void)session.task.out.rows<NicSettings>();
  SettingsGatherer(session, request).run();
}

}  // namespace hostcheck::gather

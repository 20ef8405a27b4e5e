#include <cstring>
#include <map>
#include <unordered_map>

#include "core/gather/nic_session.h"

namespace hostcheck::gather {
namespace {

using facts::NicFeature;
using facts::NicStatistic;
using kernel::NicDevice;

constexpr std::uint32_t kStatisticNames = 1;  // ETH_SS_STATS
constexpr std::uint32_t kFeatureNames = 4;    // ETH_SS_FEATURES
constexpr int kAttempts = 3;

struct WantedName {
  std::uint32_t at = 0;  // bit or place in the string set
  Symbol name;
};

// One table of features under way: the names that somebody reads and where the rows go.
class FeatureGatherer {
 public:
  FeatureGatherer(NicSession& session, const facts::TableRequest& request)
      : session_(session), request_(request), rows_(session.task.out.rows<NicFeature>()), first_(rows_.size()) {}

  void run() {
    for (const NicDevice* device : session_.wanted(request_)) devices_.emplace(device->ifindex, device);
    if (devices_.empty()) return;
    const bool by_netlink = session_.socket && session_.socket->knows_features();
    if (const auto named = by_netlink ? name_by_netlink() : name_by_ioctl(); !named) {
      session_.task.out.add_absence("nic_features", session_.task.netns.name, named.error());
      return;
    }
    if (wanted_.empty()) return;
    if (by_netlink) {
      ask_by_netlink();
    } else {
      ask_by_ioctl();
    }
  }

 private:
  void want(std::uint32_t bit, std::string_view name) {
    if (name.empty() || !request_.may_want("feature", std::string(name))) return;
    wanted_.push_back({bit, session_.task.out.intern(name)});
  }

  Result<void> name_by_netlink() {
    const auto names = session_.socket->global_strings(kFeatureNames);
    if (!names) return unexpected(names.error());
    for (std::uint32_t bit = 0; bit < names->size(); ++bit) want(bit, (*names)[bit]);
    return {};
  }

  Result<void> name_by_ioctl() {
    kernel::NicStrings names;
    if (auto read = session_.ioctl.strings(devices_.begin()->second->name, kFeatureNames, 0, names); !read) return read;
    count_ = static_cast<std::uint32_t>(names.size());
    for (std::uint32_t bit = 0; bit < count_; ++bit) want(bit, names[bit]);
    return {};
  }

  void add(const NicDevice& device, const kernel::NicFeatureBits& bits) {
    NicFeature row;
    row.netns = session_.task.out.intern(session_.task.netns.name);
    row.ifindex = device.ifindex;
    row.ifname = session_.task.out.intern(device.name);
    for (const WantedName& each : wanted_) {
      row.feature = each.name;
      row.active = bits.active.test(each.at);
      row.wanted = bits.wanted.test(each.at);
      row.hw = bits.hw.test(each.at);
      row.nochange = bits.nochange.test(each.at);
      rows_.push_back(row);
    }
  }

  void ask_by_netlink() {
    const kernel::NicHandler handler = [&](std::uint32_t ifindex,
                                           std::span<const std::uint8_t> attributes) -> Result<void> {
      const auto found = devices_.find(ifindex);
      if (found == devices_.end()) return {};
      const auto bits = kernel::parse_features(attributes);
      if (!bits) {
        return unexpected(
            make_error(ErrorCode::failed, "ETHTOOL_MSG_FEATURES_GET", found->second->name, "malformed answer"));
      }
      add(*found->second, *bits);
      return {};
    };
    const auto restart = [&] { rows_.resize(first_); };
    if (session_.better_all(devices_.size()) && session_.socket->dump_features(handler, restart)) return;
    restart();
    for (const auto& [ifindex, device] : devices_) {
      const auto answer = session_.socket->get_features(ifindex, handler);
      if (!answer) session_.add_absence("nic_features", {}, device->name, answer.error());
    }
  }

  void ask_by_ioctl() {
    for (const auto& [ifindex, device] : devices_) {
      if (const auto bits = session_.ioctl.features(device->name, count_)) {
        add(*device, *bits);
      } else {
        session_.add_absence("nic_features", {}, device->name, bits.error());
      }
    }
  }

  NicSession& session_;
  const facts::TableRequest& request_;
  std::vector<NicFeature>& rows_;
  std::size_t first_;
  std::map<std::uint32_t, const NicDevice*> devices_;
  std::vector<WantedName> wanted_;
  std::uint32_t count_ = 0;
};

class StatisticGatherer {
 public:
  StatisticGatherer(NicSession& session, const facts::TableRequest& request)
      : session_(session), request_(request), rows_(session.task.out.rows<NicStatistic>()) {}

  void run() {
    for (const NicDevice* device : session_.wanted(request_)) {
      if (device->loopback) continue;
      Result<void> done;
      for (int attempt = 0; attempt < kAttempts; ++attempt) {
        done = ask(*device);
        if (done || done.error().code != ErrorCode::vanished) break;
      }
      if (!done) session_.add_absence("nic_statistics", {}, device->name, done.error());
    }
  }

 private:
  // Names of a driver that were met before, so that a thousand veths are judged by name once.
  struct Known {
    std::vector<char> block;
    std::vector<WantedName> wanted;
  };

  Result<void> ask(const NicDevice& device) {
    const auto driver = session_.ioctl.driver(device.name);
    if (!driver) return unexpected(driver.error());
    if (driver->statistics == 0 || !request_.may_want("driver", driver->name)) return {};
    if (auto read = session_.ioctl.strings(device.name, kStatisticNames, driver->statistics, strings_); !read)
      return read;
    const std::vector<WantedName>& wanted = judge(driver->name);
    if (wanted.empty()) return {};
    const auto values = session_.ioctl.statistics(device.name, static_cast<std::uint32_t>(strings_.size()));
    if (!values) return unexpected(values.error());
    facts::Facts& out = session_.task.out;
    NicStatistic row;
    row.netns = out.intern(session_.task.netns.name);
    row.ifindex = device.ifindex;
    row.ifname = out.intern(device.name);
    row.driver = out.intern(driver->name);
    for (const WantedName& each : wanted) {
      row.name = each.name;
      row.value = facts::Counter((*values)[each.at]);
      rows_.push_back(row);
    }
    return {};
  }

  const std::vector<WantedName>& judge(const std::string& driver) {
    Known& known = known_[driver];
    const auto block = strings_.block();
    if (known.block.size() == block.size() && std::memcmp(known.block.data(), block.data(), block.size()) == 0) {
      return known.wanted;
    }
    known.block.assign(block.begin(), block.end());
    known.wanted.clear();
    for (std::uint32_t at = 0; at < strings_.size(); ++at) {
      const std::string_view name = strings_[at];
      if (name.empty() || !request_.may_want("name", std::string(name))) continue;
      known.wanted.push_back({at, session_.task.out.intern(name)});
    }
    return known.wanted;
  }

  NicSession& session_;
  const facts::TableRequest& request_;
  std::vector<NicStatistic>& rows_;
  kernel::NicStrings strings_;
  std::unordered_map<std::string, Known> known_;
};

}  // namespace

void gather_nic_features(NicSession& session, const facts::TableRequest& request) {
  FeatureGatherer(session, request).run();
}

void gather_nic_statistics(NicSession& session, const facts::TableRequest& request) {
  StatisticGatherer(session, request).run();
}

}  // namespace hostcheck::gather

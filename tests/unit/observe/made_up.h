// A made-up record of a window for the tests of the observation's tables.
#pragma once

#include <cstring>
#include <map>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "core/observe/tables.h"

namespace hostcheck::observe {

inline constexpr std::uint32_t kBlue = 4026532001;
inline constexpr std::uint64_t kMs = 1'000'000;
inline constexpr std::uint64_t kStart = 5'000'000'000;

inline IpAddress ip(std::string_view text) {
  return *IpAddress::parse(text);
}

inline observe_address raw(std::string_view text) {
  observe_address made{};
  const IpAddress address = ip(text);
  if (address.family() == Family::ipv4) {
    made.bytes[10] = made.bytes[11] = 0xff;
    std::memcpy(made.bytes + 12, address.bytes().data(), 4);
  } else {
    std::memcpy(made.bytes, address.bytes().data(), 16);
  }
  return made;
}

// A namespace "blue" with the address 10.0.0.1 and 2001:db8::1, and a window of two seconds.
class MadeUp : public ::testing::Test {
 protected:
  MadeUp() {
    kernel::NetnsInfo info;
    info.name = "blue";
    info.inode = kBlue;
    blue_ = &around_.emplace(kBlue, Surroundings(info)).first->second;
    blue_->add_address(ip("10.0.0.1"));
    blue_->add_address(ip("2001:db8::1"));
    record_.flows.reserve(16);  // rows are handed out by reference
    record_.resets.reserve(16);
    record_.started_ns = kStart;
    record_.ended_ns = kStart + 2000 * kMs;
    record_.has_drop_reasons = true;
    record_.has_reset_reasons = true;
    names_.drop_reasons = {{5, "NO_SOCKET"}, {8, "NETFILTER_DROP"}};
    names_.reset_reasons = {{2, "NO_SOCKET"}};
    names_.places = {{0xffff1, "nft_do_chain"}};
    names_.interfaces = {{{kBlue, 3}, "eth0"}};
  }

  observe_flow& flow(std::string_view from, std::uint16_t from_port, std::string_view to, std::uint16_t to_port,
                     std::uint32_t netns = kBlue) {
    observe_flow_key key{};
    key.source = raw(from);
    key.destination = raw(to);
    key.source_port = from_port;
    key.destination_port = to_port;
    key.netns = netns;
    observe_flow made{};
    made.first_ns = made.last_ns = kStart + 500 * kMs;
    made.syns_in = 1;
    made.ifindex = 3;
    record_.flows.emplace_back(key, made);
    return record_.flows.back().second;
  }

  observe_reset& reset(std::string_view from, std::string_view to, observe_direction direction) {
    observe_reset_key key{};
    key.source = raw(from);
    key.destination = raw(to);
    key.source_port = 80;
    key.destination_port = 4000;
    key.netns = kBlue;
    key.direction = static_cast<__u8>(direction);
    observe_reset made{};
    made.wire = 1;
    made.ttl = 64;
    record_.resets.emplace_back(key, made);
    return record_.resets.back().second;
  }

  WatchedListener& listen(std::string_view address, std::uint16_t port) {
    WatchedListener& listener = blue_->listener(++cookie_);
    listener.address = ip(address);
    listener.port = port;
    return listener;
  }

  void established(std::string_view address, std::uint16_t port, std::uint64_t count) {
    observe_service_key key{};
    key.address = raw(address);
    key.port = port;
    key.netns = kBlue;
    observe_service service{};
    service.completed = count;
    record_.services.emplace_back(key, service);
  }

  template <typename Row>
  const std::vector<Row>& made(void (*fill)(const Seen&, facts::Facts&)) {
    fill({record_, around_, names_, std::chrono::milliseconds(2000)}, facts_);
    return facts_.rows<Row>();
  }
  const std::vector<facts::UnansweredSyn>& unanswered() { return made<facts::UnansweredSyn>(fill_unanswered_syns); }

  TraceRecord record_;
  std::map<std::uint32_t, Surroundings> around_;
  Surroundings* blue_ = nullptr;
  Names names_;
  facts::Facts facts_;
  std::uint64_t cookie_ = 0;
};

}  // namespace hostcheck::observe

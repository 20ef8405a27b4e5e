// Where probes may be sent to: this host's next hops, its own addresses, its resolvers, and what the user named.
// Every ask that is not the user's own goes through here.
#pragma once

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "core/base/address.h"
#include "core/facts/facts.h"
#include "core/facts/request.h"
#include "core/probe/engine.h"

namespace hostcheck::conclude {

class Permission {
 public:
  // read: the facts of a request, of all namespaces that asks may name; called once, when the first ask is judged.
  explicit Permission(std::function<facts::Facts(const facts::Request&)> read) : read_(std::move(read)) {}

  // What --target named, and the addresses that it turned out to have.
  void allow(const std::string& host) { named_.insert(host); }

  // Why the ask may not be sent; nullopt where it may. Each address in its target and its arguments is judged: a probe
  // of kind dns may ask for any name and look for any address, but only at a resolver of the host; "all" means next
  // hops and own addresses. One that sends data of an application (listener send=) may not be sent at all.
  [[nodiscard]] std::optional<std::string> refusal(const probe::Ask& ask);

 private:
  [[nodiscard]] bool may_reach(const std::string& netns, const std::string& host);
  void learn();
  std::function<facts::Facts(const facts::Request&)> read_;
  bool learned_ = false;
  std::set<std::string> named_;
  std::set<std::pair<std::string, IpAddress>> of_host_;  // by namespace
};

}  // namespace hostcheck::conclude

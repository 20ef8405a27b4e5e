// One host's facts in the form in which they are compared. Used by compare.cpp only.
#pragma once

#include <compare>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/address.h"
#include "core/conclude/compare.h"
#include "core/sql/database.h"

namespace hostcheck::conclude {

// What stands for the interface of the default route where hosts have different names for it.
inline constexpr std::string_view kUplink = "uplink";

struct RowId {
  std::string netns;
  std::string interface;
  std::string subject;
  auto operator<=>(const RowId&) const = default;
};

struct HostTable {
  std::map<RowId, std::vector<facts::Value>> rows;  // one value for each compared column
  std::string unread;                               // why there is no such table; "" where there is
};

// What is taken for the same on all hosts.
struct Alignment {
  bool one_namespace = false;        // each host has one, whatever its name
  std::set<std::string> namespaces;  // else: those that all have
  bool uplinks = false;              // the interfaces of the default routes, whatever their names
  bool anonymous = false;            // of some host, so that no address means anything
};

class HostReader {
 public:
  // What host points to outlives it.
  explicit HostReader(const ComparedHost& host);

  // The interface of the default route; "" where there is none.
  [[nodiscard]] const std::string& uplink() const { return uplink_; }
  [[nodiscard]] bool has_interface(const std::string& name) const { return interfaces_.contains({"", name}); }
  // Whether one of its own subnets has this address.
  [[nodiscard]] bool is_on_link(const IpAddress& address) const;

  void align(const Alignment& alignment);
  // After align(): whether it has the interface of a row, as rows name it. "all" and "default" are everywhere.
  [[nodiscard]] bool has_interface_of(const RowId& row) const;
  [[nodiscard]] HostTable read(const ComparedTable& table);
  // Why a row that is not there could not be read; "" where it does not exist.
  [[nodiscard]] std::string why_missing(const ComparedTable& table, const RowId& row) const;
  // Why a value that is null could not be read; "" where there is none.
  [[nodiscard]] std::string why_null(const ComparedTable& table, const ComparedColumn& column, const RowId& row) const;

 private:
  [[nodiscard]] std::vector<std::vector<facts::Value>> ask(std::string_view query);
  [[nodiscard]] std::string own_name(const std::string& interface) const;
  [[nodiscard]] std::string_view aligned_name(std::string_view interface) const;
  [[nodiscard]] bool is_about(const facts::Absence& absence, const RowId& row) const;

  const ComparedHost& host_;
  Alignment alignment_;
  std::string uplink_;
  std::set<std::pair<std::string, std::string>> interfaces_;  // namespace ("" for any) and name
  std::vector<std::pair<IpAddress, unsigned>> subnets_;
};

}  // namespace hostcheck::conclude

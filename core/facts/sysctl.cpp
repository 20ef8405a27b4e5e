#include "core/facts/sysctl.h"

namespace hostcheck::facts {
namespace {

Cell key_cell(const Sysctl& row, std::string&) {
  const std::string_view name = row.name;
  return text_cell(name.substr(name.rfind('.') + 1));
}

}  // namespace

const TableInfo& Sysctl::table() {
  static const TableInfo info =
      TableBuilder<Sysctl>(
          "sysctls",
          "Kernel settings net.* and fs.*. A setting that exists only in the first namespace is shown with "
          "its value there under every namespace that is looked at, with global = 1")
          .key<&Sysctl::netns>("netns", "", "namespace that was asked", "Name of the network namespace")
          .key<&Sysctl::name>("name", "", "path below /proc/sys",
                              "Name as sysctl(8) prints it, e.g. net.ipv4.ip_forward")
          .column<&Sysctl::value>("value", "", "the file", "Value, when it is one integer")
          .column<&Sysctl::text>("text", "", "the file",
                                 "Value as text; several numbers are separated by tabs. Keys (tcp_fastopen_key, "
                                 "stable_secret) are not shown")
          .column<&Sysctl::v1>("v1", "", "the file", "First number, when the value is made of integers")
          .column<&Sysctl::v2>("v2", "", "the file", "Second number")
          .column<&Sysctl::v3>("v3", "", "the file", "Third number")
          .computed<key_cell>("key", Type::text, "", "path below /proc/sys", "Last part of the name")
          .column<&Sysctl::ifname>("ifname", "", "path below /proc/sys",
                                   "Interface (or all, default) of net.*.conf and net.*.neigh settings")
          .column<&Sysctl::global>("global", "", "/proc/sys of the first namespace",
                                   "Whether the value is one for the whole machine, read in the first namespace")
          .build();
  return info;
}

}  // namespace hostcheck::facts

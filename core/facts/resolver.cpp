#include "core/facts/resolver.h"

namespace hostcheck::facts {

const TableInfo& Resolver::table() {
  static const TableInfo info =
      TableBuilder<Resolver>("resolvers", "Name servers of resolv.conf, in the order they are asked")
          .key<&Resolver::netns>("netns", "", "namespace that was asked", "Name of the network namespace")
          .key<&Resolver::position>("position", "", "resolv.conf nameserver", "Place in the file, from 1")
          .column<&Resolver::server>("server", "", "resolv.conf nameserver", "Address")
          .column<&Resolver::scope>("scope", "", "resolv.conf nameserver", "Interface of a link-local address")
          .column<&Resolver::used>("used", "", "MAXNS of glibc", "Whether it is among the three that are ever asked")
          .build();
  return info;
}

const TableInfo& ResolverConfig::table() {
  static const TableInfo info =
      TableBuilder<ResolverConfig>("resolver_config", "Settings of resolv.conf, one row a namespace")
          .key<&ResolverConfig::netns>("netns", "", "namespace that was asked", "Name of the network namespace")
          .column<&ResolverConfig::path>("path", "", "resolv.conf(5), ip-netns(8)",
                                         "File that processes in this namespace see")
          .column<&ResolverConfig::present>("present", "", "the file",
                                            "Whether it exists; without it 127.0.0.1 is asked")
          .column<&ResolverConfig::search>("search", "", "search, domain",
                                           "Domains that are tried, separated by blanks")
          .column<&ResolverConfig::nameservers>("nameservers", "", "nameserver", "Number of servers named")
          .column<&ResolverConfig::ndots>("ndots", "", "options ndots",
                                          "Names with fewer dots are tried with search first")
          .column<&ResolverConfig::timeout_s>("timeout_s", "s", "options timeout", "Wait for a server's answer")
          .column<&ResolverConfig::attempts>("attempts", "", "options attempts", "Rounds over all servers")
          .column<&ResolverConfig::rotate>("rotate", "", "options rotate", "Whether servers take turns")
          .column<&ResolverConfig::use_tcp>("use_tcp", "", "options use-vc", "Whether TCP is used for every question")
          .column<&ResolverConfig::single_request>("single_request", "", "options single-request",
                                                   "Whether A and AAAA are asked one after the other")
          .column<&ResolverConfig::options>("options", "", "options", "All options as written")
          .column<&ResolverConfig::unknown>("unknown", "", "the file", "Lines that mean nothing to the resolver")
          .build();
  return info;
}

}  // namespace hostcheck::facts

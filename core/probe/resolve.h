// Names to addresses for probes: each name server asked on its own, A and AAAA, over UDP and where that fails over TCP.
// getaddrinfo(3) and its caches have no part in it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/address.h"
#include "core/base/result.h"
#include "core/probe/context.h"
#include "core/probe/dns_message.h"

namespace hostcheck::probe {

struct DnsServer {
  IpAddress address;
  std::uint16_t port = 53;
  std::uint32_t scope = 0;  // interface of a link-local address
};

// What resolv.conf of the probe's namespace says, as glibc follows it.
struct ResolverSettings {
  std::string path;                // the file
  std::vector<DnsServer> servers;  // at most three; 127.0.0.1 where the file names none
  std::vector<std::string> search;
  std::uint32_t ndots = 1;
};
[[nodiscard]] ResolverSettings resolver_settings(const Context& context);
// The names to try for a name, in order (resolv.conf(5) ndots and search); only itself for one that ends with a dot.
[[nodiscard]] std::vector<std::string> names_to_try(std::string_view name, const ResolverSettings& settings);

enum class ServerOutcome : std::uint8_t {
  none,
  addresses,
  no_addresses,
  no_such_name,
  failed,
  timed_out,
  unreachable,
  malformed,
  not_sent
};
[[nodiscard]] std::string_view name_of(ServerOutcome outcome);
// Whether the server said anything that can be used: addresses, or that there are none.
[[nodiscard]] bool is_answer(ServerOutcome outcome);

// One question to one server and what came of it.
struct ServerReply {
  DnsServer server;
  std::string name;
  DnsType type = DnsType::a;
  bool tcp = false;
  ServerOutcome outcome = ServerOutcome::none;
  std::optional<int> rcode;
  std::vector<DnsRecord> records;
  std::optional<double> time_ms;
  std::uint32_t queries = 0;
  std::string words;  // what was wrong
};

// Asks every server for the name's addresses, all at once, and writes each reply into probe_dns.
[[nodiscard]] Task<std::vector<ServerReply>> ask_servers(Context& context, const std::vector<DnsServer>& servers,
                                                         std::string name, std::uint32_t sample);

// An address of a name, and who says so.
struct NamedAddress {
  IpAddress address;
  std::string source;                  // servers, separated by ", ", or "hosts file"
  std::optional<std::uint32_t> ttl_s;  // smallest that was said
};
// The addresses in the replies, each once, in the order they were given.
[[nodiscard]] std::vector<NamedAddress> addresses_of(const std::vector<ServerReply>& replies);

// Asks for the name and, while no server knows it, for it with each search domain.
struct Resolution {
  std::string name;  // the one that the replies are about
  std::vector<ServerReply> replies;
  std::string problem;  // why there was nothing to ask; "" else
};
[[nodiscard]] Task<Resolution> resolve(Context& context, std::vector<DnsServer> servers, std::string name,
                                       std::uint32_t sample);
// The servers of the ask's argument `server`, separated by commas, else those of resolv.conf.
[[nodiscard]] Result<std::vector<DnsServer>> servers_of(const Context& context);

}  // namespace hostcheck::probe

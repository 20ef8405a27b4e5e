#include "core/probe/target_addresses.h"

#include <algorithm>

#include <fmt/format.h>

#include "core/facts/probe_dns.h"
#include "core/probe/hosts_file.h"

namespace hostcheck::probe {
namespace {

Error wrong(const Context& context, std::string_view object, std::string_view detail) {
  return make_error(ErrorCode::invalid, "probe " + context.ask.kind, object, detail);
}

// Family::none: all of them.
Result<Family> wanted_family(const Context& context) {
  const auto text = context.arg("family");
  if (!text) return Family::none;
  if (*text == "4") return Family::ipv4;
  if (*text == "6") return Family::ipv6;
  return unexpected(wrong(context, "family=" + std::string(*text), "must be 4 or 6"));
}

void add(std::vector<NamedAddress>& out, NamedAddress each) {
  const auto known =
      std::find_if(out.begin(), out.end(), [&](const NamedAddress& other) { return other.address == each.address; });
  if (known == out.end()) {
    out.push_back(std::move(each));
    return;
  }
  known->source += ", " + each.source;
  known->ttl_s = each.ttl_s;
}

void keep_family(std::vector<NamedAddress>& addresses, Family family) {
  if (family == Family::none) return;
  std::erase_if(addresses, [&](const NamedAddress& each) { return each.address.family() != family; });
}

// Why a name has no address, as each server put it.
std::string none_words(const std::string& host, Family family, const std::vector<ServerReply>& replies) {
  std::string out = fmt::format("no {}address is known for {}",
                                family == Family::ipv4   ? "IPv4 "
                                : family == Family::ipv6 ? "IPv6 "
                                                         : "",
                                host);
  for (const ServerReply& reply : replies) {
    out += fmt::format("; {} ({}{}): {}{}", reply.server.address.to_string(), name_of(reply.type),
                       reply.tcp ? ", TCP" : "", name_of(reply.outcome), reply.words.empty() ? "" : ", " + reply.words);
  }
  return out;
}

}  // namespace

Error port_missing(const Context& context) {
  return wrong(context, context.ask.target, "a port is missing: HOST:PORT");
}

Result<void> check_naming(const Context& context) {
  if (const auto family = wanted_family(context); !family) return unexpected(family.error());
  if (!context.arg("server")) return {};
  const auto servers = servers_of(context);
  return servers ? Result<void>{} : unexpected(servers.error());
}

Task<std::vector<NamedAddress>> target_addresses(Context& context, std::string host, std::size_t most) {
  std::vector<NamedAddress> out;
  if (const auto usable = check_naming(context); !usable) {
    context.fail(usable.error());
    co_return out;
  }
  const Family family = *wanted_family(context);
  if (const auto literal = IpAddress::parse(host)) {
    out.push_back({*literal, "", std::nullopt});
    keep_family(out, family);
    if (out.empty()) {
      context.fail(wrong(context, "family=" + std::string(*context.arg("family")), host + " is of the other family"));
    }
    co_return out;
  }
  const auto servers = servers_of(context);
  if (!servers) {
    context.fail(servers.error());
    co_return out;
  }
  (void)context.out.rows<facts::ProbeDns>();
  for (const IpAddress& each : addresses_in_hosts_file(context.netns(), host)) {
    add(out, {each, "hosts file", std::nullopt});
  }
  const Resolution resolution = co_await resolve(context, *servers, host, 1);
  for (NamedAddress& each : addresses_of(resolution.replies)) add(out, std::move(each));
  if (out.empty() && !resolution.problem.empty()) {
    context.fail(wrong(context, context.ask.target, resolution.problem));
    co_return out;
  }
  keep_family(out, family);
  if (out.size() > most) out.resize(most);
  if (out.empty()) {
    context.result.outcome = context.out.intern("no_addresses");
    context.result.words = none_words(host, family, resolution.replies);
  }
  co_return out;
}

std::string naming_words(const std::string& host, const std::vector<NamedAddress>& addresses) {
  if (IpAddress::parse(host)) return "";
  std::string out;
  for (const NamedAddress& each : addresses) {
    out += fmt::format("{} {} ({})", out.empty() ? host + " is" : ",", each.address.to_string(), each.source);
  }
  return out;
}

}  // namespace hostcheck::probe

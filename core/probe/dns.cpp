// The kind dns: what each name server says to a name, and whether an address is among it for longer than its TTL.
#include <algorithm>
#include <array>

#include "core/facts/probe_dns.h"
#include "core/probe/kind.h"
#include "core/probe/resolve.h"
#include "core/probe/target_addresses.h"

namespace hostcheck::probe {
namespace {

using std::chrono::milliseconds;

std::string joined(const std::vector<NamedAddress>& addresses) {
  std::string out;
  for (const NamedAddress& each : addresses) out += (out.empty() ? "" : ", ") + each.address.to_string();
  return out;
}

// The last reply of each server and type: TCP's where UDP failed.
std::vector<const ServerReply*> final_replies(const std::vector<ServerReply>& replies) {
  std::vector<const ServerReply*> out;
  for (const ServerReply& reply : replies) {
    const auto same = std::find_if(out.begin(), out.end(), [&](const ServerReply* other) {
      return other->server.address == reply.server.address && other->server.port == reply.server.port &&
             other->type == reply.type;
    });
    if (same == out.end()) {
      out.push_back(&reply);
    } else if (reply.tcp && reply.outcome != ServerOutcome::not_sent) {
      *same = &reply;
    }
  }
  return out;
}

// "192.0.2.1 (A): no answer to 2 questions", for each that is not `but`.
std::string failures(const std::vector<const ServerReply*>& replies) {
  std::string out;
  for (const ServerReply* reply : replies) {
    if (is_answer(reply->outcome)) continue;
    out += (out.empty() ? "" : "; ") + reply->server.address.to_string() + " (" + std::string(name_of(reply->type)) +
           (reply->tcp ? ", TCP" : "") +
           "): " + (reply->words.empty() ? std::string(name_of(reply->outcome)) : reply->words);
  }
  return out;
}

void conclude(Context& context, const Resolution& resolution) {
  const auto replies = final_replies(resolution.replies);
  const auto addresses = addresses_of(resolution.replies);
  const auto answered = static_cast<std::size_t>(
      std::count_if(replies.begin(), replies.end(), [](const auto* each) { return is_answer(each->outcome); }));
  const bool unknown = std::any_of(replies.begin(), replies.end(),
                                   [](const auto* each) { return each->outcome == ServerOutcome::no_such_name; });
  std::string_view outcome = "no_answer";
  std::string words;
  if (!addresses.empty()) {
    outcome = answered == replies.size() ? "addresses" : "some_answer";
    words = resolution.name + " has " + joined(addresses);
  } else if (answered > 0) {
    outcome = unknown ? "no_such_name" : "no_addresses";
    words = resolution.name + (unknown ? " does not exist" : " has no addresses");
  } else {
    words = "no server answers for " + resolution.name;
  }
  const std::string failed = failures(replies);
  context.result.outcome = context.out.intern(outcome);
  context.result.words = words + (failed.empty() ? "" : "; " + failed);
}

// Asks over and over until two TTLs have passed without the address in any answer.
Task<void> watch_for(Context& context, std::vector<DnsServer> servers, IpAddress address) {
  const auto start = Clock::now();
  std::uint32_t longest_ttl_s = 0;
  std::string name;
  for (std::uint32_t sample = 1;; ++sample) {
    const Resolution resolution = co_await resolve(context, servers, context.ask.target, sample);
    name = resolution.name;
    const auto addresses = addresses_of(resolution.replies);
    for (const NamedAddress& each : addresses) {
      longest_ttl_s = std::max(longest_ttl_s, each.ttl_s.value_or(0));
      if (each.address != address) continue;
      context.result.outcome = context.out.intern("held");
      context.result.words = each.source + " says that " + name + " has " + address.to_string();
      co_return;
    }
    const auto replies = final_replies(resolution.replies);
    const std::string failed = failures(replies);
    if (!failed.empty() || addresses.empty()) {
      // A server that was not heard may hold it.
      context.result.outcome = context.out.intern("unclear");
      context.result.words = failed.empty() ? name + " has no addresses" : failed;
      co_return;
    }
    const auto passed = Clock::now() - start;
    if (sample >= 3 && passed > std::chrono::seconds(2) * longest_ttl_s) {
      context.result.outcome = context.out.intern("absent");
      context.result.words = "no answer of " + std::to_string(sample) + " in " +
                             std::to_string(std::chrono::duration_cast<milliseconds>(passed).count()) +
                             " ms says that " + name + " has " + address.to_string() + " (TTL " +
                             std::to_string(longest_ttl_s) + " s); it has " + joined(addresses);
      co_return;
    }
    const auto next = Clock::now() + std::max(milliseconds(200), milliseconds(500) * longest_ttl_s);
    const auto needed = std::max(next, start + std::chrono::seconds(2) * longest_ttl_s + milliseconds(100));
    if (needed >= context.limits().deadline) {
      context.result.complete = false;
      context.result.outcome = context.out.intern("unclear");
      context.result.words = "no answer says that " + name + " has " + address.to_string() + " (it has " +
                             joined(addresses) + "), but two TTLs of " + std::to_string(longest_ttl_s) +
                             " s do not fit into the time that is left";
      co_return;
    }
    co_await context.sleep_until(next);
  }
}

Task<void> run(Context& context) {
  (void)context.out.rows<facts::ProbeDns>();
  const auto servers = servers_of(context);
  if (!servers) {
    context.fail(servers.error());
    co_return;
  }
  if (const auto query = make_dns_query(context.ask.target, DnsType::a, 0); !query) {
    context.fail(query.error());
    co_return;
  }
  if (const auto wanted = context.arg("address")) {
    const auto address = IpAddress::parse(*wanted);
    if (!address) {
      co_return context.fail(
          make_error(ErrorCode::invalid, "probe dns", "address=" + std::string(*wanted), "must be an address"));
    }
    co_await watch_for(context, *servers, *address);
    co_return;
  }
  const Resolution resolution = co_await resolve(context, *servers, context.ask.target, 1);
  if (!resolution.problem.empty()) {
    co_return context.fail(make_error(ErrorCode::invalid, "probe dns", context.ask.target, resolution.problem));
  }
  conclude(context, resolution);
}

constexpr std::array<std::string_view, 2> kArgs = {
    kServerArgument,
    "address=ADDRESS to look for: asks until two TTLs have passed without it",
};
constexpr std::array<std::string_view, 1> kTables = {"probe_dns"};

}  // namespace

const Kind& dns_kind() {
  static const Kind kind = {
      {"dns", "NAME", "What each name server says to a name, A and AAAA, apart from getaddrinfo and the hosts file",
       kArgs, kTables},
      run};
  return kind;
}

}  // namespace hostcheck::probe

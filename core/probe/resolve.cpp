#include "core/probe/resolve.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <random>

#include <netinet/in.h>
#include <sys/socket.h>

#include "core/base/text.h"
#include "core/facts/probe_dns.h"
#include "core/kernel/error_queue.h"
#include "core/kernel/packet_socket.h"
#include "core/kernel/resolv_conf.h"
#include "core/kernel/socket_address.h"
#include "core/probe/target.h"

namespace hostcheck::probe {
namespace {

using std::chrono::milliseconds;
using Bytes = std::vector<std::uint8_t>;

constexpr int kTries = 2;
constexpr milliseconds kPatience(1000);  // for each question
constexpr std::size_t kLongestMessage = 65535;

double milliseconds_since(std::chrono::nanoseconds sent, std::chrono::nanoseconds at) {
  return std::max(0.0, std::chrono::duration<double, std::milli>(at - sent).count());
}

// The error that a socket has, and with the error queue who sent it.
std::string error_words(int fd, int sys_errno) {
  std::array<std::uint8_t, 2048> buffer{};
  const auto queued = kernel::read_error(fd, buffer);
  if (queued && *queued) return kernel::words_of(**queued);
  return std::string(strerror(sys_errno));  // NOLINT(concurrency-mt-unsafe): one thread
}

// Whether the kernel could not send at all, in the terms of a reply.
void not_sent(ServerReply& reply, const Error& error) {
  reply.outcome = ServerOutcome::not_sent;
  reply.words = error.message();
}

void take_answer(ServerReply& reply, DnsAnswer answer) {
  reply.rcode = answer.rcode;
  reply.records = std::move(answer.records);
  reply.words = answer.problem;
  if (answer.reading == DnsReading::malformed || answer.reading == DnsReading::truncated) {
    reply.outcome = ServerOutcome::malformed;
  } else if (answer.rcode == 3) {
    reply.outcome = ServerOutcome::no_such_name;
  } else if (answer.rcode != 0) {
    reply.outcome = ServerOutcome::failed;
    reply.words = rcode_name(answer.rcode);
  } else {
    reply.outcome = reply.records.empty() ? ServerOutcome::no_addresses : ServerOutcome::addresses;
  }
}

// A socket that is connected to the server; the reply says why there is none.
std::optional<UniqueFd> connected(Context& context, ServerReply& reply, int type) {
  auto fd = context.socket(kernel::domain_of(reply.server.address), type, 0);
  if (!fd) {
    not_sent(reply, fd.error());
    return std::nullopt;
  }
  const auto to = kernel::socket_address(reply.server.address, reply.server.port, reply.server.scope);
  (void)kernel::ask_errors(fd->get(), reply.server.address.family());
  (void)kernel::ask_timestamps(fd->get());
  if (connect(fd->get(), to.get(), to.length) != 0 && errno != EINPROGRESS) {
    not_sent(reply, errno_error(errno, "connect", reply.server.address.to_string()));
    return std::nullopt;
  }
  context.note_socket(fd->get(), type == SOCK_DGRAM ? IPPROTO_UDP : IPPROTO_TCP, reply.server.address,
                      reply.server.port);
  return std::move(*fd);
}

// Reads what waits on the socket; true when it decides.
bool take_datagrams(Socket& socket, ServerReply& reply, const Bytes& query, std::chrono::nanoseconds sent,
                    bool& truncated) {
  std::vector<std::uint8_t> buffer(kLongestMessage);
  for (;;) {
    const auto got = kernel::receive(socket.fd(), buffer);
    if (!got) {
      reply.outcome = ServerOutcome::unreachable;
      reply.words = error_words(socket.fd(), got.error().sys_errno);
      return true;
    }
    if (!*got) return false;
    DnsAnswer answer = read_dns_reply(query, reply.type, (*got)->bytes);
    if (answer.reading == DnsReading::foreign) continue;
    truncated = answer.reading == DnsReading::truncated;
    const auto at = (*got)->at.count() == 0 ? kernel::wall_clock() : (*got)->at;
    reply.time_ms = milliseconds_since(sent, at);
    take_answer(reply, std::move(answer));
    return true;
  }
}

// True when the question has to be asked over TCP.
Task<bool> over_udp(Context& context, ServerReply& reply, const Bytes& query) {
  auto fd = connected(context, reply, SOCK_DGRAM);
  if (!fd) co_return false;
  Socket socket(context.io, std::move(*fd));
  reply.outcome = ServerOutcome::timed_out;
  for (int each = 0; each < kTries; ++each) {
    if (!co_await context.turn(reply.server.address)) {
      if (reply.queries == 0) reply.outcome = ServerOutcome::not_sent;
      co_return false;
    }
    const auto sent = kernel::wall_clock();
    if (send(socket.fd(), query.data(), query.size(), 0) < 0) {
      const int error = errno;
      // An error of before (ICMP) is told by the next call.
      reply.outcome = error == ECONNREFUSED ? ServerOutcome::unreachable : ServerOutcome::not_sent;
      reply.words = error_words(socket.fd(), error);
      co_return reply.outcome == ServerOutcome::unreachable;
    }
    ++reply.queries;
    const auto until = context.within(kPatience);
    bool truncated = false;
    while (co_await socket.readable(until)) {
      if (!take_datagrams(socket, reply, query, sent, truncated)) continue;
      co_return truncated || reply.outcome == ServerOutcome::malformed || reply.outcome == ServerOutcome::unreachable;
    }
  }
  reply.words = "no answer to " + std::to_string(reply.queries) + " questions";
  co_return true;
}

// Reads until the buffer holds `wanted` bytes. False at the end of time or stream.
Task<bool> read_stream(Socket& socket, Bytes& buffer, std::size_t wanted, Clock::time_point until) {
  while (buffer.size() < wanted) {
    if (!co_await socket.readable(until)) co_return false;
    std::array<std::uint8_t, 4096> part{};
    const auto got = recv(socket.fd(), part.data(), std::min(part.size(), wanted - buffer.size()), MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) continue;
    if (got <= 0) co_return false;
    buffer.insert(buffer.end(), part.begin(), part.begin() + got);
  }
  co_return true;
}

Task<void> over_tcp(Context& context, ServerReply& reply, const Bytes& query) {
  const auto place = co_await context.half_open(reply.server.address);
  if (!place || !co_await context.turn(reply.server.address, 2)) {
    reply.outcome = ServerOutcome::not_sent;
    co_return;
  }
  auto fd = connected(context, reply, SOCK_STREAM);
  if (!fd) co_return;
  Socket socket(context.io, std::move(*fd));
  reply.queries = 1;
  reply.outcome = ServerOutcome::timed_out;
  reply.words = "no connection within " + std::to_string(kPatience.count()) + " ms";
  const auto until = context.within(kPatience);
  const auto sent = kernel::wall_clock();
  if (!co_await socket.writable(until)) co_return;
  if (const int error = kernel::take_error(socket.fd()); error != 0) {
    reply.outcome = ServerOutcome::unreachable;
    reply.words = error_words(socket.fd(), error);
    co_return;
  }
  Bytes message(2 + query.size());
  message[0] = static_cast<std::uint8_t>(query.size() >> 8U);
  message[1] = static_cast<std::uint8_t>(query.size() & 0xffU);
  std::copy(query.begin(), query.end(), message.begin() + 2);
  reply.words = "connected, and no answer";
  if (send(socket.fd(), message.data(), message.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(message.size()))
    co_return;
  Bytes length;
  if (!co_await read_stream(socket, length, 2, until)) co_return;
  Bytes answer;
  if (!co_await read_stream(socket, answer, static_cast<std::size_t>(length[0]) << 8U | length[1], until)) {
    reply.outcome = ServerOutcome::malformed;
    reply.words = "the answer over TCP ends before its length";
    co_return;
  }
  reply.time_ms = milliseconds_since(sent, kernel::wall_clock());
  DnsAnswer read = read_dns_reply(query, reply.type, answer);
  if (read.reading == DnsReading::foreign || read.reading == DnsReading::truncated) {
    reply.outcome = ServerOutcome::malformed;
    reply.words = read.reading == DnsReading::foreign ? "an answer to another question" : "cut short over TCP too";
    co_return;
  }
  take_answer(reply, std::move(read));
}

// Over UDP; over TCP where that is cut short or fails. Both are kept, the one that counts last.
Task<void> ask_one(Context& context, ServerReply first, std::vector<ServerReply>& out) {
  thread_local std::random_device random;
  const auto query = make_dns_query(first.name, first.type, static_cast<std::uint16_t>(random()));
  if (!query) {
    not_sent(first, query.error());
    out.push_back(std::move(first));
    co_return;
  }
  ServerReply second = first;
  const bool again = co_await over_udp(context, first, *query);
  const bool cut_short = again && first.outcome == ServerOutcome::malformed && first.words.empty();
  if (!cut_short) out.push_back(std::move(first));
  if (!again) co_return;
  second.tcp = true;
  co_await over_tcp(context, second, *query);
  out.push_back(std::move(second));
}

void keep_rows(Context& context, const std::vector<ServerReply>& replies, std::uint32_t sample,
               std::uint32_t asked_ms) {
  auto& rows = context.out.rows<facts::ProbeDns>();
  for (const ServerReply& reply : replies) {
    facts::ProbeDns row;
    row.probe = context.result.id;
    row.netns = context.result.netns;
    row.sample = sample;
    row.server = reply.server.address;
    row.name = reply.name;
    row.type = context.out.intern(name_of(reply.type));
    row.transport = context.out.intern(reply.tcp ? "tcp" : "udp");
    row.outcome = context.out.intern(name_of(reply.outcome));
    if (reply.rcode) row.rcode = context.out.intern(rcode_name(*reply.rcode));
    row.time_ms = reply.time_ms;
    row.asked_ms = asked_ms;
    row.queries = reply.queries;
    row.words = reply.words;
    if (reply.records.empty()) rows.push_back(row);
    for (const DnsRecord& record : reply.records) {
      row.address = record.address;
      row.ttl_s = record.ttl_s;
      rows.push_back(row);
    }
  }
}

}  // namespace

std::string_view name_of(ServerOutcome outcome) {
  constexpr std::array<std::string_view, 9> kNames = {
      "", "addresses", "no_addresses", "no_such_name", "failed", "timed_out", "unreachable", "malformed", "not_sent"};
  return kNames.at(static_cast<std::size_t>(outcome));
}

bool is_answer(ServerOutcome outcome) {
  return outcome == ServerOutcome::addresses || outcome == ServerOutcome::no_addresses ||
         outcome == ServerOutcome::no_such_name;
}

ResolverSettings resolver_settings(const Context& context) {
  ResolverSettings out;
  const kernel::FileTree files;
  out.path = kernel::resolv_conf_path(files, context.netns());
  const auto text = files.read(out.path, 1UL << 20U);
  const kernel::ResolvConf conf = text ? kernel::parse_resolv_conf(*text) : kernel::ResolvConf{};
  constexpr std::size_t kMostServers = 3;  // MAXNS of resolv.h
  for (const kernel::NameServer& each : conf.servers) {
    if (out.servers.size() == kMostServers) break;
    DnsServer server{each.address, 53, 0};
    if (!each.scope.empty()) {
      const auto fd = context.socket(AF_INET6, SOCK_DGRAM, 0);
      server.scope = fd ? kernel::interface_index(fd->get(), each.scope).value_or(0) : 0;
    }
    out.servers.push_back(server);
  }
  if (out.servers.empty()) out.servers.push_back({*IpAddress::parse("127.0.0.1"), 53, 0});
  for (const std::string_view each : split_fields(conf.config.search)) out.search.emplace_back(each);
  out.ndots = text ? conf.config.ndots : 1;
  return out;
}

std::vector<std::string> names_to_try(std::string_view name, const ResolverSettings& settings) {
  if (name.ends_with('.')) return {std::string(name.substr(0, name.size() - 1))};
  std::vector<std::string> out;
  for (const std::string& each : settings.search) {
    const std::string_view domain =
        std::string_view(each).substr(0, each.ends_with('.') ? each.size() - 1 : each.size());
    if (!domain.empty()) out.push_back(std::string(name) + "." + std::string(domain));
  }
  const auto dots = static_cast<std::uint32_t>(std::count(name.begin(), name.end(), '.'));
  out.insert(dots >= settings.ndots ? out.begin() : out.end(), std::string(name));
  return out;
}

Task<std::vector<ServerReply>> ask_servers(Context& context, const std::vector<DnsServer>& servers, std::string name,
                                           std::uint32_t sample) {
  std::vector<ServerReply> replies;
  std::vector<Task<void>> tasks;
  const std::uint32_t asked_ms = context.elapsed_ms();
  for (const DnsServer& server : servers) {
    for (const DnsType type : {DnsType::a, DnsType::aaaa}) {
      ServerReply first;
      first.server = server;
      first.name = name;
      first.type = type;
      tasks.push_back(ask_one(context, std::move(first), replies));
    }
  }
  co_await context.together(std::move(tasks));
  keep_rows(context, replies, sample, asked_ms);
  co_return replies;
}

std::vector<NamedAddress> addresses_of(const std::vector<ServerReply>& replies) {
  std::vector<NamedAddress> out;
  for (const ServerReply& reply : replies) {
    const std::string server = reply.server.address.to_string();
    for (const DnsRecord& record : reply.records) {
      auto found = std::find_if(out.begin(), out.end(),
                                [&](const NamedAddress& each) { return each.address == record.address; });
      if (found == out.end()) {
        out.push_back({record.address, server, record.ttl_s});
        continue;
      }
      if ((", " + found->source + ",").find(", " + server + ",") == std::string::npos) found->source += ", " + server;
      found->ttl_s = std::min(found->ttl_s.value_or(record.ttl_s), record.ttl_s);
    }
  }
  return out;
}

Task<Resolution> resolve(Context& context, std::vector<DnsServer> servers, std::string name, std::uint32_t sample) {
  Resolution out;
  for (const std::string& each : names_to_try(name, resolver_settings(context))) {
    if (const auto query = make_dns_query(each, DnsType::a, 0); !query) {
      if (out.problem.empty()) out.problem = query.error().message();
      continue;
    }
    out.name = each;
    out.problem.clear();
    out.replies = co_await ask_servers(context, servers, each, sample);
    const bool unknown = std::all_of(out.replies.begin(), out.replies.end(), [](const ServerReply& reply) {
      return reply.outcome == ServerOutcome::no_such_name || reply.outcome == ServerOutcome::no_addresses;
    });
    if (!unknown) break;
  }
  co_return out;
}

Result<std::vector<DnsServer>> servers_of(const Context& context) {
  const auto given = context.arg("server");
  if (!given) return resolver_settings(context).servers;
  std::vector<DnsServer> out;
  std::string_view rest = *given;
  while (true) {
    const auto comma = rest.find(',');
    const auto target = parse_target(rest.substr(0, comma));
    const auto address = target ? IpAddress::parse(target->host) : std::nullopt;
    if (!address) {
      return unexpected(make_error(ErrorCode::invalid, "probe " + context.ask.kind, "server=" + std::string(*given),
                                   "must be addresses, each with or without a port, with commas between"));
    }
    out.push_back({*address, target->port.value_or(53), 0});
    if (comma == std::string_view::npos) return out;
    rest.remove_prefix(comma + 1);
  }
}

}  // namespace hostcheck::probe

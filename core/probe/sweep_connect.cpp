// The sweep without privilege: a whole connection from each port, closed with RST at once so that the port is free
// again.
#include <algorithm>
#include <array>
#include <cerrno>
#include <random>

#include <netinet/in.h>
#include <sys/socket.h>

#include "core/kernel/error_queue.h"
#include "core/kernel/socket_address.h"
#include "core/probe/sweep_ports.h"
#include "core/probe/sweep_sender.h"

namespace hostcheck::probe {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t kFewestPorts = 4;

void set_flag(int fd, int name) {
  const int one = 1;
  (void)setsockopt(fd, SOL_SOCKET, name, &one, sizeof(one));
}

class ConnectSweep final : public SweepSender {
 public:
  ConnectSweep(Context& context, const SweepTarget& target, std::vector<std::uint16_t> ports,
               std::vector<UniqueFd> held)
      : context_(context), target_(target), ports_(std::move(ports)), held_(std::move(held)), busy_(ports_.size()) {}

  [[nodiscard]] const std::vector<std::uint16_t>& ports() const override { return ports_; }

  [[nodiscard]] Task<bool> send(SweepJudge& judge, SweepJudge::Stage stage, SweepSightings& sightings) override {
    const auto gap = kSweepGap * (stage.slow ? 8 : 1);
    const auto start = Clock::now();
    first_unsent_ = stage.first + stage.count;
    std::vector<Task<void>> tasks;
    tasks.reserve(stage.count);
    for (std::size_t each = 0; each < stage.count; ++each) {
      tasks.push_back(connect_once(judge, stage.first + each, start + each * gap, sightings));
    }
    co_await context_.together(std::move(tasks));
    if (first_unsent_ == stage.first + stage.count) co_return true;
    judge.forget_from(first_unsent_);
    co_return false;
  }

  // Every connect was waited for already.
  [[nodiscard]] Task<void> finish(SweepJudge&, SweepSightings&) override { co_return; }

 private:
  Task<void> connect_once(SweepJudge& judge, std::size_t shot, Clock::time_point at, SweepSightings& sightings) {
    const std::size_t port = judge.shots()[shot].port;
    co_await context_.sleep_until(at);
    // The port's connect before may still wait for its answer.
    while (busy_[port] && !context_.over()) co_await context_.sleep_until(Clock::now() + milliseconds(20));
    busy_[port] = true;
    co_await connect_from(judge, shot, port, sightings);
    busy_[port] = false;
  }

  Task<void> connect_from(SweepJudge& judge, std::size_t shot, std::size_t port, SweepSightings& sightings) {
    const auto place = co_await context_.half_open(target_.address);
    if (!place || !co_await context_.turn(target_.address)) {
      first_unsent_ = std::min(first_unsent_, shot);
      co_return;
    }
    auto fd = context_.socket(kernel::domain_of(target_.address), SOCK_STREAM, IPPROTO_TCP);
    if (!fd) {
      sightings.send_error = fd.error().message();
      judge.unsent(shot);
      co_return;
    }
    set_flag(fd->get(), SO_REUSEADDR);
    const linger at_once{1, 0};
    (void)setsockopt(fd->get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    (void)kernel::ask_errors(fd->get(), target_.address.family());
    Socket socket(context_.io, std::move(*fd));
    const auto own = kernel::socket_address(IpAddress::any(target_.address.family()), ports_[port]);
    const auto to = kernel::socket_address(target_.address, target_.port);
    const auto start = Clock::now();
    context_.note_flow({IPPROTO_TCP, target_.address, ports_[port], target_.port});
    if (bind(socket.fd(), own.get(), own.length) != 0 ||
        (connect(socket.fd(), to.get(), to.length) != 0 && errno != EINPROGRESS && errno != ECONNREFUSED)) {
      sightings.send_error = errno_error(errno, "connect", "source port " + std::to_string(ports_[port])).message();
      judge.unsent(shot);
      co_return;
    }
    if (!co_await socket.writable(context_.within(sweep_patience(sightings)))) co_return;
    const double took_ms = std::chrono::duration<double, std::milli>(Clock::now() - start).count();
    const int error = kernel::take_error(socket.fd());
    std::array<std::uint8_t, 2048> buffer{};
    const auto queued = kernel::read_error(socket.fd(), buffer);
    if (queued && *queued) {
      sightings.errors[port] = kernel::words_of(**queued);
      co_return;
    }
    if (error != 0 && error != ECONNREFUSED && error != ECONNRESET) co_return;
    judge.answered(shot);
    ++sightings.answers;
    if (error != 0) ++sightings.refused;
    sightings.slowest_ms = std::max(sightings.slowest_ms, took_ms);
    sightings.rtt_ms[port].push_back(took_ms);
  }

  Context& context_;
  SweepTarget target_;
  std::vector<std::uint16_t> ports_;
  std::vector<UniqueFd> held_;
  std::vector<bool> busy_;
  std::size_t first_unsent_ = 0;
};

}  // namespace

Result<std::unique_ptr<SweepSender>> open_connect_sweep(Context& context, const SweepTarget& target) {
  std::random_device seed;
  std::mt19937_64 random(seed());
  std::vector<std::uint16_t> ports;
  std::vector<UniqueFd> held;
  for (const auto& list : candidate_ports(context, target.ports, target.first, random)) {
    for (const std::uint16_t port : list) {
      auto fd = context.socket(kernel::domain_of(target.address), SOCK_STREAM, IPPROTO_TCP);
      if (!fd) return unexpected(fd.error());
      const auto own = kernel::socket_address(IpAddress::any(target.address.family()), port);
      // Free ports only: one that is shared by SO_REUSEADDR belongs to somebody. Then the connects may share it.
      if (bind(fd->get(), own.get(), own.length) != 0) continue;
      fd->reset();
      auto again = context.socket(kernel::domain_of(target.address), SOCK_STREAM, IPPROTO_TCP);
      if (!again) return unexpected(again.error());
      set_flag(again->get(), SO_REUSEADDR);
      if (bind(again->get(), own.get(), own.length) != 0) continue;
      held.push_back(std::move(*again));
      ports.push_back(port);
      break;
    }
  }
  if (ports.size() < kFewestPorts) {
    return unexpected(make_error(ErrorCode::failed, "sweep", target.address.to_string(),
                                 "only " + std::to_string(ports.size()) + " source ports are free"));
  }
  return std::make_unique<ConnectSweep>(context, target, std::move(ports), std::move(held));
}

}  // namespace hostcheck::probe

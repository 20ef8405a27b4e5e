// The packets that a run's findings are about, while they pass: handshakes, resets and ICMP errors of the observation
// window, then what the probes exchange. Bounded, headers only, nothing on the host changes.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/base/flow.h"
#include "core/base/result.h"
#include "core/kernel/netns.h"
#include "core/kernel/packet_tap.h"
#include "core/observe/frame.h"

namespace hostcheck::observe {

struct CapturedPacket {
  std::chrono::nanoseconds at{0};  // CLOCK_REALTIME
  std::size_t place = 0;           // of its namespace in CaptureRecord::namespaces
  std::uint32_t ifindex = 0;
  kernel::PacketStart start = kernel::PacketStart::ethernet;
  std::uint16_t ethertype = 0;  // of the network header, where bytes begin with it
  std::uint32_t length = 0;     // of the whole packet
  bool outgoing = false;
  bool probing = false;             // heard while probes were sent
  std::vector<std::uint8_t> bytes;  // its headers
  [[nodiscard]] std::optional<Frame> frame() const;
};

// Takes away the packets of handshakes whose SYN was answered at once, on every interface that saw them: nothing of
// them is evidence. Where a packet was repeated they stay: such a handshake may fail later. Returns how many went.
std::size_t give_up_answered(std::vector<CapturedPacket>& packets);

// Each takes two descriptors, of which a run needs others: RLIMIT_NOFILE is 1024 for most.
inline constexpr std::size_t kMostNamespaces = 256;

struct CaptureLimits {
  std::size_t packets = 65536;     // kept at a time, of all namespaces
  std::size_t bytes = 16U << 20U;  // of those
};

// The conversations of a run's probes.
class ProbeFlows {
 public:
  // probe: ProbeResult::id. One that is known already stays the earlier probe's.
  void add(const std::string& netns, const Flow& flow, std::uint32_t probe) {
    probes_.try_emplace({netns, flow}, probe);
  }
  // The probe whose packet it is: from it, to it, or an ICMP error about one of its packets; nullopt for none.
  [[nodiscard]] std::optional<std::uint32_t> probe_of(const std::string& netns, const Frame& frame) const;

 private:
  [[nodiscard]] std::optional<std::uint32_t> find(const std::string& netns, const PacketHeader& header,
                                                  bool sent) const;
  std::map<std::pair<std::string, Flow>, std::uint32_t> probes_;
};

struct CaptureRecord {
  std::vector<std::string> namespaces;                                      // that were heard
  std::vector<std::pair<std::string, Error>> failures;                      // namespaces that were not, and why
  std::map<std::pair<std::size_t, std::uint32_t>, std::string> interfaces;  // (place, ifindex) of packets -> name
  std::vector<CapturedPacket> packets;                                      // in the order of their times
  ProbeFlows flows;
  std::uint64_t heard = 0;           // packets that passed the filters
  std::uint64_t not_kept = 0;        // of those, what did not fit the limits
  std::uint64_t lost = 0;            // what the sockets' buffers had no room for
  std::uint64_t peers_left_out = 0;  // addresses of probes that were not heard
  std::uint64_t answered = 0;        // of handshakes that were answered, given up to make room
};

class Capture {
 public:
  // Hears each namespace that lets itself be heard; the others are told as failures, and so are those past
  // kMostNamespaces.
  [[nodiscard]] static Capture open(const std::vector<kernel::NetnsInfo>& namespaces, CaptureLimits limits = {});

  // Takes what has come; to be called every few tens of milliseconds.
  void drain();
  // From now on only what probes exchange is heard; a second call changes nothing.
  void begin_probes();
  // A probe is about to send to the address.
  void add_peer(const kernel::NetnsInfo& netns, const IpAddress& peer);
  // A probe uses this conversation.
  void add_flow(const std::string& netns, std::uint32_t probe, const Flow& flow) {
    record_.flows.add(netns, flow, probe);
  }
  // Ends it.
  [[nodiscard]] CaptureRecord stop();

 private:
  struct Place {
    std::string netns;
    kernel::PacketTap tap;
    std::vector<IpAddress> peers;
  };
  explicit Capture(CaptureLimits limits) : limits_(limits) {}
  void keep(std::size_t place, const kernel::TappedPacket& packet);
  void note_interfaces();
  [[nodiscard]] bool is_full(std::size_t more) const;
  void make_room();
  void give_up_foreign();

  CaptureLimits limits_;
  std::vector<Place> places_;
  CaptureRecord record_;
  std::size_t bytes_ = 0;
  bool probing_ = false;
  // Packets heard before room is made again: it costs a look at every packet, and in a flood of SYNs there is none.
  std::uint64_t next_room_ = 0;
};

}  // namespace hostcheck::observe

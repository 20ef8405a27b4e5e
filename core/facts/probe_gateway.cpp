#include "core/facts/probe_gateway.h"

namespace hostcheck::facts {
namespace {

constexpr std::string_view kAnswers = "ARP replies, neighbour advertisements";
constexpr std::string_view kDirect = "unicast ARP or neighbour solicitations";
constexpr std::string_view kEcho = "ICMP echo to the gateway";
constexpr std::string_view kThrough = "ICMP echo through the gateway";

template <auto Member>
Cell delay(const ProbeDelays& delays) {
  const auto& value = delays.*Member;
  return value ? real_cell(*value) : Cell{};
}
template <auto Series, auto Member>
Cell delay_of(const ProbeGateway& row, std::string&) {
  return delay<Member>(row.*Series);
}
template <auto Series>
Cell sent_of(const ProbeGateway& row, std::string&) {
  return integer_cell((row.*Series).sent);
}
template <auto Series>
Cell answered_of(const ProbeGateway& row, std::string&) {
  return integer_cell((row.*Series).answered);
}

template <auto Series>
void add_series(TableBuilder<ProbeGateway>& table, const std::string& prefix, std::string_view source,
                const std::string& what) {
  using D = ProbeDelays;
  table.computed<&sent_of<Series>>(prefix + "_sent", Type::integer, "packets", source, "Questions sent: " + what)
      .template computed<&answered_of<Series>>(prefix + "_answered", Type::integer, "packets", source,
                                               "Questions answered: " + what)
      .template computed<&delay_of<Series, &D::min_ms>>(prefix + "_min_ms", Type::real, "ms", source,
                                                        "Shortest delay: " + what)
      .template computed<&delay_of<Series, &D::median_ms>>(prefix + "_median_ms", Type::real, "ms", source,
                                                           "Median delay: " + what)
      .template computed<&delay_of<Series, &D::high_ms>>(prefix + "_high_ms", Type::real, "ms", source,
                                                         "Delay that nine of ten do not pass: " + what)
      .template computed<&delay_of<Series, &D::max_ms>>(prefix + "_max_ms", Type::real, "ms", source,
                                                        "Longest delay: " + what);
}

}  // namespace

const TableInfo& ProbeGateway::table() {
  static const TableInfo info = [] {
    using P = ProbeGateway;
    TableBuilder<P> table("probe_gateway", "Next hops and own addresses that were asked for on their link");
    table.key<&P::probe>("probe", "", "probe_results", "Number of the probe")
        .column<&P::netns>("netns", "", "namespace it was sent from", "Name of the network namespace")
        .key<&P::gateway>("gateway", "", "who asked", "Address that was asked for")
        .key<&P::ifname>("ifname", "", "RTM_GETROUTE", "Interface")
        .column<&P::own>("own", "", "getifaddrs(3)", "An address of this host, asked for to find who else has it")
        .column<&P::method>("method", "", "hostcheck", "arp, ndp; echo or udp where those could not be sent")
        .column<&P::outcome>("outcome", "", kAnswers,
                             "answers; silent; duplicate: two hosts answer to the same questions; flux: two MAC "
                             "addresses of one host do; failover: the MAC address changed once; several: more than one "
                             "in another way; unique: an own address that nobody else has; unclear")
        .column<&P::questions>("questions", "packets", kAnswers, "Questions to everybody on the link")
        .column<&P::answers>("answers", "packets", kAnswers, "Of these, answered")
        .column<&P::lladdr>("lladdr", "", kAnswers, "MAC address that answered, the most frequent one")
        .column<&P::lladdrs>("lladdrs", "", kAnswers, "All MAC addresses that answered, each with how often")
        .column<&P::lladdr_count>("lladdr_count", "addresses", kAnswers, "How many MAC addresses answered")
        .column<&P::virtual_router>("virtual_router", "", kAnswers,
                                    "Protocol and group after the MAC address: VRRP, HSRP, HSRPv2, GLBP, NLB")
        .column<&P::same_host>("same_host", "", "identification of IPv4 echo replies",
                               "Whether the MAC addresses are of one host; NULL: one only, or it cannot be told")
        .column<&P::neighbour_lladdr>("neighbour_lladdr", "", "RTM_GETNEIGH",
                                      "MAC address in the neighbour table before the questions")
        .column<&P::neighbour_state>("neighbour_state", "", "RTM_GETNEIGH", "State of that entry; NULL: no entry")
        .column<&P::neighbour_agrees>("neighbour_agrees", "", "RTM_GETNEIGH",
                                      "Whether it is one of those that answered; NULL: nothing to compare");
    add_series<&P::direct>(table, "delay", kDirect, "of the answerer, asked alone");
    add_series<&P::echo>(table, "echo", kEcho, "of the gateway");
    add_series<&P::through>(table, "through", kThrough, "of the address behind it");
    table.column<&P::echo_from>("echo_from", "", kEcho, "MAC addresses that the echo replies came from")
        .column<&P::beyond>("beyond", "", "who asked", "Address behind the gateway that was asked through it")
        .column<&P::through_from>("through_from", "", kThrough, "MAC addresses that these replies came from")
        .column<&P::asymmetric>("asymmetric", "", "source addresses of frames",
                                "Replies came from another MAC address than the one that was asked; NULL: none came");
    return table.build();
  }();
  return info;
}

}  // namespace hostcheck::facts

#include "core/facts/probe_dns.h"

namespace hostcheck::facts {

const TableInfo& ProbeDns::table() {
  using P = ProbeDns;
  static const TableInfo info =
      TableBuilder<P>("probe_dns",
                      "What each name server said to probes, one row an address, or a question that brought none")
          .key<&P::probe>("probe", "", "hostcheck", "Number of the probe, as in probe_results")
          .column<&P::netns>("netns", "", "namespace it was sent from", "Name of the network namespace")
          .key<&P::sample>("sample", "", "hostcheck", "How many times the name had been asked for, from 1")
          .key<&P::server>("server", "", "resolv.conf or who asked", "Name server that was asked")
          .key<&P::name>("name", "", "who asked, resolv.conf search", "Name that was asked for")
          .key<&P::type>("type", "", "hostcheck", "Record type: A or AAAA")
          .key<&P::transport>("transport", "", "hostcheck", "udp, or tcp where UDP was cut short or failed")
          .column<&P::outcome>("outcome", "", "the answer",
                               "addresses, no_addresses, no_such_name, failed (another rcode), timed_out, unreachable, "
                               "malformed, not_sent (this host could not)")
          .column<&P::rcode>("rcode", "", "RFC 1035 RCODE", "The server's own word; NULL without an answer")
          .key<&P::address>("address", "", "the answer", "Address that the server gave; NULL where it gave none")
          .column<&P::ttl_s>("ttl_s", "s", "RFC 1035 TTL", "How long the address may be kept")
          .column<&P::time_ms>("time_ms", "ms", "SO_TIMESTAMPNS", "From the question to its answer")
          .column<&P::asked_ms>("asked_ms", "ms", "CLOCK_MONOTONIC",
                                "When it was asked, since the probe's first question")
          .column<&P::queries>("queries", "packets", "hostcheck", "Questions sent until then")
          .column<&P::words>("words", "", "the answer, the kernel", "What was wrong, and who said so")
          .build();
  return info;
}

}  // namespace hostcheck::facts

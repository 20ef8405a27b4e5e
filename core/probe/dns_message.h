// DNS questions and answers as bytes, by c-ares. Pure: nothing is sent.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/address.h"
#include "core/base/result.h"

namespace hostcheck::probe {

enum class DnsType : std::uint16_t { a = 1, aaaa = 28 };
// "A", "AAAA"
[[nodiscard]] std::string_view name_of(DnsType type);
// "NOERROR", "SERVFAIL", ...; "RCODE 15" for one without a name.
[[nodiscard]] std::string rcode_name(int rcode);

// A recursive question. Error (code invalid): the name cannot be asked for (empty label, too long).
[[nodiscard]] Result<std::vector<std::uint8_t>> make_dns_query(std::string_view name, DnsType type, std::uint16_t id);

struct DnsRecord {
  IpAddress address;
  std::uint32_t ttl_s = 0;
};

enum class DnsReading : std::uint8_t {
  answer,     // rcode and records hold what it says
  truncated,  // TC: ask again over TCP
  foreign,    // no answer to this question: wait for another
  malformed,  // an answer to it that cannot be read
};

struct DnsAnswer {
  DnsReading reading = DnsReading::foreign;
  int rcode = 0;
  std::vector<DnsRecord> records;  // of the type asked for, at the end of any chain of aliases
  std::string problem;             // of malformed
};
// What came back for query (from make_dns_query). Takes any bytes.
[[nodiscard]] DnsAnswer read_dns_reply(std::span<const std::uint8_t> query, DnsType type,
                                       std::span<const std::uint8_t> reply);

}  // namespace hostcheck::probe

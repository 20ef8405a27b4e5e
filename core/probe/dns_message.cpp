#include "core/probe/dns_message.h"

#include <algorithm>
#include <array>
#include <memory>

#include <ares.h>
#include <netinet/in.h>

namespace hostcheck::probe {
namespace {

constexpr std::size_t kHeader = 12;
constexpr int kMostRecords = 256;
constexpr int kInternet = 1;  // class IN

std::uint16_t word_at(std::span<const std::uint8_t> bytes, std::size_t place) {
  return static_cast<std::uint16_t>(bytes[place] << 8U | bytes[place + 1]);
}

std::uint8_t lower(std::uint8_t byte) {
  return byte >= 'A' && byte <= 'Z' ? static_cast<std::uint8_t>(byte + 32) : byte;
}

// Whether the reply repeats the question. A server that could not even read it need not.
bool is_answer_to(std::span<const std::uint8_t> query, std::span<const std::uint8_t> reply) {
  if (reply.size() < kHeader || word_at(reply, 0) != word_at(query, 0) || (reply[2] & 0x80U) == 0) return false;
  if (word_at(reply, 4) == 0) return (reply[3] & 0x0fU) != 0;
  if (word_at(reply, 4) != 1 || reply.size() < query.size()) return false;
  return std::equal(query.begin() + kHeader, query.end(), reply.begin() + kHeader,
                    [](std::uint8_t one, std::uint8_t other) { return lower(one) == lower(other); });
}

std::uint32_t seconds(int ttl) {
  return ttl < 0 ? 0 : static_cast<std::uint32_t>(ttl);  // RFC 2181: one with its highest bit set is 0
}

int read_v4(std::span<const std::uint8_t> reply, std::vector<DnsRecord>& out) {
  std::array<ares_addrttl, kMostRecords> found{};
  int count = kMostRecords;
  const int status = ares_parse_a_reply(reply.data(), static_cast<int>(reply.size()), nullptr, found.data(), &count);
  if (status != ARES_SUCCESS) return status;
  for (int each = 0; each < count; ++each) {
    const auto& record = found[static_cast<std::size_t>(each)];
    std::array<std::uint8_t, 4> bytes{};
    std::copy_n(static_cast<const std::uint8_t*>(static_cast<const void*>(&record.ipaddr)), bytes.size(), bytes.data());
    out.push_back({IpAddress::from_bytes(bytes), seconds(record.ttl)});
  }
  return status;
}

int read_v6(std::span<const std::uint8_t> reply, std::vector<DnsRecord>& out) {
  std::array<ares_addr6ttl, kMostRecords> found{};
  int count = kMostRecords;
  const int status = ares_parse_aaaa_reply(reply.data(), static_cast<int>(reply.size()), nullptr, found.data(), &count);
  if (status != ARES_SUCCESS) return status;
  for (int each = 0; each < count; ++each) {
    const auto& record = found[static_cast<std::size_t>(each)];
    std::array<std::uint8_t, 16> bytes{};
    std::copy_n(static_cast<const std::uint8_t*>(static_cast<const void*>(&record.ip6addr)), bytes.size(),
                bytes.data());
    out.push_back({IpAddress::from_bytes(bytes), seconds(record.ttl)});
  }
  return status;
}

}  // namespace

std::string_view name_of(DnsType type) {
  return type == DnsType::a ? "A" : "AAAA";
}

std::string rcode_name(int rcode) {
  constexpr std::array<std::string_view, 6> kNames = {"NOERROR",  "FORMERR", "SERVFAIL",
                                                      "NXDOMAIN", "NOTIMP",  "REFUSED"};
  if (rcode >= 0 && static_cast<std::size_t>(rcode) < kNames.size()) {
    return std::string(kNames[static_cast<std::size_t>(rcode)]);
  }
  return "RCODE " + std::to_string(rcode);
}

Result<std::vector<std::uint8_t>> make_dns_query(std::string_view name, DnsType type, std::uint16_t id) {
  unsigned char* made = nullptr;
  int length = 0;
  const std::string text(name);
  const int status = ares_create_query(text.c_str(), kInternet, static_cast<int>(type), id, 1, &made, &length, 0);
  const std::unique_ptr<unsigned char, void (*)(void*)> owner(made, ares_free_string);
  if (status != ARES_SUCCESS || text.empty() || text == "." || text.find('\0') != std::string::npos) {
    return unexpected(make_error(ErrorCode::invalid, "name", text,
                                 status == ARES_SUCCESS ? "is no host's name" : ares_strerror(status)));
  }
  return std::vector<std::uint8_t>(made, made + length);
}

DnsAnswer read_dns_reply(std::span<const std::uint8_t> query, DnsType type, std::span<const std::uint8_t> reply) {
  DnsAnswer out;
  if (query.size() < kHeader || !is_answer_to(query, reply)) return out;
  out.rcode = reply[3] & 0x0fU;
  if ((reply[2] & 0x02U) != 0) {
    out.reading = DnsReading::truncated;
    return out;
  }
  out.reading = DnsReading::answer;
  if (out.rcode != 0) return out;
  const int status = type == DnsType::a ? read_v4(reply, out.records) : read_v6(reply, out.records);
  if (status == ARES_SUCCESS || status == ARES_ENODATA) return out;
  out.reading = DnsReading::malformed;
  out.problem = ares_strerror(status);
  out.records.clear();
  return out;
}

}  // namespace hostcheck::probe

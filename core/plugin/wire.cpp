#include "core/plugin/wire.h"

#include <cstring>

#include <fmt/format.h>

#include "core/base/text.h"

namespace hostcheck::plugin {
namespace {

std::string_view view(hostcheck_text text) {
  return text.size == 0 ? std::string_view{} : std::string_view(text.data, text.size);
}

template <typename Number>
void put(std::string& out, Number number) {
  char bytes[sizeof(Number)];
  std::memcpy(bytes, &number, sizeof(Number));
  out.append(bytes, sizeof(Number));
}

void put(std::string& out, std::string_view text) {
  put(out, static_cast<std::uint32_t>(text.size()));
  out.append(text);
}

void put(std::string& out, hostcheck_text text) {
  put(out, view(text));
}

void put(std::string& out, const hostcheck_value& value) {
  put(out, value.kind);
  switch (value.kind) {
    case HOSTCHECK_INTEGER:
      return put(out, value.integer);
    case HOSTCHECK_REAL:
      return put(out, value.real);
    case HOSTCHECK_TEXT:
      return put(out, value.text);
    default:
      return;
  }
}

void put(std::string& out, std::uint64_t count, const hostcheck_field* field) {
  put(out, static_cast<std::uint32_t>(count));
  for (std::uint64_t at = 0; at < count; ++at) {
    put(out, field[at].name);
    put(out, field[at].value);
  }
}

// Puts the header before what `fill` appends.
template <typename Fill>
void frame(std::string& out, Frame kind, Fill fill) {
  put(out, static_cast<std::uint8_t>(kind));
  const std::size_t length_at = out.size();
  put(out, std::uint32_t{0});
  fill();
  const auto length = static_cast<std::uint32_t>(out.size() - length_at - sizeof(std::uint32_t));
  std::memcpy(out.data() + length_at, &length, sizeof(length));
}

// Thrown and caught in this file.
struct Rubbish {
  std::string what;
};

class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}

  [[nodiscard]] bool empty() const { return at_ == bytes_.size(); }
  template <typename Number>
  Number number() {
    Number value{};
    std::memcpy(&value, take(sizeof(Number)).data(), sizeof(Number));
    return value;
  }
  std::string text() {
    const auto size = number<std::uint32_t>();
    const std::string_view bytes = take(size);
    if (!is_clean_text(bytes)) throw Rubbish{"a text that is not UTF-8"};
    return std::string(bytes);
  }
  facts::Value value() {
    switch (number<std::uint32_t>()) {
      case HOSTCHECK_NULL:
        return {};
      case HOSTCHECK_INTEGER:
        return number<std::int64_t>();
      case HOSTCHECK_REAL:
        return number<double>();
      case HOSTCHECK_TEXT:
        return text();
      default:
        throw Rubbish{"a value of an unknown kind"};
    }
  }
  // Elements take at least a byte each, so a count beyond what is left is rubbish before anything is allocated.
  std::uint32_t count() {
    const auto count = number<std::uint32_t>();
    if (count > bytes_.size() - at_) throw Rubbish{"a list that is longer than what was sent"};
    return count;
  }
  Fields fields() {
    Fields all;
    for (std::uint32_t left = count(); left > 0; --left) {
      std::string name = text();
      all.emplace_back(std::move(name), value());
    }
    return all;
  }
  std::string_view take(std::size_t size) {
    if (size > bytes_.size() - at_) throw Rubbish{"an end in the middle of something"};
    const std::string_view part = bytes_.substr(at_, size);
    at_ += size;
    return part;
  }
  [[nodiscard]] std::size_t at() const { return at_; }

 private:
  std::string_view bytes_;
  std::size_t at_ = 0;
};

SaidFinding read_finding(Reader& reader) {
  SaidFinding finding;
  finding.severity = reader.number<std::uint32_t>();
  finding.status = reader.number<std::uint32_t>();
  finding.id = reader.text();
  finding.summary = reader.text();
  finding.subject = reader.fields();
  for (std::uint32_t left = reader.count(); left > 0; --left) {
    SaidEvidence& made = finding.evidence.emplace_back();
    made.what = reader.text();
    made.value = reader.value();
    made.unit = reader.text();
    made.source = reader.text();
    made.over_window = reader.number<std::uint32_t>() != 0;
  }
  for (std::uint32_t left = reader.count(); left > 0; --left) {
    std::string id = reader.text();
    finding.excluded.emplace_back(std::move(id), reader.text());
  }
  for (std::uint32_t left = reader.count(); left > 0; --left) {
    SaidFinding::Cure& made = finding.fixes.emplace_back();
    made.text = reader.text();
    made.command = reader.text();
    made.persist = reader.text();
  }
  return finding;
}

SaidProbe read_probe(Reader& reader) {
  SaidProbe probe;
  probe.id = reader.text();
  probe.kind = reader.text();
  probe.target = reader.text();
  probe.netns = reader.text();
  probe.args = reader.fields();
  return probe;
}

void read_frame(Frame kind, Reader& reader, Said& said) {
  switch (kind) {
    case Frame::finding:
      said.findings.push_back(read_finding(reader));
      return;
    case Frame::unknown: {
      std::string id = reader.text();
      said.unknown.emplace_back(std::move(id), reader.text());
      return;
    }
    case Frame::row: {
      std::string table = reader.text();
      said.rows.push_back({std::move(table), reader.fields()});
      return;
    }
    case Frame::absent: {
      std::string table = reader.text();
      said.absences.push_back({std::move(table), reader.text()});
      return;
    }
    case Frame::probe:
      said.probes.push_back(read_probe(reader));
      return;
    case Frame::failed:
      said.failed = reader.text();
      return;
    case Frame::done:
      said.done = true;
      reader.text();
      return;
  }
  throw Rubbish{"a frame of an unknown kind"};
}

}  // namespace

void write_finding(std::string& out, const hostcheck_finding& finding) {
  frame(out, Frame::finding, [&] {
    put(out, finding.severity);
    put(out, finding.status);
    put(out, finding.id);
    put(out, finding.summary);
    put(out, finding.subjects, finding.subject);
    put(out, static_cast<std::uint32_t>(finding.evidences));
    for (std::uint64_t at = 0; at < finding.evidences; ++at) {
      const hostcheck_evidence& each = finding.evidence[at];
      put(out, each.what);
      put(out, each.value);
      put(out, each.unit);
      put(out, each.source);
      put(out, each.over_window);
    }
    put(out, static_cast<std::uint32_t>(finding.exclusions));
    for (std::uint64_t at = 0; at < finding.exclusions; ++at) {
      put(out, finding.exclusion[at].id);
      put(out, finding.exclusion[at].because);
    }
    put(out, static_cast<std::uint32_t>(finding.fixes));
    for (std::uint64_t at = 0; at < finding.fixes; ++at) {
      put(out, finding.fix[at].text);
      put(out, finding.fix[at].command);
      put(out, finding.fix[at].persist);
    }
  });
}

void write_unknown(std::string& out, hostcheck_text id, hostcheck_text reason) {
  frame(out, Frame::unknown, [&] {
    put(out, id);
    put(out, reason);
  });
}

void write_row(std::string& out, hostcheck_text table, std::uint64_t fields, const hostcheck_field* field) {
  frame(out, Frame::row, [&] {
    put(out, table);
    put(out, fields, field);
  });
}

void write_absence(std::string& out, hostcheck_text table, hostcheck_text reason) {
  frame(out, Frame::absent, [&] {
    put(out, table);
    put(out, reason);
  });
}

void write_probe(std::string& out, const hostcheck_probe& probe) {
  frame(out, Frame::probe, [&] {
    put(out, probe.id);
    put(out, probe.kind);
    put(out, probe.target);
    put(out, probe.netns);
    put(out, probe.arguments, probe.argument);
  });
}

void write_text_frame(std::string& out, Frame kind, std::string_view text) {
  frame(out, kind, [&] { put(out, text); });
}

Result<Said> read_frames(std::string_view bytes) {
  Said said;
  Reader reader(bytes);
  std::size_t start = 0;
  try {
    while (!reader.empty()) {
      start = reader.at();
      if (said.done || said.failed) throw Rubbish{"something after its last word"};
      const auto kind = reader.number<std::uint8_t>();
      const auto length = reader.number<std::uint32_t>();
      if (length > kLargestFrame) throw Rubbish{"a frame that is too long"};
      Reader payload(reader.take(length));
      read_frame(static_cast<Frame>(kind), payload, said);
      if (!payload.empty()) throw Rubbish{"a frame with something behind its content"};
    }
  } catch (const Rubbish& rubbish) {
    return unexpected(make_error(ErrorCode::invalid, "", "", fmt::format("{} at byte {}", rubbish.what, start)));
  }
  return said;
}

}  // namespace hostcheck::plugin

#include "core/kernel/proc_system.h"

#include <algorithm>
#include <array>
#include <utility>

#include "core/base/text.h"
#include "core/kernel/proc_text.h"

namespace hostcheck::kernel {
namespace {

bool is_number(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

// "           CPU0       CPU1": the processors that the columns are for.
Result<std::vector<std::uint32_t>> parse_cpu_header(std::string_view header, std::string_view file) {
  std::vector<std::uint32_t> cpus;
  std::string_view rest = header;
  while (true) {
    const std::string_view field = take_field(rest);
    if (field.empty()) break;
    const auto cpu = field.starts_with("CPU") ? parse_number<std::uint32_t>(field.substr(3)) : std::nullopt;
    if (!cpu) return unexpected(malformed(file, "unknown columns", header));
    cpus.push_back(*cpu);
  }
  if (cpus.empty()) return unexpected(malformed(file, "no processor in the first line", header));
  return cpus;
}

// Splits what stands behind the counts of a line: "PCI-MSI 524288-edge      eth0-TxRx-0" or "GICv3  27 Level
// arch_timer".
void split_description(std::string_view text, InterruptCount& cell) {
  cell.chip = take_field(text);
  std::string_view rest = text;
  std::string_view field = take_field(rest);
  // The number inside the controller, with how it is triggered since 2.6.31, or without.
  if (is_number(field.substr(0, field.find('-')))) {
    text = rest;
    field = take_field(rest);
  }
  if (field == "Edge" || field == "Level" || field == "None") text = rest;
  cell.name = trim(text);
}

}  // namespace

Result<std::vector<std::uint32_t>> parse_cpu_list(std::string_view text, std::string_view file) {
  constexpr std::uint32_t kMost = 65536;
  std::vector<std::uint32_t> cpus;
  std::string_view rest = trim(text);
  while (!rest.empty()) {
    const std::string_view range = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(rest.size(), range.size() + 1));
    const std::size_t dash = range.find('-');
    const auto first = parse_number<std::uint32_t>(range.substr(0, dash));
    const auto last = dash == std::string_view::npos ? first : parse_number<std::uint32_t>(range.substr(dash + 1));
    if (!first || !last || *last < *first || *last >= kMost)
      return unexpected(malformed(file, "no list of processors", text));
    for (std::uint32_t cpu = *first; cpu <= *last; ++cpu) cpus.push_back(cpu);
  }
  return cpus;
}

Result<std::vector<facts::Softnet>> parse_softnet(std::string_view text, std::string_view file,
                                                  const std::vector<std::uint32_t>& online) {
  if (!is_whole(text)) return unexpected(malformed(file, text.empty() ? "empty" : "cut short"));
  const auto lines = static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
  std::vector<facts::Softnet> rows;
  while (!text.empty()) {
    const std::string_view line = take_line(text);
    std::string_view rest = line;
    std::array<std::uint32_t, 15> fields{};
    std::size_t count = 0;
    for (std::string_view field = take_field(rest); !field.empty(); field = take_field(rest)) {
      const auto value = parse_number<std::uint32_t>(field, 16);
      if (!value) return unexpected(malformed(file, "no hexadecimal number", line));
      if (count < fields.size()) fields[count] = *value;
      ++count;
    }
    if (count < 9) return unexpected(malformed(file, "fewer than 9 fields", line));
    facts::Softnet row;
    row.cpu = online.size() == lines ? online[rows.size()] : static_cast<std::uint32_t>(rows.size());
    row.processed = fields[0];
    row.dropped = fields[1];
    row.time_squeeze = fields[2];
    row.received_rps = fields[9];
    if (count > 10) row.flow_limit = fields[10];
    if (count > 12) {
      row.backlog_len = fields[11];
      row.cpu = fields[12];
    }
    if (count > 14) {
      row.input_qlen = fields[13];
      row.process_qlen = fields[14];
    }
    rows.push_back(row);
  }
  return rows;
}

Result<std::vector<InterruptCount>> parse_softirqs(std::string_view text, std::string_view file,
                                                   const std::function<bool(std::string_view type)>& wanted) {
  if (!is_whole(text)) return unexpected(malformed(file, text.empty() ? "empty" : "cut short"));
  const auto cpus = parse_cpu_header(take_line(text), file);
  if (!cpus) return unexpected(cpus.error());
  std::vector<InterruptCount> cells;
  while (!text.empty()) {
    const std::string_view line = take_line(text);
    std::string_view rest = line;
    std::string_view type = take_field(rest);
    if (type.size() < 2 || !type.ends_with(':')) return unexpected(malformed(file, "no type", line));
    type.remove_suffix(1);
    if (!wanted(type)) continue;
    for (const std::uint32_t cpu : *cpus) {
      const auto count = parse_number<std::uint64_t>(take_field(rest));
      if (!count) return unexpected(malformed(file, "fewer counts than processors", line));
      cells.push_back({type, cpu, *count, {}, {}});
    }
    if (!take_field(rest).empty()) return unexpected(malformed(file, "more counts than processors", line));
  }
  return cells;
}

Result<std::vector<InterruptCount>> parse_interrupts(std::string_view text, std::string_view file) {
  if (!is_whole(text)) return unexpected(malformed(file, text.empty() ? "empty" : "cut short"));
  const auto cpus = parse_cpu_header(take_line(text), file);
  if (!cpus) return unexpected(cpus.error());
  std::vector<InterruptCount> cells;
  while (!text.empty()) {
    const std::string_view line = take_line(text);
    std::string_view rest = line;
    InterruptCount cell;
    cell.label = take_field(rest);
    if (cell.label.size() < 2 || !cell.label.ends_with(':')) return unexpected(malformed(file, "no interrupt", line));
    cell.label.remove_suffix(1);
    const std::size_t first_cell = cells.size();
    std::size_t counted = 0;
    while (counted < cpus->size()) {
      std::string_view after = rest;
      const auto count = parse_number<std::uint64_t>(take_field(after));
      if (!count) break;
      rest = after;
      cell.cpu = (*cpus)[counted++];
      cell.count = *count;
      if (*count != 0) cells.push_back(cell);
    }
    const std::string_view description = trim(rest);
    if (counted == 1 && cpus->size() > 1 && description.empty()) {
      // ERR and MIS are counted for the machine.
      if (cells.size() > first_cell) cells.back().cpu.reset();
    } else if (counted != cpus->size()) {
      return unexpected(malformed(file, "fewer counts than processors", line));
    }
    if (cells.size() == first_cell) continue;
    if (is_number(cell.label)) {
      split_description(description, cell);
    } else {
      cell.name = description;
    }
    for (std::size_t at = first_cell; at < cells.size(); ++at) {
      cells[at].chip = cell.chip;
      cells[at].name = cell.name;
    }
  }
  return cells;
}

Result<std::vector<std::uint64_t>> parse_numbers(std::string_view text, std::string_view file, std::size_t at_least) {
  std::vector<std::uint64_t> numbers;
  std::string_view rest = trim(text);
  for (std::string_view field = take_field(rest); !field.empty(); field = take_field(rest)) {
    const auto number = parse_number<std::uint64_t>(field);
    if (!number) return unexpected(malformed(file, "no number", field));
    numbers.push_back(*number);
  }
  if (numbers.size() < at_least) return unexpected(malformed(file, "too few numbers", trim(text)));
  return numbers;
}

}  // namespace hostcheck::kernel

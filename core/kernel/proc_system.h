// Files about processors, interrupts and the machine's limits: /proc/net/softnet_stat, /proc/softirqs,
// /proc/interrupts, /proc/sys/fs/*. Parsers are pure; a file that does not have the form expected is an Error that
// names it.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"
#include "core/facts/system.h"

namespace hostcheck::kernel {

// "0-3,8": the numbers, as in /sys/devices/system/cpu/online. At most 65536 of them.
[[nodiscard]] Result<std::vector<std::uint32_t>> parse_cpu_list(std::string_view text, std::string_view file);

// /proc/net/softnet_stat: lines of 9 to 15 (or more) hexadecimal fields, one for each processor that is online. Kernels
// before 5.10 do not say which one a line is for: then the numbers of online are taken in turn, or 0, 1, ... when their
// count differs.
[[nodiscard]] Result<std::vector<facts::Softnet>> parse_softnet(std::string_view text, std::string_view file,
                                                                const std::vector<std::uint32_t>& online);

// A cell of /proc/softirqs or /proc/interrupts; the texts are views into the file's.
struct InterruptCount {
  std::string_view label;            // "NET_RX", "24", "LOC"
  std::optional<std::uint32_t> cpu;  // absent: counted for the machine (ERR, MIS)
  std::uint64_t count = 0;
  std::string_view chip;  // of /proc/interrupts: "PCI-MSI"; "" for those that are no lines
  std::string_view name;  // of /proc/interrupts: the handlers, or what the label means
};

// /proc/softirqs: all cells of the wanted types.
[[nodiscard]] Result<std::vector<InterruptCount>> parse_softirqs(
    std::string_view text, std::string_view file, const std::function<bool(std::string_view type)>& wanted);
// /proc/interrupts: the cells that are not zero.
[[nodiscard]] Result<std::vector<InterruptCount>> parse_interrupts(std::string_view text, std::string_view file);

// The numbers in a file of one line such as /proc/sys/fs/file-nr; at least at_least of them.
[[nodiscard]] Result<std::vector<std::uint64_t>> parse_numbers(std::string_view text, std::string_view file,
                                                               std::size_t at_least);

}  // namespace hostcheck::kernel

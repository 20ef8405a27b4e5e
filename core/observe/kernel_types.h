// The running kernel's own types (BTF), as far as the observation asks: which tracepoints and functions it has, and the
// names of its enumerations. A scan of the file as it is, since libbpf's reader takes several times as long as all that
// is looked up here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/result.h"

namespace hostcheck::observe {

// Names of an enumeration by value: "skb_drop_reason" gives {2: "NOT_SPECIFIED", ...} with the prefix
// (SKB_DROP_REASON_) taken off.
using EnumNames = std::vector<std::pair<std::uint32_t, std::string>>;

class KernelTypes {
 public:
  // /sys/kernel/btf/vmlinux. Error code unsupported: the kernel has none (CONFIG_DEBUG_INFO_BTF).
  [[nodiscard]] static Result<KernelTypes> read();
  // Bytes of such a file. Error code failed: they are not BTF, or cut short.
  [[nodiscard]] static Result<KernelTypes> parse(std::vector<char> bytes);

  // How many arguments the tracepoint has, its context pointer not counted; -1 where there is no such tracepoint.
  [[nodiscard]] int tracepoint_arguments(std::string_view name) const;
  [[nodiscard]] bool has_function(std::string_view name) const { return function_id(name) != 0; }
  // By which a program names the function that it runs at; 0 where there is no such function.
  [[nodiscard]] std::uint32_t function_id(std::string_view name) const;
  // Empty where the kernel has no such enumeration.
  [[nodiscard]] EnumNames enum_names(std::string_view name, std::string_view prefix) const;

 private:
  struct Type;
  [[nodiscard]] Type by_id(std::uint32_t id) const;
  [[nodiscard]] std::string_view name_at(std::uint32_t offset) const;
  // The first type of that kind and name; kind 0 (none) where there is none.
  [[nodiscard]] Type find(std::uint32_t kind, std::string_view name) const;

  std::vector<char> bytes_;
  std::vector<std::uint32_t> offsets_;  // of each type in bytes_; type 0 is void and has none
  std::string_view names_;              // of the string section, into bytes_
};

}  // namespace hostcheck::observe

#include "core/kernel/interface_names.h"

#include <array>
#include <map>
#include <memory>

#include <net/if.h>

namespace hostcheck::kernel {

std::function<std::string(std::uint32_t)> interface_names() {
  auto known = std::make_shared<std::map<std::uint32_t, std::string>>();
  return [known](std::uint32_t ifindex) {
    const auto found = known->find(ifindex);
    if (found != known->end()) return found->second;
    std::array<char, IF_NAMESIZE> name{};
    std::string text = if_indextoname(ifindex, name.data()) != nullptr ? name.data() : "";
    known->emplace(ifindex, text);
    return text;
  };
}

}  // namespace hostcheck::kernel

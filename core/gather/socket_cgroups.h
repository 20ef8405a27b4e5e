// Table cgroups: what limits the processes that listen.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/gather/source.h"

namespace hostcheck::gather {

struct ListeningProcess {
  std::uint32_t pid = 0;
  std::string ports;
};
// Reads each control group once, however many processes are in it.
void gather_cgroups(const Task& task, const std::vector<ListeningProcess>& processes);

}  // namespace hostcheck::gather

// The plugin's process, from fork to exit.
#pragma once

#include <vector>

#include "core/plugin/runner.h"
#include "core/plugin/sandbox.h"

namespace hostcheck::plugin {

struct ChildPipes {
  int library = -1;  // plugin.so, open for reading; -1 where its code is part of the program
  int answer = -1;   // frames go here
  int words = -1;    // in place of standard output and error
};

// What the parent knows of itself before it forks.
struct Parent {
  int pid = 0;
  Footprint footprint;
  std::vector<int> handled_signals;  // numbers of those that it does not leave to the system
};

// Never returns.
[[noreturn]] void run_child(const Job& job, ChildPipes pipes, const Parent& parent);

}  // namespace hostcheck::plugin

// Prints hostcheck(1): the file that is named, with the comment kHere replaced by what the commands say of themselves.
#include "core/cli/manual.h"

#include <fstream>
#include <iostream>
#include <string>

namespace {
constexpr const char* kHere = ".\\\" COMMANDS";
}

int main(int argc, char** argv) {
  std::ifstream file(argc == 2 ? argv[1] : "");
  if (!file) {
    std::cerr << "usage: hostcheck_manual FILE, which can be read\n";
    return 64;
  }
  bool found = false;
  for (std::string line; std::getline(file, line);) {
    if (line == kHere) {
      found = true;
      std::cout << hostcheck::cli::manual_of(hostcheck::cli::command_specs());
    } else {
      std::cout << line << '\n';
    }
  }
  if (!found) std::cerr << argv[1] << ": has no line " << kHere << '\n';
  return found && std::cout.flush() ? 0 : 1;
}

#include "core/cli/commands.h"

int main(int argc, char** argv) {
  return hostcheck::cli::main(argc, argv);
}

#include "core/cli/systemd.h"

#include <vector>

#include <gtest/gtest.h>

namespace hostcheck::cli {
namespace {

TEST(JournalEntry, HasLinesAndALengthWhereAValueHasNewlines) {
  const std::vector<Journal::Field> fields = {{"MESSAGE", "two\nlines"}, {"PRIORITY", "4"}};
  EXPECT_EQ(journal_entry(fields), std::string("MESSAGE\n\x09\0\0\0\0\0\0\0two\nlines\nPRIORITY=4\n", 8 + 8 + 10 + 11));
}

}  // namespace
}  // namespace hostcheck::cli

#include <cstddef>
#include <string>

#include <gtest/gtest.h>
#include <hostcheck/plugin.hpp>

namespace {

hostcheck_text text(const char* words) {
  return hostcheck::text_of(words);
}

TEST(Sdk, KnowsTheTablesThatHostcheckDeclares) {
  const hostcheck_column column = {text("port"), HOSTCHECK_INTEGER, 1, text("")};
  const hostcheck_own_table table = {text("upstreams"), 1, &column};
  hostcheck_input raw{};
  raw.size = sizeof(raw);
  raw.own_tables = 1;
  raw.own_table = &table;
  const hostcheck::Input input(raw);
  EXPECT_TRUE(input.brings("upstreams"));
  EXPECT_FALSE(input.brings("upstream"));
}

TEST(Sdk, DoesNotReadMembersThatAnOlderHostcheckDoesNotHave) {
  hostcheck_input raw{};
  raw.size = offsetof(hostcheck_input, own_tables);
  raw.own_tables = 7;  // whatever lies behind an older struct
  EXPECT_FALSE(hostcheck::Input(raw).brings("upstreams"));

  hostcheck_output older{};
  older.size = offsetof(hostcheck_output, absent);
  hostcheck::Output output(older);
  EXPECT_THROW(output.absent("upstreams", "out of sight"), hostcheck::Error);
}

TEST(Sdk, CountsInTheWordsForOneOrForSeveral) {
  EXPECT_EQ(hostcheck::counted(1, "client", "clients"), "1 client");
  EXPECT_EQ(hostcheck::counted(0, "client", "clients"), "0 clients");
  EXPECT_EQ(hostcheck::counted(21, "client", "clients"), "21 clients");
}

TEST(Sdk, SaysWhatIsAbsent) {
  std::string said;
  hostcheck_output raw{};
  raw.size = sizeof(raw);
  raw.context = &said;
  raw.absent = [](void* context, hostcheck_text table, hostcheck_text reason) {
    *static_cast<std::string*>(context) =
        std::string(hostcheck::view(table)) + ": " + std::string(hostcheck::view(reason));
  };
  hostcheck::Output(raw).absent("upstreams", "out of sight");
  EXPECT_EQ(said, "upstreams: out of sight");
}

}  // namespace

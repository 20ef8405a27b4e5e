#include "core/kernel/proc_system.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace hostcheck::kernel {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(CpuList, RangesAndSingleOnes) {
  EXPECT_THAT(*parse_cpu_list("0-3,8,10-11\n", "f"), ElementsAre(0, 1, 2, 3, 8, 10, 11));
  EXPECT_THAT(*parse_cpu_list("0\n", "f"), ElementsAre(0));
  for (const char* text : {"x", "3-1", "0-", "-1", "0-4294967295", "1,,2"})
    EXPECT_FALSE(parse_cpu_list(text, "f")) << text;
}

TEST(Softnet, ElevenFieldsOfOlderKernelsTakeTheProcessorsInTurn) {
  // Linux 5.9 and before: no processor number; processor 1 is offline.
  const auto rows = parse_softnet(
      "0000272d 00000001 00000002 00000000 00000000 00000000 00000000 00000000 00000000 00000003 00000004\n"
      "000034d9 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000\n",
      "f", {0, 2});
  ASSERT_TRUE(rows);
  ASSERT_EQ(2U, rows->size());
  EXPECT_EQ(0x272dU, (*rows)[0].processed.value);
  EXPECT_EQ(1U, (*rows)[0].dropped.value);
  EXPECT_EQ(2U, (*rows)[0].time_squeeze.value);
  EXPECT_EQ(3U, (*rows)[0].received_rps.value);
  EXPECT_EQ(4U, (*rows)[0].flow_limit->value);
  EXPECT_EQ(std::nullopt, (*rows)[0].backlog_len);
  EXPECT_EQ(2U, (*rows)[1].cpu);
}

TEST(Softnet, NineFieldsHaveNoSteering) {
  const auto rows = parse_softnet("1 2 3 0 0 0 0 0 0\n", "f", {});
  ASSERT_TRUE(rows);
  EXPECT_FALSE((*rows)[0].flow_limit);
  EXPECT_EQ(0U, (*rows)[0].received_rps.value);
  EXPECT_EQ(0U, (*rows)[0].cpu);
}

TEST(Softnet, ThirteenFieldsNameTheProcessor) {
  // Linux 5.10 and 6.1
  const auto rows = parse_softnet(
      "000000ff 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000007 "
      "00000005\n",
      "f", {0});
  ASSERT_TRUE(rows);
  EXPECT_EQ(5U, (*rows)[0].cpu);
  EXPECT_EQ(7U, (*rows)[0].backlog_len);
  EXPECT_EQ(std::nullopt, (*rows)[0].input_qlen);
}

TEST(Softnet, FifteenFieldsSplitTheBacklog) {
  // Linux 6.12 and 6.18
  const auto rows = parse_softnet("00000290 0 0 0 0 0 0 0 0 0 0 00000009 00000001 00000004 00000005\n", "f", {0, 1});
  ASSERT_TRUE(rows);
  EXPECT_EQ(1U, (*rows)[0].cpu);
  EXPECT_EQ(4U, (*rows)[0].input_qlen);
  EXPECT_EQ(5U, (*rows)[0].process_qlen);
}

TEST(Softnet, ABadFileIsAnErrorThatNamesIt) {
  for (const char* text : {"", "1 2 3\n", "1 2 3 0 0 0 0 0 x\n", "1 2 3 0 0 0 0 0 0", "1 2 3 0 0 0 0 0 0\n\n",
                           "1ffffffff 2 3 0 0 0 0 0 0\n"}) {
    const auto rows = parse_softnet(text, "/proc/net/softnet_stat", {});
    ASSERT_FALSE(rows) << text;
    EXPECT_THAT(rows.error().message(), HasSubstr("/proc/net/softnet_stat"));
  }
}

bool all(std::string_view) {
  return true;
}

TEST(Softirqs, EachTypeHasACountForEachProcessor) {
  const auto cells = parse_softirqs(
      "                    CPU0       CPU3       \n"
      "      NET_TX:          4          0\n"
      "      NET_RX:        318        488\n",
      "f", [](std::string_view type) { return type == "NET_RX"; });
  ASSERT_TRUE(cells);
  ASSERT_EQ(2U, cells->size());
  EXPECT_EQ("NET_RX", (*cells)[1].label);
  EXPECT_EQ(3U, (*cells)[1].cpu);
  EXPECT_EQ(488U, (*cells)[1].count);
}

TEST(Softirqs, ABadFileIsAnErrorThatNamesIt) {
  for (const char* text : {"", "\n", "CPU0 CPU1\nNET_RX: 1\n", "CPU0\nNET_RX: 1 2\n", "CPU0\nNET_RX 1\n",
                           "CPU0\nNET_RX: x\n", "CPUx\nNET_RX: 1\n", "CPU0\nNET_RX: 1"}) {
    const auto cells = parse_softirqs(text, "/proc/softirqs", all);
    ASSERT_FALSE(cells) << text;
    EXPECT_THAT(cells.error().message(), HasSubstr("/proc/softirqs"));
  }
}

TEST(Interrupts, LinesOfAllKindsAreTakenApart) {
  const auto cells = parse_interrupts(
      "           CPU0       CPU1       \n"
      "  0:         23          0   IO-APIC   2-edge      timer\n"                        // 6.1, x86
      " 27:          0         19   PCI-MSI 524289-edge      virtio0-input.0\n"           // 5.10
      " 38:          0        487 PCI-MSIX-0000:00:03.0   1-edge      virtio2-input.0\n"  // 6.12, 6.18
      " 59:          3          0   PCI-MSI-edge      eth0-TxRx-0\n"                      // 2.6
      " 11:       9000       8000     GICv3  27 Level     arch_timer, other one\n"        // arm64
      " 12:          0          0   PCI-MSI 9-edge      silent\n"
      "NMI:          1          2   Non-maskable interrupts\n"
      "ERR:          5\n"
      "MIS:          0\n",
      "f");
  ASSERT_TRUE(cells);
  ASSERT_EQ(9U, cells->size());
  const auto shown = [&](std::size_t at) {
    return std::string((*cells)[at].label) + "|" + std::string((*cells)[at].chip) + "|" +
           std::string((*cells)[at].name);
  };
  EXPECT_EQ("0|IO-APIC|timer", shown(0));
  EXPECT_EQ("27|PCI-MSI|virtio0-input.0", shown(1));
  EXPECT_EQ(1U, (*cells)[1].cpu);
  EXPECT_EQ("38|PCI-MSIX-0000:00:03.0|virtio2-input.0", shown(2));
  EXPECT_EQ("59|PCI-MSI-edge|eth0-TxRx-0", shown(3));
  EXPECT_EQ("11|GICv3|arch_timer, other one", shown(4));
  EXPECT_EQ(8000U, (*cells)[5].count);
  EXPECT_EQ("NMI||Non-maskable interrupts", shown(6));
  EXPECT_EQ("ERR||", shown(8));
  EXPECT_EQ(std::nullopt, (*cells)[8].cpu);
}

TEST(Interrupts, ABadFileIsAnErrorThatNamesIt) {
  for (const char* text :
       {"", "CPU0 CPU1\n1: 1 PCI-MSI eth0\n", "CPU0\neth0\n", "CPU0 CPU1\nLOC:\n", "no header\n 1: 2\n", "CPU0\n1: 1 x",
        "CPU0 CPU1\n1: 1 99999999999999999999999 PCI-MSI eth0\n"}) {
    const auto cells = parse_interrupts(text, "/proc/interrupts");
    ASSERT_FALSE(cells) << text;
    EXPECT_THAT(cells.error().message(), HasSubstr("/proc/interrupts"));
  }
}

TEST(Numbers, TooFewOrOthersAreAnError) {
  EXPECT_THAT(*parse_numbers("1184\t0\t9223372036854775807\n", "f", 3), ElementsAre(1184, 0, INT64_MAX));
  for (const char* text : {"", "1 2\n", "1 2 x\n", "-1 2 3\n"}) EXPECT_FALSE(parse_numbers(text, "f", 3)) << text;
}

}  // namespace
}  // namespace hostcheck::kernel

#include "core/facts/system.h"

namespace hostcheck::facts {

const TableInfo& Softnet::table() {
  static const TableInfo info =
      TableBuilder<Softnet>("softnet", "Receive backlog of each processor, for the whole machine")
          .key<&Softnet::cpu>("cpu", "", "/proc/net/softnet_stat", "Number of the processor")
          .counter<&Softnet::processed>("processed", "packets", "softnet_data.processed", "Packets taken from devices")
          .counter<&Softnet::dropped>("dropped", "packets", "softnet_data.dropped",
                                      "Packets dropped because the backlog exceeded net.core.netdev_max_backlog")
          .counter<&Softnet::time_squeeze>(
              "time_squeeze", "rounds", "softnet_data.time_squeeze",
              "Rounds that ended with packets left because net.core.netdev_budget or netdev_budget_usecs was used up")
          .counter<&Softnet::received_rps>("received_rps", "interrupts", "softnet_data.received_rps",
                                           "Wake-ups by another processor for receive packet steering")
          .counter<&Softnet::flow_limit>("flow_limit", "packets", "sd_flow_limit.count",
                                         "Packets dropped because one flow filled the backlog")
          .column<&Softnet::backlog_len>("backlog_len", "packets", "softnet_data queues", "Packets waiting now")
          .column<&Softnet::input_qlen>("input_qlen", "packets", "softnet_data.input_pkt_queue",
                                        "Packets waiting in the input queue now")
          .column<&Softnet::process_qlen>("process_qlen", "packets", "softnet_data.process_queue",
                                          "Packets in the queue that is being worked off now")
          .build();
  return info;
}

const TableInfo& Softirq::table() {
  static const TableInfo info =
      TableBuilder<Softirq>("softirqs", "Soft interrupts by type and processor")
          .key<&Softirq::type>("type", "", "/proc/softirqs", "NET_RX, NET_TX, TIMER, ...")
          .key<&Softirq::cpu>("cpu", "", "/proc/softirqs", "Number of the processor")
          .counter<&Softirq::value>("value", "runs", "/proc/softirqs", "Times that it was run")
          .build();
  return info;
}

const TableInfo& Interrupt::table() {
  static const TableInfo info =
      TableBuilder<Interrupt>("interrupts",
                              "Interrupts by line and processor; lines a processor never had are left out")
          .key<&Interrupt::irq>("irq", "", "/proc/interrupts", "Number of the interrupt, or NMI, LOC, ...")
          .key<&Interrupt::cpu>("cpu", "", "/proc/interrupts",
                                "Number of the processor; NULL for those of the machine (ERR, MIS)")
          .column<&Interrupt::chip>("chip", "", "/proc/interrupts", "Interrupt controller, e.g. PCI-MSI")
          .column<&Interrupt::name>("name", "", "/proc/interrupts",
                                    "What handles it, e.g. eth0-TxRx-3 or virtio0-input.0")
          .counter<&Interrupt::value>("value", "interrupts", "/proc/interrupts", "Interrupts taken")
          .build();
  return info;
}

const TableInfo& FileHandles::table() {
  static const TableInfo info =
      TableBuilder<FileHandles>("file_handles", "Open files of the whole machine, one row")
          .column<&FileHandles::allocated>("allocated", "", "/proc/sys/fs/file-nr", "File handles in use")
          .column<&FileHandles::free>("free", "", "/proc/sys/fs/file-nr",
                                      "Allocated handles that are unused (0 since 2.6)")
          .column<&FileHandles::max>("max", "", "/proc/sys/fs/file-nr", "Limit fs.file-max")
          .column<&FileHandles::inodes>("inodes", "", "/proc/sys/fs/inode-nr", "Inodes in memory")
          .column<&FileHandles::free_inodes>("free_inodes", "", "/proc/sys/fs/inode-nr",
                                             "Those of them that are unused")
          .column<&FileHandles::process_max>("process_max", "", "/proc/sys/fs/nr_open",
                                             "Highest RLIMIT_NOFILE that a process can be given")
          .build();
  return info;
}

const TableInfo& TcpMemory::table() {
  static const TableInfo info =
      TableBuilder<TcpMemory>("tcp_memory",
                              "TCP's memory and orphans against their limits, for the whole machine, one row")
          .column<&TcpMemory::pages_used>("pages_used", "pages", "/proc/net/sockstat TCP mem",
                                          "Memory in TCP's buffers")
          .column<&TcpMemory::low_pages>("low", "pages", "net.ipv4.tcp_mem[0]", "Below this nothing is limited")
          .column<&TcpMemory::pressure_pages>("pressure", "pages", "net.ipv4.tcp_mem[1]",
                                              "Above this buffers are shrunk")
          .column<&TcpMemory::high_pages>("high", "pages", "net.ipv4.tcp_mem[2]", "Above this allocations fail")
          .column<&TcpMemory::page_bytes>("page_bytes", "bytes", "sysconf(_SC_PAGESIZE)", "Size of a page")
          .column<&TcpMemory::orphans>("orphans", "sockets", "/proc/net/sockstat TCP orphan",
                                       "Sockets that no process holds and that still have something to send")
          .column<&TcpMemory::max_orphans>("max_orphans", "sockets", "net.ipv4.tcp_max_orphans",
                                           "Orphans above this are reset")
          .column<&TcpMemory::sockets>("sockets", "sockets", "/proc/net/sockstat TCP alloc", "TCP sockets allocated")
          .build();
  return info;
}

}  // namespace hostcheck::facts

/* SPDX-License-Identifier: GPL-2.0 */
/* The few kernel types that the programs read, with just the members that they read. Where a member stands in the running
 * kernel is found when a program is loaded (CO-RE), so no kernel header and no BTF file is needed to build. */
#pragma once

#include <linux/bpf.h>
#include <linux/types.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct ns_common {
	unsigned int inum;
};

struct net {
	struct ns_common ns;
};

typedef struct {
	struct net *net;
} possible_net_t;

struct net_device;

struct vlan_group {
	struct net_device **vlan_devices_arrays[2][8]; /* by kind of tag, then 512 numbers each */
};

struct vlan_info {
	struct vlan_group grp;
};

/* The same as older compilers of BTF describe an array of two dimensions. */
struct vlan_group___flat {
	struct net_device **vlan_devices_arrays[16];
};

struct vlan_info___flat {
	struct vlan_group___flat grp;
};

struct net_device {
	int ifindex;
	unsigned int mtu;
	struct vlan_info *vlan_info; /* absent in kernels without VLAN devices */
	void *rx_handler;
	possible_net_t nd_net;
};

struct in6_addr_bytes {
	__u8 bytes[16];
};

typedef struct {
	__s64 counter;
} atomic64_t;

struct sock_common {
	atomic64_t skc_cookie;
	__be32 skc_daddr;
	__be32 skc_rcv_saddr;
	__be16 skc_dport;
	__u16 skc_num;
	unsigned short skc_family;
	volatile unsigned char skc_state;
	possible_net_t skc_net;
	struct in6_addr_bytes skc_v6_daddr;
	struct in6_addr_bytes skc_v6_rcv_saddr;
};

typedef struct {
	int counter;
} atomic_t;

struct sock {
	struct sock_common __sk_common;
	atomic_t sk_drops;
	__u32 sk_ack_backlog;
	__u32 sk_max_ack_backlog;
	struct socket *sk_socket;
};

struct request_sock_queue {
	atomic_t qlen;
};

struct inet_connection_sock {
	struct request_sock_queue icsk_accept_queue;
};

struct inet_sock {
	__be16 inet_sport;
};

struct request_sock {
	struct sock_common __req_common;
};

struct dst_entry {
	struct net_device *dev;
};

struct sk_buff {
	struct net_device *dev;
	struct sock *sk;
	unsigned long _skb_refdst; /* a struct dst_entry, and a flag in the lowest bit */
	unsigned long _nfct;
	unsigned int len;
	unsigned int data_len;
	__u8 pkt_type : 3;
	__u8 vlan_present : 1; /* before 6.2 */
	__be16 protocol;
	__be16 vlan_proto;
	__u16 vlan_tci;
	__u16 transport_header;
	__u16 network_header;
	unsigned char *head;
	unsigned char *data;
};

struct in6_addr {
	union {
		__be32 u6_addr32[4];
	} in6_u;
};

struct iphdr {
	__be16 id;
	__be16 frag_off;
	__u8 ttl;
	__u8 protocol;
	__be32 saddr;
	__be32 daddr;
};

struct ipv6hdr {
	__u8 nexthdr;
	__u8 hop_limit;
	struct in6_addr saddr;
	struct in6_addr daddr;
};

struct tcphdr {
	__be16 source;
	__be16 dest;
	__be32 seq;
	__be32 ack_seq;
};

struct seq_file;

struct bpf_iter_meta {
	struct seq_file *seq;
};

struct bpf_iter__tcp {
	struct bpf_iter_meta *meta;
	struct sock_common *sk_common;
};

#pragma clang attribute pop

/* From Linux 6.2 on: memory as the type says, read without a call. */
extern void *bpf_rdonly_cast(const void *from, __u32 btf_id) __ksym __weak;

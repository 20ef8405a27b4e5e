/* SPDX-License-Identifier: GPL-2.0 */
/* The maps that the programs count in, and the limits of each (observe.h). What does not fit is counted as lost. */
#pragma once

#include "kernel_types.h"
#include "observe.h"

const volatile struct observe_settings settings = {};

#define HASH(name, key_type, value_type, entries)               \
	struct {                                                \
		__uint(type, BPF_MAP_TYPE_HASH);                \
		__uint(max_entries, entries);                   \
		__type(key, key_type);                          \
		__type(value, value_type);                      \
	} name SEC(".maps")

HASH(flows, struct observe_flow_key, struct observe_flow, OBSERVE_FLOWS);
HASH(services, struct observe_service_key, struct observe_service, OBSERVE_SERVICES);
HASH(drops, struct observe_drop_key, struct observe_drop, OBSERVE_DROPS);
HASH(resets, struct observe_reset_key, struct observe_reset, OBSERVE_RESETS);
HASH(retransmits, struct observe_retransmit_key, __u64, OBSERVE_RETRANSMITS);
HASH(sources, struct observe_source_key, struct observe_source, OBSERVE_SOURCES);
HASH(icmp_errors, struct observe_icmp_key, struct observe_icmp, OBSERVE_ICMP);

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct observe_lost);
} lost SEC(".maps");

/* The latest TTL and IP ID of each connection's ordinary packets, by a hash of what names it: one array look-up a packet. Not by
 * peer: machines behind one address differ. */
struct ttl_slot {
	__u32 connection; /* whole hash, to tell connections that share a slot apart */
	__u16 ip_id;
	__u8 ttl;
	__u8 used;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, OBSERVE_TTL_SLOTS);
	__type(key, __u32);
	__type(value, struct ttl_slot);
} ttls SEC(".maps");

/* The SYN that a connection began with whose flow is not kept, by the same hash. */
#define KNOWN_SYN 1
#define KNOWN_TIMESTAMP 2 /* it had one */

struct ended_slot {
	__u32 connection;
	__u32 sequence;
	__u32 ts_value;
	__u32 known; /* KNOWN_... */
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, OBSERVE_ENDED_SLOTS);
	__type(key, __u32);
	__type(value, struct ended_slot);
} ended SEC(".maps");

/* The last SYNs, SYN-ACKs and RSTs of this processor: one that passes several devices of a namespace (bridge port and bridge,
 * VLAN and its lower device) does so in one go, and is one packet. */
struct pass_slot {
	__u64 ns;
	__u32 packet;  /* hash of what names it */
	__u32 ifindex; /* of the device that saw it first */
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, OBSERVE_PASS_SLOTS);
	__type(key, __u32);
	__type(value, struct pass_slot);
} passes SEC(".maps");

/* Room for a flow that is new, which is too much for the stack: one for each observe_direction, and so for each program; the
 * kernel does not let a program begin on a processor where it is under way. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, struct observe_flow);
} new_flows SEC(".maps");

/* Another number after each drop that the map of drops has; processors that count at the same moment may count one. */
__u64 drops_seen;

/* Flows that were made; processors that count at the same moment may count one. */
__u64 flows_made;

#define ENOENT 2
#define EEXIST 17

#define COUNT_LOST(member)                                                          \
	do {                                                                        \
		__u32 zero_ = 0;                                                    \
		struct observe_lost *lost_ = bpf_map_lookup_elem(&lost, &zero_);    \
		if (lost_)                                                          \
			lost_->member++;                                            \
	} while (0)

static __always_inline int wanted_netns(__u32 netns)
{
	return settings.netns == 0 || settings.netns == netns;
}

/* A row that is not there after this is a lost one; that another processor was faster is not a loss. */
#define ADD_ROW(map, key, value, member)                                                       \
	do {                                                                                   \
		long failed_ = bpf_map_update_elem(&map, key, value, BPF_NOEXIST);             \
		if (failed_ && failed_ != -EEXIST)                                    \
			COUNT_LOST(member);                                                    \
	} while (0)

/* SPDX-License-Identifier: GPL-2.0 */
/* What nearly all packets are: TCP, with neither SYN nor RST. No more of such a packet is read than tells that it is one. */
#pragma once

#include "maps.h"
#include "packet.h"

static __always_inline __u32 hash_of(__u32 netns, __u16 source_port, __u16 destination_port, const __u32 source[4],
				     const __u32 destination[4])
{
	__u32 hash = (netns ^ ((__u32)source_port << 16 | destination_port)) * 0x9e3779b1;
#pragma unroll
	for (int i = 0; i < 4; i++)
		hash = (hash ^ source[i]) * 0x85ebca6b;
#pragma unroll
	for (int i = 0; i < 4; i++)
		hash = (hash ^ destination[i]) * 0xc2b2ae35;
	return hash ^ hash >> 15;
}

static __always_inline __u32 connection_hash(const struct packet *packet)
{
	return hash_of(packet->netns, packet->source_port, packet->destination_port,
		       (const __u32 *)packet->source.bytes, (const __u32 *)packet->destination.bytes);
}

static __always_inline void remember_ttl(__u32 hash, __u8 ttl, __u16 ip_id)
{
	__u32 index = hash % OBSERVE_TTL_SLOTS;
	struct ttl_slot *slot = bpf_map_lookup_elem(&ttls, &index);
	if (!slot)
		return;
	slot->connection = hash;
	slot->ttl = ttl;
	slot->ip_id = ip_id;
	slot->used = 1;
}

/* IP header and the TCP header up to its flags, where there is nothing between them. */
struct plain_ipv4 {
	__u8 version_and_bytes;
	__u8 service;
	__be16 total;
	__be16 id;
	__u8 fragment[2];
	__u8 ttl;
	__u8 protocol;
	__be16 checksum;
	__u32 source;
	__u32 destination;
	struct wire_ports ports;
};

struct plain_ipv6 {
	__u8 version;
	__u8 label[3];
	__be16 payload;
	__u8 next;
	__u8 hop_limit;
	__u32 source[4];
	__u32 destination[4];
	struct wire_ports ports;
};

/* Takes note of a received one's TTL. 0: it is something else, or not so simple. */
static __always_inline int is_ordinary(const unsigned char *head, __u32 offset, __u16 ether_type, __u32 netns,
				       int direction)
{
	if (ether_type == ETH_P_IP) {
		struct plain_ipv4 plain;
		if (bpf_probe_read_kernel(&plain, sizeof(plain), head + offset))
			return 0;
		if (plain.protocol != IPPROTO_TCP || plain.version_and_bytes != 0x45 ||
		    plain.ports.flags & (FLAG_SYN | FLAG_RST) || plain.fragment[0] & 0x1f || plain.fragment[1])
			return 0;
		if (direction == OBSERVE_IN) {
			const __u32 source[4] = {0, 0, bpf_htonl(0xffff), plain.source};
			const __u32 destination[4] = {0, 0, bpf_htonl(0xffff), plain.destination};
			remember_ttl(hash_of(netns, bpf_ntohs(plain.ports.source), bpf_ntohs(plain.ports.destination),
					     source, destination),
				     plain.ttl, bpf_ntohs(plain.id));
		}
		return 1;
	}
	if (ether_type == ETH_P_IPV6) {
		struct plain_ipv6 plain;
		if (bpf_probe_read_kernel(&plain, sizeof(plain), head + offset))
			return 0;
		if (plain.next != IPPROTO_TCP || plain.version >> 4 != 6 || plain.ports.flags & (FLAG_SYN | FLAG_RST))
			return 0;
		if (direction == OBSERVE_IN)
			remember_ttl(hash_of(netns, bpf_ntohs(plain.ports.source), bpf_ntohs(plain.ports.destination),
					     plain.source, plain.destination),
				     plain.hop_limit, 0);
		return 1;
	}
	return 0;
}

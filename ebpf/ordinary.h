/* SPDX-License-Identifier: GPL-2.0 */
/* What nearly all packets are: TCP, with neither SYN nor RST. No more of such a packet is read than tells that it is one, and
 * nothing at all of one that holds several segments. */
#pragma once

#include "maps.h"
#include "packet.h"

#define MIX 0x9e3779b97f4a7c15ULL

/* Addresses in halves of eight bytes. */
static __always_inline __u32 hash_of(__u32 netns, __u16 source_port, __u16 destination_port, const __u64 source[2],
				     const __u64 destination[2])
{
	__u64 hash = ((__u64)netns << 32 | (__u32)source_port << 16 | destination_port) * MIX;
	hash = (hash ^ hash >> 32 ^ source[0]) * MIX;
	hash = (hash ^ hash >> 32 ^ source[1]) * MIX;
	hash = (hash ^ hash >> 32 ^ destination[0]) * MIX;
	hash = (hash ^ hash >> 32 ^ destination[1]) * MIX;
	return (__u32)(hash >> 32);
}

static __always_inline __u32 connection_hash(const struct packet *packet)
{
	return hash_of(packet->netns, packet->source_port, packet->destination_port,
		       (const __u64 *)packet->source.bytes, (const __u64 *)packet->destination.bytes);
}

/* The second half of an IPv4 address's struct observe_address. */
static __always_inline __u64 as_half(__be32 address)
{
	const __be32 words[2] = {bpf_htonl(0xffff), address};
	__u64 half;
	__builtin_memcpy(&half, words, sizeof(half));
	return half;
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

#define FRAGMENT_OFFSET 0x1fff
#define USUAL_MTU 1500
#define LINK_HEADER_BYTES 128 /* more than any device's, which skb->len has in it on the way out */

/* Longer than a frame (GSO, GRO): several segments of data, while a SYN, a RST and an ICMP error always fit in one. */
static __always_inline int has_segments(const struct sk_buff *skb, const struct net_device *device)
{
	return skb->len > USUAL_MTU + LINK_HEADER_BYTES && skb->len > device->mtu + LINK_HEADER_BYTES;
}

/* Received packets of several segments whose TTL is looked at in one tick of the clock: all where they are few, and where they
 * are many enough to meet each connection now and then. Processors that count at the same moment may make it a few more. */
#define SEGMENTED_LOOKS_A_TICK 2

static __u64 segmented_tick;
static __u32 segmented_looks;

static __always_inline int has_looked_enough(void)
{
	return segmented_looks >= SEGMENTED_LOOKS_A_TICK && segmented_tick == bpf_jiffies64();
}

static __always_inline void count_look(void)
{
	__u64 now = bpf_jiffies64();
	segmented_looks = segmented_tick == now ? segmented_looks + 1 : 1;
	segmented_tick = now;
}

/* IP header and the TCP header up to its flags, where there is nothing between them. */
struct plain_ipv4 {
	__u8 version_and_bytes;
	__u8 service;
	__be16 total;
	__be16 id;
	__be16 fragment;
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
	__u64 source[2];
	__u64 destination[2];
	struct wire_ports ports;
};

#define AS(type, address) ((const type *)bpf_rdonly_cast(address, bpf_core_type_id_kernel(type)))

static __always_inline void ports_by_type(const void *at, struct wire_ports *ports)
{
	const struct tcphdr *tcp = AS(struct tcphdr, at);
	ports->source = tcp->source;
	ports->destination = tcp->dest;
	/* They follow the acknowledgement and the header's length. */
	ports->flags = ((const __u8 *)&tcp->ack_seq)[5];
}

/* by_type: by reads without a call, which not every kernel can (kernel_types.h); just the members that is_ordinary() needs. */
static __always_inline int read_plain_ipv4(const unsigned char *at, int by_type, struct plain_ipv4 *plain)
{
	if (!by_type)
		return !bpf_probe_read_kernel(plain, sizeof(*plain), at);
	const struct iphdr *ip = AS(struct iphdr, at);
	plain->version_and_bytes = *(const __u8 *)ip;
	plain->fragment = ip->frag_off;
	plain->protocol = ip->protocol;
	plain->ttl = ip->ttl;
	plain->id = ip->id;
	plain->source = ip->saddr;
	plain->destination = ip->daddr;
	ports_by_type(at + __builtin_offsetof(struct plain_ipv4, ports), &plain->ports);
	return 1;
}

static __always_inline int read_plain_ipv6(const unsigned char *at, int by_type, struct plain_ipv6 *plain)
{
	if (!by_type)
		return !bpf_probe_read_kernel(plain, sizeof(*plain), at);
	const struct ipv6hdr *ip = AS(struct ipv6hdr, at);
	plain->version = *(const __u8 *)ip;
	plain->next = ip->nexthdr;
	plain->hop_limit = ip->hop_limit;
	__builtin_memcpy(plain->source, &ip->saddr, sizeof(plain->source));
	__builtin_memcpy(plain->destination, &ip->daddr, sizeof(plain->destination));
	ports_by_type(at + __builtin_offsetof(struct plain_ipv6, ports), &plain->ports);
	return 1;
}

/* at: where the packet begins. Takes note of a received one's TTL. 0: it is something else, or not so simple. */
static __always_inline int is_ordinary(const unsigned char *at, __u16 ether_type, __u32 netns, int direction,
				       int by_type)
{
	if (ether_type == ETH_P_IP) {
		struct plain_ipv4 plain;
		if (!read_plain_ipv4(at, by_type, &plain))
			return 0;
		if (plain.protocol != IPPROTO_TCP || plain.version_and_bytes != 0x45 ||
		    plain.ports.flags & (FLAG_SYN | FLAG_RST) || plain.fragment & bpf_htons(FRAGMENT_OFFSET))
			return 0;
		if (direction == OBSERVE_IN) {
			const __u64 source[2] = {0, as_half(plain.source)};
			const __u64 destination[2] = {0, as_half(plain.destination)};
			remember_ttl(hash_of(netns, bpf_ntohs(plain.ports.source), bpf_ntohs(plain.ports.destination),
					     source, destination),
				     plain.ttl, bpf_ntohs(plain.id));
		}
		return 1;
	}
	if (ether_type == ETH_P_IPV6) {
		struct plain_ipv6 plain;
		if (!read_plain_ipv6(at, by_type, &plain))
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

/* The usual options of a SYN (struct usual_options). */
static __always_inline void timestamp_by_type(const unsigned char *options, struct packet *packet)
{
	const struct in6_addr *words = AS(struct in6_addr, options);
	if ((words->in6_u.u6_addr32[0] & bpf_htonl(0xffff0000)) != bpf_htonl(OPTION_MSS << 24 | 4 << 16) ||
	    words->in6_u.u6_addr32[1] != bpf_htonl(OPTION_SACK_PERMITTED << 24 | 2 << 16 | OPTION_TIMESTAMP << 8 |
						   OPTION_TIMESTAMP_BYTES))
		return;
	packet->has_timestamp = 1;
	packet->ts_value = bpf_ntohl(words->in6_u.u6_addr32[2]);
}

/* The same as read_packet() for a TCP packet with nothing between its headers. 0: it is not so simple. */
static __always_inline int read_plain_by_type(const unsigned char *head, __u32 offset, __u16 ether_type,
					      struct packet *packet)
{
	const unsigned char *at = head + offset;
	if (ether_type == ETH_P_IP) {
		const struct iphdr *ip = AS(struct iphdr, at);
		__be32 source = ip->saddr;
		__be32 destination = ip->daddr;
		if (ip->protocol != IPPROTO_TCP || *(const __u8 *)ip != 0x45 || ip->frag_off & bpf_htons(FRAGMENT_OFFSET))
			return 0;
		packet->family = 4;
		packet->ttl = ip->ttl;
		packet->ip_id = bpf_ntohs(ip->id);
		from_ipv4(&packet->source, &source);
		from_ipv4(&packet->destination, &destination);
		packet->header_offset = offset + 20;
	} else if (ether_type == ETH_P_IPV6) {
		const struct ipv6hdr *ip = AS(struct ipv6hdr, at);
		if (ip->nexthdr != IPPROTO_TCP || *(const __u8 *)ip >> 4 != 6)
			return 0;
		packet->family = 6;
		packet->ttl = ip->hop_limit;
		__builtin_memcpy(packet->source.bytes, &ip->saddr, 16);
		__builtin_memcpy(packet->destination.bytes, &ip->daddr, 16);
		packet->header_offset = offset + 40;
	} else {
		return 0;
	}
	packet->ether_type = ether_type;
	packet->protocol = IPPROTO_TCP;
	const struct tcphdr *tcp = AS(struct tcphdr, head + packet->header_offset);
	packet->source_port = bpf_ntohs(tcp->source);
	packet->destination_port = bpf_ntohs(tcp->dest);
	packet->sequence = bpf_ntohl(tcp->seq);
	packet->tcp_header_bytes = (((const __u8 *)&tcp->ack_seq)[4] >> 4) * 4;
	packet->flags = ((const __u8 *)&tcp->ack_seq)[5];
	if (packet->flags & FLAG_SYN && packet->tcp_header_bytes >= 20 + sizeof(struct usual_options))
		timestamp_by_type(head + packet->header_offset + 20, packet);
	return 1;
}

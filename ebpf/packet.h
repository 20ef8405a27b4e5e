/* SPDX-License-Identifier: GPL-2.0 */
/* Reading a packet: IPv4 and IPv6 with VLAN tags and extension headers, ports, TCP flags and the timestamp option. */
#pragma once

#include "kernel_types.h"
#include "observe.h"

#define AF_INET 2
#define AF_INET6 10
#define ETH_P_IP 0x0800
#define ETH_P_IPV6 0x86dd
#define ETH_P_8021Q 0x8100
#define ETH_P_8021AD 0x88a8
#define IPPROTO_ICMP 1
#define IPPROTO_TCP 6
#define IPPROTO_UDP 17
#define IPPROTO_ICMPV6 58
#define TCP_ESTABLISHED 1
#define TCP_SYN_SENT 2
#define TCP_SYN_RECV 3
#define FLAG_FIN 0x01
#define FLAG_SYN 0x02
#define FLAG_RST 0x04
#define FLAG_ACK 0x10

#define VLAN_TAG 0x10000
#define VLAN_TAG_OF_PROVIDER 0x1000 /* 802.1ad */
#define VLAN_NUMBER 0x0fff

struct packet {
	struct observe_address source;
	struct observe_address destination;
	__u64 ns;            /* when it was seen, CLOCK_MONOTONIC; of events only */
	__u32 netns;
	__u32 ifindex;
	__u32 sequence;
	__u32 header_offset; /* of the transport header from skb->head */
	__u32 ts_value;
	__u32 tags[2];       /* VLAN tags in the frame, outer one first: VLAN_TAG, its kind and its number; 0: none */
	__u16 source_port;
	__u16 destination_port;
	__u16 ip_id;
	__u16 ether_type;
	__u8 family;
	__u8 protocol;
	__u8 ttl;
	__u8 flags;
	__u8 tcp_header_bytes;
	__u8 has_timestamp; /* a SYN's TSval is known already */
};

static __always_inline void from_ipv4(struct observe_address *to, const void *bytes)
{
	__builtin_memset(to->bytes, 0, 10);
	to->bytes[10] = 0xff;
	to->bytes[11] = 0xff;
	__builtin_memcpy(to->bytes + 12, bytes, 4);
}

static __always_inline void addresses_of(const struct sock_common *common, struct observe_address *local,
					 struct observe_address *remote)
{
	if (common->skc_family == AF_INET6) {
		__builtin_memcpy(local->bytes, &common->skc_v6_rcv_saddr, 16);
		__builtin_memcpy(remote->bytes, &common->skc_v6_daddr, 16);
	} else {
		__be32 address = common->skc_rcv_saddr;
		from_ipv4(local, &address);
		address = common->skc_daddr;
		from_ipv4(remote, &address);
	}
}

struct wire_ports {
	__be16 source;
	__be16 destination;
	__be32 sequence;
	__be32 acknowledgement;
	__u8 offset;
	__u8 flags;
};

/* Number 0 is a priority without a VLAN. */
static __always_inline __u32 vlan_tag(__u16 ether_type, __u16 control)
{
	__u32 number = control & VLAN_NUMBER;
	return number ? VLAN_TAG | (ether_type == ETH_P_8021AD ? VLAN_TAG_OF_PROVIDER : 0) | number : 0;
}

/* Reads IP and transport header at an offset from skb->head. Not zero: no IPv4 or IPv6 packet, or not its first fragment. */
static __always_inline int read_packet(const unsigned char *head, __u32 offset, __u16 ether_type, struct packet *packet)
{
	__u8 header[40];
	packet->ether_type = ether_type;
	if (ether_type == ETH_P_8021Q || ether_type == ETH_P_8021AD) {
		__be16 tag[2];
		if (bpf_probe_read_kernel(tag, sizeof(tag), head + offset))
			return 1;
		offset += 4;
		packet->tags[0] = vlan_tag(ether_type, bpf_ntohs(tag[0]));
		ether_type = bpf_ntohs(tag[1]);
		if (ether_type == ETH_P_8021Q) {
			if (bpf_probe_read_kernel(tag, sizeof(tag), head + offset))
				return 1;
			offset += 4;
			packet->tags[1] = vlan_tag(ether_type, bpf_ntohs(tag[0]));
			ether_type = bpf_ntohs(tag[1]);
		}
		packet->ether_type = ether_type;
	}
	if (ether_type == ETH_P_IP) {
		if (bpf_probe_read_kernel(header, 20, head + offset))
			return 1;
		if ((header[0] >> 4) != 4 || (header[0] & 15) < 5)
			return 1;
		if (((header[6] & 0x1f) | header[7]) != 0)
			return 1;
		packet->family = 4;
		packet->protocol = header[9];
		packet->ttl = header[8];
		packet->ip_id = (__u16)(header[4] << 8 | header[5]);
		from_ipv4(&packet->source, header + 12);
		from_ipv4(&packet->destination, header + 16);
		packet->header_offset = offset + (header[0] & 15) * 4;
	} else if (ether_type == ETH_P_IPV6) {
		if (bpf_probe_read_kernel(header, 40, head + offset))
			return 1;
		if ((header[0] >> 4) != 6)
			return 1;
		packet->family = 6;
		packet->protocol = header[6];
		packet->ttl = header[7];
		__builtin_memcpy(packet->source.bytes, header + 8, 16);
		__builtin_memcpy(packet->destination.bytes, header + 24, 16);
		offset += 40;
		for (int i = 0; i < 3; i++) {
			__u8 next[8];
			if (packet->protocol != 0 && packet->protocol != 43 && packet->protocol != 60 &&
			    packet->protocol != 44)
				break;
			if (bpf_probe_read_kernel(next, sizeof(next), head + offset))
				return 1;
			if (packet->protocol == 44) {
				if ((next[2] | (next[3] & 0xf8)) != 0)
					return 1;
				offset += 8;
			} else {
				offset += 8 + next[1] * 8;
			}
			packet->protocol = next[0];
		}
		packet->header_offset = offset;
	} else {
		return 1;
	}
	if (packet->protocol == IPPROTO_TCP || packet->protocol == IPPROTO_UDP) {
		struct wire_ports ports;
		if (bpf_probe_read_kernel(&ports, sizeof(ports), head + packet->header_offset))
			return 1;
		packet->source_port = bpf_ntohs(ports.source);
		packet->destination_port = bpf_ntohs(ports.destination);
		if (packet->protocol == IPPROTO_TCP) {
			packet->sequence = bpf_ntohl(ports.sequence);
			packet->flags = ports.flags;
			packet->tcp_header_bytes = (ports.offset >> 4) * 4;
		}
	}
	return 0;
}

/* Room for the options of a received SYN: a variable index into the stack is refused by kernels before 5.12. Received packets
 * are handled in softirq context, which does not nest. */
struct option_bytes {
	__u8 bytes[64];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct option_bytes);
} option_room SEC(".maps");

/* The compiler must not drop a bound that it knows and the verifier does not. */
static __always_inline __u32 bounded(__u32 value)
{
	asm volatile("%0 &= 63" : "+r"(value));
	return value;
}

#define OPTION_END 0
#define OPTION_NOP 1
#define OPTION_MSS 2
#define OPTION_SACK_PERMITTED 4
#define OPTION_TIMESTAMP 8
#define OPTION_TIMESTAMP_BYTES 10

/* The options that Linux begins its SYNs with: MSS, SACK permitted, timestamps. */
struct usual_options {
	__u8 mss[4];
	__u8 sack[2];
	__u8 timestamp[2];
	__u8 value[4];
};

/* TSval of a SYN's timestamp option; 0 where there is none. */
static __always_inline int read_timestamp(const unsigned char *head, const struct packet *packet, __u32 *value)
{
	__u32 zero = 0;
	__u32 bytes = packet->tcp_header_bytes;
	struct usual_options usual;
	if (packet->has_timestamp) {
		*value = packet->ts_value;
		return 1;
	}
	if (bytes < 20 + sizeof(usual) || bytes > 60)
		return 0;
	if (bpf_probe_read_kernel(&usual, sizeof(usual), head + packet->header_offset + 20))
		return 0;
	if (usual.mss[0] == OPTION_MSS && usual.mss[1] == 4 && usual.sack[0] == OPTION_SACK_PERMITTED &&
	    usual.timestamp[0] == OPTION_TIMESTAMP && usual.timestamp[1] == OPTION_TIMESTAMP_BYTES) {
		*value = (__u32)usual.value[0] << 24 | (__u32)usual.value[1] << 16 | (__u32)usual.value[2] << 8 |
			 usual.value[3];
		return 1;
	}
	struct option_bytes *options = bpf_map_lookup_elem(&option_room, &zero);
	if (!options)
		return 0;
	bytes = bounded(bytes - 20);
	__builtin_memset(options->bytes, 0, sizeof(options->bytes));
	if (bpf_probe_read_kernel(options->bytes, bytes, head + packet->header_offset + 20))
		return 0;
	__u32 at = 0;
#pragma nounroll
	for (int i = 0; i < 12; i++) {
		/* Forgets what is known of the offset, so that the verifier sees every round as the same. */
		at = bounded(at);
		if (at > 30)
			return 0;
		__u8 kind = options->bytes[bounded(at)];
		if (kind == OPTION_END)
			return 0;
		if (kind == OPTION_NOP) {
			at += 1;
			continue;
		}
		__u8 length = options->bytes[bounded(at + 1)];
		if (kind == OPTION_TIMESTAMP && length == OPTION_TIMESTAMP_BYTES) {
			*value = (__u32)options->bytes[bounded(at + 2)] << 24 |
				 (__u32)options->bytes[bounded(at + 3)] << 16 |
				 (__u32)options->bytes[bounded(at + 4)] << 8 | options->bytes[bounded(at + 5)];
			return 1;
		}
		if (length < 2)
			return 0;
		at += length;
	}
	return 0;
}

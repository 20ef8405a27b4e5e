// SPDX-License-Identifier: GPL-2.0
/* The observation window: handshakes of both directions, drops with their reasons, resets, retransmissions, ICMP errors,
 * timestamps. Everything is counted in maps; nothing is copied for a packet that is none of these.
 *
 * Packets are seen at the tracepoints netif_receive_skb (once for every pass through a device, decapsulated packets too)
 * and net_dev_queue, which cost no clone of the packet as a packet socket would. */
#include "kernel_types.h"
#include "observe.h"

char LICENSE[] SEC("license") = "GPL";

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
#define NFCT_PTRMASK (~7UL)
/* The same SYN passes several devices of a namespace (bridge port and bridge) within microseconds; TCP repeats it after
 * 200 ms at the earliest. */
#define SAME_PACKET_NS 20000000ULL

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
HASH(icmp_errors, struct observe_icmp_key, struct observe_icmp, OBSERVE_ICMP);

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, OBSERVE_SOURCES);
	__type(key, struct observe_source_key);
	__type(value, struct observe_source);
} sources SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct observe_lost);
} lost SEC(".maps");

/* The latest TTL and IP ID of peers' ordinary packets, by a hash of the peer: one array look-up a packet. */
struct ttl_slot {
	__u32 peer; /* whole hash, to tell peers that share a slot apart */
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

struct packet {
	struct observe_address source;
	struct observe_address destination;
	__u32 netns;
	__u32 ifindex;
	__u32 sequence;
	__u32 header_offset; /* of the transport header from skb->head */
	__u16 source_port;
	__u16 destination_port;
	__u16 ip_id;
	__u16 ether_type;
	__u8 family;
	__u8 protocol;
	__u8 ttl;
	__u8 flags;
	__u8 tcp_header_bytes;
	__u8 has_payload;
};

#define COUNT_LOST(member)                                                          \
	do {                                                                        \
		__u32 zero_ = 0;                                                    \
		struct observe_lost *lost_ = bpf_map_lookup_elem(&lost, &zero_);    \
		if (lost_)                                                          \
			lost_->member++;                                            \
	} while (0)

static __always_inline void from_ipv4(struct observe_address *to, const void *bytes)
{
	__builtin_memset(to->bytes, 0, 10);
	to->bytes[10] = 0xff;
	to->bytes[11] = 0xff;
	__builtin_memcpy(to->bytes + 12, bytes, 4);
}

static __always_inline int wanted_netns(__u32 netns)
{
	return settings.netns == 0 || settings.netns == netns;
}

struct wire_ports {
	__be16 source;
	__be16 destination;
	__be32 sequence;
	__be32 acknowledgement;
	__u8 offset;
	__u8 flags;
};

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
		ether_type = bpf_ntohs(tag[1]);
		if (ether_type == ETH_P_8021Q) {
			if (bpf_probe_read_kernel(tag, sizeof(tag), head + offset))
				return 1;
			offset += 4;
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
		__u32 total = (__u32)(header[2] << 8 | header[3]);
		__u32 bytes = (header[0] & 15) * 4;
		packet->has_payload = total > bytes ? 1 : 0;
		packet->header_offset = offset + bytes;
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

/* TSval of a SYN's timestamp option; 0 where there is none. */
static __always_inline int read_timestamp(const unsigned char *head, const struct packet *packet, __u32 *value)
{
	__u32 zero = 0;
	__u32 bytes = packet->tcp_header_bytes;
	struct option_bytes *options = bpf_map_lookup_elem(&option_room, &zero);
	if (!options || bytes <= 20 || bytes > 60)
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
		if (kind == 0)
			return 0;
		if (kind == 1) {
			at += 1;
			continue;
		}
		__u8 length = options->bytes[bounded(at + 1)];
		if (kind == 8 && length == 10) {
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

static __always_inline void flow_key_of(const struct packet *packet, int reversed, struct observe_flow_key *key)
{
	if (reversed) {
		key->source = packet->destination;
		key->destination = packet->source;
		key->source_port = packet->destination_port;
		key->destination_port = packet->source_port;
	} else {
		key->source = packet->source;
		key->destination = packet->destination;
		key->source_port = packet->source_port;
		key->destination_port = packet->destination_port;
	}
	key->netns = packet->netns;
}

static __always_inline struct observe_service *service_of(const struct observe_flow_key *flow, int create)
{
	struct observe_service_key key = {};
	key.address = flow->destination;
	key.port = flow->destination_port;
	key.netns = flow->netns;
	struct observe_service *service = bpf_map_lookup_elem(&services, &key);
	if (service || !create)
		return service;
	struct observe_service empty = {};
	if (bpf_map_update_elem(&services, &key, &empty, BPF_NOEXIST) == -7 /* E2BIG */)
		COUNT_LOST(services);
	return bpf_map_lookup_elem(&services, &key);
}

static __always_inline void note_source(const struct packet *packet, __u32 value, int same_tuple, __u64 now)
{
	struct observe_source_key key = {};
	key.address = packet->source;
	key.destination = packet->destination;
	key.netns = packet->netns;
	struct observe_source *source = bpf_map_lookup_elem(&sources, &key);
	if (!source) {
		struct observe_source first = {};
		first.last_ns = now;
		first.syns = 1;
		first.last_value = value;
		if (bpf_map_update_elem(&sources, &key, &first, BPF_NOEXIST))
			COUNT_LOST(sources);
		return;
	}
	__s32 step = (__s32)(value - source->last_value);
	if (step < 0) {
		__u32 back = (__u32)-step;
		source->backwards++;
		if (back > source->largest_step)
			source->largest_step = back;
	}
	if (same_tuple)
		source->same_tuple++;
	source->last_value = value;
	source->last_ns = now;
	source->syns++;
}

static __noinline int on_syn(const unsigned char *head, struct packet *packet, int direction)
{
	struct observe_flow_key key = {};
	if (!packet)
		return 0;
	__u64 now = bpf_ktime_get_ns();
	__u32 ts_value = 0;
	flow_key_of(packet, 0, &key);
	int has_timestamp = direction == OBSERVE_IN ? read_timestamp(head, packet, &ts_value) : 0;
	struct observe_flow *flow = bpf_map_lookup_elem(&flows, &key);
	int is_new = !flow;
	int runs_back = 0;
	if (flow) {
		__u32 before = direction == OBSERVE_IN ? flow->syns_in : flow->syns_out;
		if (before > 0 && flow->sequence == packet->sequence && now - flow->last_ns < SAME_PACKET_NS)
			return 0;
		if (flow->sequence != packet->sequence) {
			runs_back = has_timestamp && flow->has_timestamp && (__s32)(ts_value - flow->ts_value) < 0;
			/* The port is used again for another connection: the old one's story is told in the counts. */
			flow->answered_ns = 0;
			flow->completed = 0;
			flow->reset_in = 0;
			flow->reset_out = 0;
			flow->synacks_in = 0;
			flow->synacks_out = 0;
			flow->syns_in = 0;
			flow->syns_out = 0;
			flow->drops = 0;
			flow->ack_drops = 0;
			flow->first_ns = now;
			is_new = 1;
		}
	} else {
		struct observe_flow first = {};
		first.first_ns = now;
		first.ifindex = packet->ifindex;
		if (bpf_map_update_elem(&flows, &key, &first, BPF_NOEXIST) == -7)
			COUNT_LOST(flows);
		flow = bpf_map_lookup_elem(&flows, &key);
	}
	int repeated = 0;
	if (flow) {
		repeated = !is_new && (direction == OBSERVE_IN ? flow->syns_in : flow->syns_out) > 0;
		flow->last_ns = now;
		flow->sequence = packet->sequence;
		if (direction == OBSERVE_IN) {
			flow->has_timestamp = (__u8)has_timestamp;
			flow->ts_value = ts_value;
			flow->syns_in++;
		} else {
			flow->syns_out++;
		}
	}
	if (direction == OBSERVE_IN) {
		struct observe_service *service = service_of(&key, 1);
		if (service) {
			__sync_fetch_and_add(&service->syns, 1);
			if (repeated)
				__sync_fetch_and_add(&service->repeated, 1);
			if (!flow)
				__sync_fetch_and_add(&service->untracked, 1);
		}
		if (has_timestamp)
			note_source(packet, ts_value, runs_back, now);
	}
	return 0;
}

static __noinline int on_synack(struct packet *packet, int direction)
{
	struct observe_flow_key key = {};
	if (!packet)
		return 0;
	flow_key_of(packet, 1, &key);
	struct observe_flow *flow = bpf_map_lookup_elem(&flows, &key);
	int first = 0;
	if (flow) {
		__u64 now = bpf_ktime_get_ns();
		first = flow->answered_ns == 0;
		if (first)
			flow->answered_ns = now;
		if (direction == OBSERVE_OUT)
			flow->synacks_out++;
		else
			flow->synacks_in++;
	}
	if (direction == OBSERVE_OUT) {
		struct observe_service *service = service_of(&key, 0);
		if (service) {
			__sync_fetch_and_add(&service->synacks, 1);
			if (first)
				__sync_fetch_and_add(&service->answered, 1);
		}
	}
	return 0;
}

static __always_inline __u32 peer_hash(const struct packet *packet)
{
	const __u32 *words = (const __u32 *)packet->source.bytes;
	__u32 hash = packet->netns * 0x9e3779b1;
#pragma unroll
	for (int i = 0; i < 4; i++)
		hash = (hash ^ words[i]) * 0x85ebca6b;
	return hash ^ hash >> 15;
}

static __noinline int on_reset(struct packet *packet, int direction)
{
	struct observe_reset_key key = {};
	struct observe_flow_key flow_key = {};
	if (!packet)
		return 0;
	key.source = packet->source;
	key.destination = packet->destination;
	key.source_port = packet->source_port;
	key.destination_port = packet->destination_port;
	key.netns = packet->netns;
	key.direction = (__u8)direction;

	flow_key_of(packet, 1, &flow_key);
	struct observe_flow *flow = bpf_map_lookup_elem(&flows, &flow_key);
	int answers_syn = 0;
	if (flow) {
		answers_syn = flow->answered_ns == 0;
		if (direction == OBSERVE_OUT)
			flow->reset_out = 1;
		else
			flow->reset_in = 1;
	}
	if (direction == OBSERVE_OUT && answers_syn) {
		struct observe_service *service = service_of(&flow_key, 0);
		if (service)
			__sync_fetch_and_add(&service->resets, 1);
	}

	struct observe_reset *reset = bpf_map_lookup_elem(&resets, &key);
	if (!reset) {
		struct observe_reset first = {};
		if (bpf_map_update_elem(&resets, &key, &first, BPF_NOEXIST) == -7)
			COUNT_LOST(resets);
		reset = bpf_map_lookup_elem(&resets, &key);
		if (!reset)
			return 0;
	}
	reset->last_ns = bpf_ktime_get_ns();
	reset->wire++;
	reset->ttl = packet->ttl;
	reset->ip_id = packet->ip_id;
	if (answers_syn)
		reset->answers_syn = 1;
	if (direction == OBSERVE_IN) {
		__u32 hash = peer_hash(packet);
		__u32 index = hash % OBSERVE_TTL_SLOTS;
		struct ttl_slot *slot = bpf_map_lookup_elem(&ttls, &index);
		if (slot && slot->used && slot->peer == hash) {
			reset->usual_ttl = slot->ttl;
			reset->usual_ip_id = slot->ip_id;
		}
	}
	return 0;
}

static __always_inline void remember_ttl(const struct packet *packet)
{
	__u32 hash = peer_hash(packet);
	__u32 index = hash % OBSERVE_TTL_SLOTS;
	struct ttl_slot *slot = bpf_map_lookup_elem(&ttls, &index);
	if (!slot)
		return;
	slot->peer = hash;
	slot->ttl = packet->ttl;
	slot->ip_id = packet->ip_id;
	slot->used = 1;
}

static __noinline int on_icmp(const unsigned char *head, struct packet *packet, int direction)
{
	__u8 message[8];
	struct observe_icmp_key key = {};
	struct packet inner = {};
	if (!packet || bpf_probe_read_kernel(message, sizeof(message), head + packet->header_offset))
		return 0;
	int v4 = packet->protocol == IPPROTO_ICMP;
	if (v4 ? (message[0] != 3 && message[0] != 11 && message[0] != 12) : (message[0] < 1 || message[0] > 4))
		return 0;
	if (read_packet(head, packet->header_offset + 8, v4 ? ETH_P_IP : ETH_P_IPV6, &inner))
		return 0;
	key.sender = packet->source;
	key.target = inner.destination;
	key.netns = packet->netns;
	key.target_port = inner.destination_port;
	key.protocol = inner.protocol;
	key.family = v4 ? 4 : 6;
	key.type = message[0];
	key.code = message[1];
	key.direction = (__u8)direction;
	struct observe_icmp *seen = bpf_map_lookup_elem(&icmp_errors, &key);
	if (!seen) {
		struct observe_icmp first = {};
		if (bpf_map_update_elem(&icmp_errors, &key, &first, BPF_NOEXIST) == -7)
			COUNT_LOST(icmp);
		seen = bpf_map_lookup_elem(&icmp_errors, &key);
		if (!seen)
			return 0;
	}
	__sync_fetch_and_add(&seen->count, 1);
	seen->last_ns = bpf_ktime_get_ns();
	if (v4 ? (message[0] == 3 && message[1] == 4) : message[0] == 2)
		seen->mtu = v4 ? (__u32)(message[6] << 8 | message[7])
			       : (__u32)message[4] << 24 | (__u32)message[5] << 16 | (__u32)message[6] << 8 | message[7];
	return 0;
}

static __always_inline int on_packet(struct sk_buff *skb, int direction)
{
	struct packet packet = {};
	struct net_device *device = skb->dev;
	__u16 ether_type = bpf_ntohs(skb->protocol);
	const unsigned char *head = skb->head;
	/* On reception the network header is not marked yet, but the data starts there. */
	__u32 offset = direction == OBSERVE_IN ? (__u32)(skb->data - head) : skb->network_header;
	if (!device)
		return 0;
	packet.netns = device->nd_net.net->ns.inum;
	if (!wanted_netns(packet.netns))
		return 0;
	packet.ifindex = (__u32)device->ifindex;
	if (read_packet(head, offset, ether_type, &packet))
		return 0;
	if (packet.protocol == IPPROTO_TCP) {
		if (packet.flags & FLAG_RST)
			return on_reset(&packet, direction);
		if (packet.flags & FLAG_SYN)
			return packet.flags & FLAG_ACK ? on_synack(&packet, direction)
						       : on_syn(head, &packet, direction);
		if (direction == OBSERVE_IN)
			remember_ttl(&packet);
		return 0;
	}
	if (packet.protocol == IPPROTO_ICMP || packet.protocol == IPPROTO_ICMPV6)
		return on_icmp(head, &packet, direction);
	return 0;
}

SEC("tp_btf/netif_receive_skb")
int BPF_PROG(observe_receive, struct sk_buff *skb)
{
	return on_packet(skb, OBSERVE_IN);
}

SEC("tp_btf/net_dev_queue")
int BPF_PROG(observe_transmit, struct sk_buff *skb)
{
	return on_packet(skb, OBSERVE_OUT);
}

static __always_inline int on_drop(struct sk_buff *skb, __u64 place, __u32 reason)
{
	struct packet packet = {};
	struct observe_drop_key key = {};
	struct net_device *device = skb->dev;
	struct sock *sk = skb->sk;
	const unsigned char *head = skb->head;
	__u64 now;
	if (settings.purge_reason && reason == settings.purge_reason)
		return 0;
	if (device) {
		packet.netns = device->nd_net.net->ns.inum;
		packet.ifindex = (__u32)device->ifindex;
	} else if (sk) {
		packet.netns = sk->__sk_common.skc_net.net->ns.inum;
	}
	if (!wanted_netns(packet.netns))
		return 0;
	packet.ether_type = bpf_ntohs(skb->protocol);
	int is_ip = skb->network_header != 0xffff &&
		    read_packet(head, skb->network_header, packet.ether_type, &packet) == 0;
	int has_conntrack = (skb->_nfct & NFCT_PTRMASK) != 0;
	now = bpf_ktime_get_ns();
	key.place = place;
	key.netns = packet.netns;
	key.reason = reason;
	key.ifindex = packet.ifindex;
	if (is_ip) {
		key.family = packet.family;
		key.protocol = packet.protocol;
		key.port = packet.destination_port;
	}
	struct observe_drop *drop = bpf_map_lookup_elem(&drops, &key);
	if (!drop) {
		struct observe_drop first = {};
		first.first_ns = now;
		first.source = packet.source;
		first.destination = packet.destination;
		first.source_port = packet.source_port;
		first.ether_type = packet.ether_type;
		first.tcp_flags = packet.flags;
		first.has_conntrack = (__u8)has_conntrack;
		if (bpf_map_update_elem(&drops, &key, &first, BPF_NOEXIST) == -7)
			COUNT_LOST(drops);
		drop = bpf_map_lookup_elem(&drops, &key);
	}
	if (drop) {
		__sync_fetch_and_add(&drop->count, 1);
		drop->last_ns = now;
	}
	if (is_ip && packet.protocol == IPPROTO_TCP) {
		struct observe_flow_key flow_key = {};
		flow_key_of(&packet, 0, &flow_key);
		struct observe_flow *flow = bpf_map_lookup_elem(&flows, &flow_key);
		if (flow && (packet.flags & (FLAG_SYN | FLAG_ACK)) == FLAG_SYN) {
			flow->drops++;
			flow->drop_reason = reason;
			flow->drop_place = place;
			flow->drop_has_conntrack = (__u8)has_conntrack;
		} else if (flow) {
			flow->ack_drops++;
			flow->ack_drop_reason = reason;
		}
	}
	return 0;
}

/* Kernels from 5.17 on. */
SEC("tp_btf/kfree_skb")
int BPF_PROG(observe_drop_reason, struct sk_buff *skb, void *place, int reason)
{
	return on_drop(skb, (__u64)place, (__u32)reason);
}

/* Older ones, where kfree_skb is called for packets that were used up, too: the reader knows that there is no reason. */
SEC("tp_btf/kfree_skb")
int BPF_PROG(observe_drop_plain, struct sk_buff *skb, void *place)
{
	return on_drop(skb, (__u64)place, 0);
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

static __always_inline void count_retransmit(const struct sock_common *common, __u8 kind, __u16 local_port)
{
	struct observe_retransmit_key key = {};
	__u64 one = 1;
	key.netns = common->skc_net.net->ns.inum;
	if (!wanted_netns(key.netns))
		return;
	addresses_of(common, &key.local, &key.remote);
	key.local_port = local_port;
	key.remote_port = bpf_ntohs(common->skc_dport);
	key.kind = kind;
	__u64 *count = bpf_map_lookup_elem(&retransmits, &key);
	if (count)
		__sync_fetch_and_add(count, 1);
	else if (bpf_map_update_elem(&retransmits, &key, &one, BPF_NOEXIST) == -7)
		COUNT_LOST(retransmits);
}

SEC("tp_btf/tcp_retransmit_skb")
int BPF_PROG(observe_retransmit, const struct sock *sk)
{
	if (!sk)
		return 0;
	__u8 kind = sk->__sk_common.skc_state == TCP_SYN_SENT ? OBSERVE_RETRANSMIT_SYN : OBSERVE_RETRANSMIT_DATA;
	count_retransmit(&sk->__sk_common, kind, sk->__sk_common.skc_num);
	return 0;
}

SEC("tp_btf/tcp_retransmit_synack")
int BPF_PROG(observe_retransmit_synack, const struct sock *sk, const struct request_sock *request)
{
	if (!sk || !request)
		return 0;
	count_retransmit(&request->__req_common, OBSERVE_RETRANSMIT_SYNACK, request->__req_common.skc_num);
	return 0;
}

/* The server side of a handshake completes. */
SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(observe_state, const struct sock *sk, int old_state, int new_state)
{
	struct observe_flow_key key = {};
	if (old_state != TCP_SYN_RECV || new_state != TCP_ESTABLISHED || !sk)
		return 0;
	const struct sock_common *common = &sk->__sk_common;
	key.netns = common->skc_net.net->ns.inum;
	if (!wanted_netns(key.netns))
		return 0;
	addresses_of(common, &key.destination, &key.source);
	key.source_port = bpf_ntohs(common->skc_dport);
	key.destination_port = common->skc_num;
	struct observe_flow *flow = bpf_map_lookup_elem(&flows, &key);
	if (flow)
		flow->completed = 1;
	struct observe_service *service = service_of(&key, 0);
	if (service)
		__sync_fetch_and_add(&service->completed, 1);
	return 0;
}

static __always_inline void note_stack_reset(struct observe_reset_key *key, __u32 reason, __u8 state)
{
	struct observe_reset *reset = bpf_map_lookup_elem(&resets, key);
	if (!reset) {
		struct observe_reset first = {};
		if (bpf_map_update_elem(&resets, key, &first, BPF_NOEXIST) == -7)
			COUNT_LOST(resets);
		reset = bpf_map_lookup_elem(&resets, key);
		if (!reset)
			return;
	}
	reset->stack++;
	reset->reason = reason;
	reset->state = state;
}

static __always_inline int on_send_reset(const struct sock *sk, const struct sk_buff *skb, __u32 reason)
{
	struct observe_reset_key key = {};
	__u8 state = 0;
	key.direction = OBSERVE_OUT;
	if (sk) {
		state = sk->__sk_common.skc_state;
		key.netns = sk->__sk_common.skc_net.net->ns.inum;
	}
	if (skb) {
		struct packet packet = {};
		struct net_device *device = skb->dev;
		if (read_packet(skb->head, skb->network_header, bpf_ntohs(skb->protocol), &packet))
			return 0;
		if (device)
			key.netns = device->nd_net.net->ns.inum;
		/* The reset answers this packet. */
		key.source = packet.destination;
		key.destination = packet.source;
		key.source_port = packet.destination_port;
		key.destination_port = packet.source_port;
	} else if (sk) {
		addresses_of(&sk->__sk_common, &key.source, &key.destination);
		key.source_port = sk->__sk_common.skc_num;
		key.destination_port = bpf_ntohs(sk->__sk_common.skc_dport);
	} else {
		return 0;
	}
	if (!wanted_netns(key.netns))
		return 0;
	note_stack_reset(&key, reason, state);
	return 0;
}

/* Kernels that tell why (6.10 and later). */
SEC("tp_btf/tcp_send_reset")
int BPF_PROG(observe_send_reset_reason, const struct sock *sk, const struct sk_buff *skb, int reason)
{
	return on_send_reset(sk, skb, (__u32)reason);
}

SEC("tp_btf/tcp_send_reset")
int BPF_PROG(observe_send_reset_plain, const struct sock *sk, const struct sk_buff *skb)
{
	return on_send_reset(sk, skb, 0);
}

SEC("tp_btf/tcp_receive_reset")
int BPF_PROG(observe_receive_reset, struct sock *sk)
{
	struct observe_reset_key key = {};
	if (!sk)
		return 0;
	key.direction = OBSERVE_IN;
	key.netns = sk->__sk_common.skc_net.net->ns.inum;
	if (!wanted_netns(key.netns))
		return 0;
	addresses_of(&sk->__sk_common, &key.destination, &key.source);
	key.destination_port = sk->__sk_common.skc_num;
	key.source_port = bpf_ntohs(sk->__sk_common.skc_dport);
	note_stack_reset(&key, 0, sk->__sk_common.skc_state);
	return 0;
}

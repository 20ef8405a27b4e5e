/* SPDX-License-Identifier: GPL-2.0 */
/* Handshakes, resets and ICMP errors, as packets show them. */
#pragma once

#include "maps.h"
#include "ordinary.h"
#include "packet.h"

/* The same packet passes several devices of a namespace (bridge port and bridge) within microseconds. Time alone does not tell it
 * from a repetition: a SYN that is answered by a bare ACK is sent again after two ticks. */
#define SAME_PACKET_NS 20000000ULL

/* Whether this SYN, SYN-ACK or RST is one that this processor has just seen on another device of the namespace. A SYN's own flow
 * tells that, where there is room for it. */
static __noinline int has_passed(struct packet *packet, int direction)
{
	if (!packet)
		return 0;
	__u32 hash = connection_hash(packet) ^ packet->sequence * 0x9e3779b1;
	hash = (hash ^ ((__u32)direction << 8 | packet->flags)) * 0x85ebca6b;
	hash ^= hash >> 13;
	__u32 index = hash % OBSERVE_PASS_SLOTS;
	struct pass_slot *slot = bpf_map_lookup_elem(&passes, &index);
	if (!slot)
		return 0;
	int recent = slot->packet == hash && packet->ns - slot->ns < SAME_PACKET_NS;
	/* On the device that saw it first it is another packet: a SYN-ACK may be sent for a repeated SYN and by its timer at the
	 * same moment. */
	if (recent && slot->ifindex != packet->ifindex)
		return 1;
	slot->packet = hash;
	slot->ifindex = packet->ifindex;
	slot->ns = packet->ns;
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
	ADD_ROW(services, &key, &empty, services);
	return bpf_map_lookup_elem(&services, &key);
}

static __noinline int note_source(const struct packet *packet, int same_tuple)
{
	struct observe_source_key key = {};
	if (!packet)
		return 0;
	__u32 value = packet->ts_value;
	key.address = packet->source;
	key.destination = packet->destination;
	key.netns = packet->netns;
	struct observe_source *source = bpf_map_lookup_elem(&sources, &key);
	if (!source) {
		struct observe_source first = {};
		first.last_ns = packet->ns;
		first.syns = 1;
		first.last_value = value;
		ADD_ROW(sources, &key, &first, sources);
		return 0;
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
	source->last_ns = packet->ns;
	source->syns++;
	return 0;
}

/* The tuple is used again for another connection. The old one's story is told in the counts of the service, but for the
 * attempts that got no answer: those stay to be told. */
static __always_inline void begin_again(struct observe_flow *flow, __u64 now)
{
	__u32 syns = flow->syns_in > flow->syns_out ? flow->syns_in : flow->syns_out;
	int without_answer = !flow->answered_ns && !flow->completed && !flow->reset_in && !flow->reset_out && syns;
	if (without_answer) {
		flow->earlier_attempts++;
		flow->earlier_syns += syns;
	} else if (!flow->earlier_attempts) {
		flow->first_ns = now;
		flow->drops = 0;
		flow->synack_drops = 0;
		flow->refused_syns = 0;
	}
	flow->answered_ns = 0;
	flow->completed = 0;
	flow->reset_in = 0;
	flow->reset_out = 0;
	flow->synacks_in = 0;
	flow->synacks_out = 0;
	flow->syns_in = 0;
	flow->syns_out = 0;
	flow->pass_ns[0] = 0;
	flow->pass_ns[1] = 0;
	flow->ack_drops = 0;
	flow->refused_acks = 0;
}

/* What a SYN is to the flow that it belongs to. */
struct syn {
	__u64 ns;
	__u32 ts_value;
	__u8 inward;
	__u8 has_timestamp;
};

static __always_inline void tell_flow(struct observe_flow *flow, const struct packet *packet, const struct syn *syn)
{
	flow->last_ns = syn->ns;
	flow->sequence = packet->sequence;
	if (syn->inward) {
		flow->pass_ns[0] = syn->ns;
		flow->pass_ifindex[0] = packet->ifindex;
		flow->has_timestamp = syn->has_timestamp;
		flow->ts_value = syn->ts_value;
		flow->syns_in++;
	} else {
		flow->pass_ns[1] = syn->ns;
		flow->pass_ifindex[1] = packet->ifindex;
		flow->syns_out++;
	}
}

/* The first SYN of these addresses and ports, written in one go: most SYNs are one. Its error otherwise. */
static __always_inline long add_flow(const struct observe_flow_key *key, const struct packet *packet, const struct syn *syn)
{
	__u32 direction = syn->inward ? OBSERVE_IN : OBSERVE_OUT;
	struct observe_flow *first = bpf_map_lookup_elem(&new_flows, &direction);
	if (!first)
		return -ENOENT;
	__builtin_memset(first, 0, sizeof(*first));
	first->first_ns = syn->ns;
	first->ifindex = packet->ifindex;
	tell_flow(first, packet, syn);
	long failed = bpf_map_update_elem(&flows, key, first, BPF_NOEXIST);
	if (!failed)
		flows_made++;
	return failed;
}

/* What a received SYN was to its flow. */
#define SYN_SEEN 1
#define SYN_REPEATED 2
#define SYN_UNTRACKED 4  /* there was no room for its flow */
#define SYN_RUNS_BACK 8  /* its tuple is used again, with a lower TSval */

/* SYN_... of a received SYN whose connection's flow was not kept: of a copy that comes late, or of the next one's. 0: not so. */
static __always_inline int after_end_of_flow(const struct packet *packet, const struct syn *syn)
{
	if (flows_made < OBSERVE_FLOWS_KEPT)
		return 0;
	__u32 hash = connection_hash(packet);
	__u32 index = hash % OBSERVE_ENDED_SLOTS;
	struct ended_slot *slot = bpf_map_lookup_elem(&ended, &index);
	if (!slot || !slot->known || slot->connection != hash)
		return 0;
	if (slot->sequence == packet->sequence)
		return SYN_SEEN | SYN_REPEATED;
	int runs_back = syn->has_timestamp && slot->known & KNOWN_TIMESTAMP && (__s32)(syn->ts_value - slot->ts_value) < 0;
	slot->known = 0;
	return runs_back ? SYN_SEEN | SYN_RUNS_BACK : SYN_SEEN;
}

/* The server's side of a handshake is complete. Where there is nothing to tell of it but that, and many are made, its flow makes
 * room: so hosts with ten thousands of connections a second have room for those that fail. */
static __always_inline void end_flow(const struct observe_flow_key *key, struct observe_flow *flow)
{
	if (flows_made < OBSERVE_FLOWS_KEPT)
		return;
	/* A SYN on the loopback device is seen on its way out and in. */
	if (!flow->answered_ns || flow->syns_in != 1 || flow->syns_out > 1 || flow->synacks_out > 1)
		return;
	if (flow->drops | flow->ack_drops | flow->synack_drops | flow->refused_syns | flow->refused_acks |
	    flow->earlier_attempts | flow->reset_in | flow->reset_out)
		return;
	__u32 hash = hash_of(key->netns, key->source_port, key->destination_port, (const __u64 *)key->source.bytes,
			     (const __u64 *)key->destination.bytes);
	__u32 index = hash % OBSERVE_ENDED_SLOTS;
	struct ended_slot *slot = bpf_map_lookup_elem(&ended, &index);
	if (!slot)
		return;
	slot->connection = hash;
	slot->sequence = flow->sequence;
	slot->ts_value = flow->ts_value;
	slot->known = KNOWN_SYN | (flow->has_timestamp ? KNOWN_TIMESTAMP : 0);
	bpf_map_delete_elem(&flows, key);
}

/* SYN_... of a received SYN; 0: nothing to count. Finds the packet's TSval. */
static __noinline int on_syn(const unsigned char *head, struct packet *packet, int direction)
{
	struct observe_flow_key key = {};
	struct syn syn = {};
	int seen = SYN_SEEN;
	if (!packet)
		return 0;
	syn.ns = packet->ns;
	syn.inward = direction == OBSERVE_IN;
	flow_key_of(packet, 0, &key);
	if (syn.inward) {
		syn.has_timestamp = (__u8)read_timestamp(head, packet, &syn.ts_value);
		packet->has_timestamp = syn.has_timestamp;
		packet->ts_value = syn.ts_value;
		int after = after_end_of_flow(packet, &syn);
		if (after & SYN_REPEATED)
			return has_passed(packet, direction) ? 0 : after;
		seen |= after;
	}
	struct observe_flow *flow = NULL;
	long failed = add_flow(&key, packet, &syn);
	if (failed == -EEXIST)
		flow = bpf_map_lookup_elem(&flows, &key);
	if (!flow) {
		if (failed) {
			if (has_passed(packet, direction))
				return 0;
			COUNT_LOST(flows);
			seen |= SYN_UNTRACKED;
		}
	} else if (flow->sequence != packet->sequence) {
		if (syn.has_timestamp && flow->has_timestamp && (__s32)(syn.ts_value - flow->ts_value) < 0)
			seen |= SYN_RUNS_BACK;
		begin_again(flow, syn.ns);
		tell_flow(flow, packet, &syn);
	} else {
		__u64 passed_ns = syn.inward ? flow->pass_ns[0] : flow->pass_ns[1];
		__u32 passed = syn.inward ? flow->pass_ifindex[0] : flow->pass_ifindex[1];
		if (passed != packet->ifindex && syn.ns - passed_ns < SAME_PACKET_NS)
			return 0;
		if (syn.inward ? flow->syns_in : flow->syns_out)
			seen |= SYN_REPEATED;
		tell_flow(flow, packet, &syn);
	}
	return syn.inward ? seen : 0;
}

static __noinline int count_syn(const struct packet *packet, int seen)
{
	struct observe_flow_key key = {};
	if (!packet)
		return 0;
	flow_key_of(packet, 0, &key);
	struct observe_service *service = service_of(&key, 1);
	if (!service)
		return 0;
	__sync_fetch_and_add(&service->syns, 1);
	if (seen & SYN_REPEATED)
		__sync_fetch_and_add(&service->repeated, 1);
	if (seen & SYN_UNTRACKED)
		__sync_fetch_and_add(&service->untracked, 1);
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
		first = flow->answered_ns == 0;
		if (first)
			flow->answered_ns = packet->ns;
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
	/* Where the SYN was not seen, since it came before the window or found no room for its row: an answer to what has no ACK
	 * has the sequence number 0 and an ACK of its own (RFC 9293, 3.5.2). */
	int answers_syn = (packet->flags & FLAG_ACK) && packet->sequence == 0;
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
		ADD_ROW(resets, &key, &first, resets);
		reset = bpf_map_lookup_elem(&resets, &key);
		if (!reset)
			return 0;
	}
	reset->last_ns = packet->ns;
	reset->wire++;
	reset->ttl = packet->ttl;
	reset->ip_id = packet->ip_id;
	if (answers_syn)
		reset->answers_syn = 1;
	if (direction == OBSERVE_IN) {
		__u32 hash = connection_hash(packet);
		__u32 index = hash % OBSERVE_TTL_SLOTS;
		struct ttl_slot *slot = bpf_map_lookup_elem(&ttls, &index);
		if (slot && slot->used && slot->connection == hash) {
			reset->usual_ttl = slot->ttl;
			reset->usual_ip_id = slot->ip_id;
		}
	}
	return 0;
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
		ADD_ROW(icmp_errors, &key, &first, icmp);
		seen = bpf_map_lookup_elem(&icmp_errors, &key);
		if (!seen)
			return 0;
	}
	__sync_fetch_and_add(&seen->count, 1);
	seen->last_ns = packet->ns;
	if (v4 ? (message[0] == 3 && message[1] == 4) : message[0] == 2)
		seen->mtu = v4 ? (__u32)(message[6] << 8 | message[7])
			       : (__u32)message[4] << 24 | (__u32)message[5] << 16 | (__u32)message[6] << 8 | message[7];
	return 0;
}

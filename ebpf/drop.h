/* SPDX-License-Identifier: GPL-2.0 */
/* What the kernel throws away, as kfree_skb tells it: counted by reason, place and port, and told to the handshake that it
 * belongs to. */
#pragma once

#include "handshake.h"

#define NFCT_PTRMASK (~7UL)
#define SKB_DST_PTRMASK (~1UL)

/* The handshake that the dropped packet belongs to is told of it. */
static __noinline int on_flow_drop(struct packet *packet, __u64 place, __u32 reason, int has_conntrack)
{
	struct observe_flow_key key = {};
	if (!packet)
		return 0;
	int synack = (packet->flags & (FLAG_SYN | FLAG_ACK)) == (FLAG_SYN | FLAG_ACK);
	flow_key_of(packet, synack, &key);
	struct observe_flow *flow = bpf_map_lookup_elem(&flows, &key);
	if (!flow)
		return 0;
	if (synack) {
		flow->synack_drops++;
		flow->synack_drop_reason = reason;
		flow->synack_drop_place = place;
	} else if (packet->flags & FLAG_SYN) {
		flow->drops++;
		flow->drop_reason = reason;
		flow->drop_place = place;
		flow->drop_has_conntrack = (__u8)has_conntrack;
	} else {
		flow->ack_drops++;
		flow->ack_drop_reason = reason;
		flow->ack_drop_place = place;
	}
	return 0;
}

/* The namespace that a packet is in which is given to no device yet, and which no socket sends: an answer to a SYN that is
 * a cookie. 0 where its route does not tell either. */
static __always_inline __u32 netns_of_route(struct sk_buff *skb)
{
	const struct dst_entry *route = (const struct dst_entry *)(skb->_skb_refdst & SKB_DST_PTRMASK);
	return route ? BPF_CORE_READ(route, dev, nd_net.net, ns.inum) : 0;
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
	} else {
		packet.netns = netns_of_route(skb);
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
		ADD_ROW(drops, &key, &first, drops);
		drop = bpf_map_lookup_elem(&drops, &key);
	}
	if (drop) {
		__sync_fetch_and_add(&drop->count, 1);
		drop->last_ns = now;
		drops_seen++;
	}
	if (is_ip && packet.protocol == IPPROTO_TCP)
		return on_flow_drop(&packet, place, reason, has_conntrack);
	return 0;
}

/* SPDX-License-Identifier: GPL-2.0 */
/* RSTs that this host's own TCP sends and takes, as it tells them itself: what is on the wire does not say who made it. */
#pragma once

#include "handshake.h"

static __always_inline void note_stack_reset(struct observe_reset_key *key, __u32 reason, __u8 state, int answers_syn)
{
	struct observe_reset *reset = bpf_map_lookup_elem(&resets, key);
	if (!reset) {
		struct observe_reset first = {};
		ADD_ROW(resets, key, &first, resets);
		reset = bpf_map_lookup_elem(&resets, key);
		if (!reset)
			return;
	}
	reset->stack++;
	reset->reason = reason;
	reset->state = state;
	if (answers_syn)
		reset->answers_syn = 1;
}

static __always_inline int on_send_reset(const struct sock *sk, const struct sk_buff *skb, __u32 reason)
{
	struct observe_reset_key key = {};
	__u8 state = 0;
	int answers_syn = 0;
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
		answers_syn = (packet.flags & (FLAG_SYN | FLAG_ACK)) == FLAG_SYN;
		key.source = packet.destination;
		key.destination = packet.source;
		key.source_port = packet.destination_port;
		key.destination_port = packet.source_port;
	} else if (sk) {
		addresses_of(&sk->__sk_common, &key.source, &key.destination);
		/* A socket that is being closed has given its port back, and skc_num with it; inet_sport still says it. */
		key.source_port = bpf_ntohs(BPF_CORE_READ((const struct inet_sock *)sk, inet_sport));
		key.destination_port = bpf_ntohs(sk->__sk_common.skc_dport);
	} else {
		return 0;
	}
	if (!wanted_netns(key.netns))
		return 0;
	note_stack_reset(&key, reason, state, answers_syn);
	return 0;
}

/* SPDX-License-Identifier: GPL-2.0 */
/* The very point where a listener refuses a packet: its state when the kernel's function is entered, and whether its own
 * count of drops is higher when the function is left. */
#pragma once

#include "handshake.h"

struct listener_before {
	__u64 listener; /* address of the socket; 0: none is being judged */
	__u32 drops;
	__u32 accept_queue;
	__u32 accept_limit;
	__u32 half_open;
};

/* Packets are handled in softirq context, which does not nest: one SYN or ACK at a time on a processor. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct listener_before);
} refusal_room SEC(".maps");

static __always_inline void note_listener(const struct sock *sk)
{
	__u32 zero = 0;
	struct listener_before *before = bpf_map_lookup_elem(&refusal_room, &zero);
	if (!before)
		return;
	before->listener = 0;
	if (!sk || !wanted_netns(sk->__sk_common.skc_net.net->ns.inum))
		return;
	before->listener = (__u64)sk;
	before->drops = (__u32)sk->sk_drops.counter;
	before->accept_queue = sk->sk_ack_backlog;
	before->accept_limit = sk->sk_max_ack_backlog;
	before->half_open =
		(__u32)BPF_CORE_READ((const struct inet_connection_sock *)sk, icsk_accept_queue.qlen.counter);
}

/* is_syn: a SYN at tcp_conn_request(), else the final ACK at tcp_check_req() or tcp_get_cookie_sock(). */
static __always_inline void note_refusal(const struct sock *sk, const struct sk_buff *skb, int is_syn)
{
	__u32 zero = 0;
	struct packet packet = {};
	struct observe_flow_key key = {};
	struct listener_before *before = bpf_map_lookup_elem(&refusal_room, &zero);
	if (!before || !sk || !skb || before->listener != (__u64)sk)
		return;
	before->listener = 0;
	if ((__u32)sk->sk_drops.counter == before->drops)
		return;
	packet.netns = sk->__sk_common.skc_net.net->ns.inum;
	if (read_packet(skb->head, skb->network_header, bpf_ntohs(skb->protocol), &packet))
		return;
	flow_key_of(&packet, 0, &key);
	struct observe_flow *flow = bpf_map_lookup_elem(&flows, &key);
	struct observe_service *service = service_of(&key, 0);
	if (service)
		__sync_fetch_and_add(is_syn ? &service->refused_syns : &service->refused_acks, 1);
	if (!flow)
		return;
	if (is_syn)
		flow->refused_syns++;
	else
		flow->refused_acks++;
	flow->accept_queue = before->accept_queue;
	flow->accept_limit = before->accept_limit;
	flow->half_open = before->half_open;
}

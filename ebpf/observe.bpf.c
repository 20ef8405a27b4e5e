// SPDX-License-Identifier: GPL-2.0
/* The observation window: handshakes of both directions, drops with their reasons, resets, retransmissions, ICMP errors,
 * timestamps. Everything is counted in maps; nothing is copied for a packet that is none of these.
 *
 * Packets are seen at the tracepoints netif_receive_skb (once for every pass through a device, decapsulated packets too)
 * and net_dev_queue, which cost no clone of the packet as a packet socket would. */
#include "drop.h"
#include "handshake.h"
#include "kernel_types.h"
#include "listeners.h"
#include "maps.h"
#include "observe.h"
#include "ordinary.h"
#include "packet.h"
#include "refusal.h"
#include "reset.h"

char LICENSE[] SEC("license") = "GPL";

#define PACKET_OTHERHOST 3

/* A VLAN tag that the NIC took off the frame. */
static __always_inline __u32 hardware_tag(struct sk_buff *skb)
{
	__u16 kind = skb->vlan_proto;
	if (bpf_core_field_exists(skb->vlan_present)) {
		if (!BPF_CORE_READ_BITFIELD_PROBED(skb, vlan_present))
			return 0;
	} else if (!kind) {
		return 0;
	}
	return vlan_tag(bpf_ntohs(kind), skb->vlan_tci);
}

/* The VLAN device on top of a device that takes frames with the tag; NULL where there is none. */
static __always_inline struct net_device *vlan_device(struct net_device *device, __u32 tag)
{
	struct net_device **part = NULL;
	struct net_device *found = NULL;
	struct vlan_info *info;
	__u32 offset;
	if (!bpf_core_field_exists(device->vlan_info))
		return NULL;
	info = BPF_CORE_READ(device, vlan_info);
	if (!info)
		return NULL;
	__u32 slot = (tag & VLAN_TAG_OF_PROVIDER ? 8 : 0) + (tag & VLAN_NUMBER) / 512;
	if (bpf_core_field_exists(struct vlan_info, grp.vlan_devices_arrays))
		offset = bpf_core_field_offset(struct vlan_info, grp.vlan_devices_arrays);
	else
		offset = bpf_core_field_offset(struct vlan_info___flat, grp.vlan_devices_arrays);
	const char *arrays = (const char *)info + offset;
	if (bpf_probe_read_kernel(&part, sizeof(part), arrays + slot * sizeof(part)) || !part)
		return NULL;
	if (bpf_probe_read_kernel(&found, sizeof(found), part + (tag & VLAN_NUMBER) % 512))
		return NULL;
	return found;
}

/* Whether a received frame is thrown away by the stack without a look at its packet: it is for another machine (a mirrored
 * port, a flooding switch), or for a VLAN that this device has not. What a bridge, bond or macvlan does with it, by its
 * rx_handler, is seen on their own devices. A frame of a VLAN device is taken as received there. */
static __always_inline int not_for_us(struct sk_buff *skb, struct net_device *device, struct packet *packet)
{
	int is_port = device->rx_handler != NULL;
	if (!is_port && BPF_CORE_READ_BITFIELD(skb, pkt_type) == PACKET_OTHERHOST)
		return 1;
	__u32 outer = hardware_tag(skb);
	__u32 inner = outer ? packet->tags[0] : packet->tags[1];
	if (!outer)
		outer = packet->tags[0];
	if (!outer && !inner)
		return 0;
	struct net_device *upper = outer ? vlan_device(device, outer) : device;
	if (upper && inner)
		upper = vlan_device(upper, inner);
	if (!upper) /* a bond's VLANs are known to its ports by number only */
		return !is_port || !bpf_core_field_exists(device->vlan_info) || !BPF_CORE_READ(device, vlan_info);
	packet->netns = BPF_CORE_READ(upper, nd_net.net, ns.inum);
	packet->ifindex = (__u32)BPF_CORE_READ(upper, ifindex);
	return !wanted_netns(packet->netns);
}

/* Handshakes, resets and ICMP errors; the few packets that are worth a closer look. */
static __noinline int on_event(const unsigned char *head, struct packet *packet, int direction)
{
	if (!packet)
		return 0;
	packet->ns = bpf_ktime_get_ns();
	if (packet->protocol != IPPROTO_TCP)
		return on_icmp(head, packet, direction);
	if ((packet->flags & (FLAG_SYN | FLAG_RST | FLAG_ACK)) == FLAG_SYN) {
		int seen = on_syn(head, packet, direction);
		if (seen)
			count_syn(packet, seen);
		return seen && packet->has_timestamp ? note_source(packet, seen & SYN_RUNS_BACK) : 0;
	}
	if (has_passed(packet, direction))
		return 0;
	return packet->flags & FLAG_RST ? on_reset(packet, direction) : on_synack(packet, direction);
}

/* Of a device in another namespace, too: the frame may belong to a VLAN device in one that is wanted. */
static __always_inline int has_tag(struct sk_buff *skb)
{
	return skb->protocol == bpf_htons(ETH_P_8021Q) || skb->protocol == bpf_htons(ETH_P_8021AD) || hardware_tag(skb);
}

/* Where the packet begins, from skb->head. On reception the network header is not marked yet, but the data starts there. */
static __always_inline __u32 packet_offset(struct sk_buff *skb, int direction)
{
	return direction == OBSERVE_IN ? (__u32)(skb->data - skb->head) : skb->network_header;
}

static __always_inline int is_ordinary_packet(struct sk_buff *skb, int direction, int by_type)
{
	return skb && skb->dev && !has_tag(skb) &&
	       is_ordinary(skb->head + packet_offset(skb, direction), bpf_ntohs(skb->protocol),
			   skb->dev->nd_net.net->ns.inum, direction, by_type);
}

static __always_inline int look_at(struct sk_buff *skb, int direction, int by_type)
{
	struct packet packet = {};
	if (!skb)
		return 0;
	struct net_device *device = skb->dev;
	const unsigned char *head = skb->head;
	__u32 offset = packet_offset(skb, direction);
	__u16 ether_type = bpf_ntohs(skb->protocol);
	/* What leaves with a tag has left its VLAN device before. */
	if (!device || (direction == OBSERVE_OUT && has_tag(skb)))
		return 0;
	packet.netns = device->nd_net.net->ns.inum;
	packet.ifindex = (__u32)device->ifindex;
	if (!(by_type && read_plain_by_type(head, offset, ether_type, &packet)) &&
	    read_packet(head, offset, ether_type, &packet))
		return 0;
	if (packet.protocol == IPPROTO_TCP) {
		if (!(packet.flags & (FLAG_SYN | FLAG_RST))) {
			if (direction == OBSERVE_IN)
				remember_ttl(connection_hash(&packet), packet.ttl, packet.ip_id);
			return 0;
		}
	} else if (packet.protocol != IPPROTO_ICMP && packet.protocol != IPPROTO_ICMPV6) {
		return 0;
	}
	if (direction == OBSERVE_IN && not_for_us(skb, device, &packet))
		return 0;
	return on_event(head, &packet, direction);
}

/* Whether the packet is worth more than a glance. Bulk data comes by here hundreds of thousand times a second and has just
 * emptied the processor's nearest cache: the less code and memory this touches, the better. */
static __always_inline int is_worth_a_look(struct sk_buff *skb, int direction)
{
	const struct net_device *device = skb->dev;
	if (!device)
		return 0;
	int segments = has_segments(skb, device);
	if (segments && (direction == OBSERVE_OUT || has_looked_enough()))
		return 0;
	if (!wanted_netns(device->nd_net.net->ns.inum))
		return has_tag(skb);
	if (segments)
		count_look();
	return 1;
}

/* Subprograms, one after the other, for the stack's sake: kernels before 6.13 have 512 bytes for all that are under way. */
static __noinline int received_is_ordinary(struct sk_buff *skb)
{
	return is_ordinary_packet(skb, OBSERVE_IN, 1);
}

static __noinline int look_at_received(struct sk_buff *skb)
{
	return look_at(skb, OBSERVE_IN, 1);
}

static __noinline int look_at_sent(struct sk_buff *skb)
{
	return look_at(skb, OBSERVE_OUT, 1);
}

SEC("tp_btf/netif_receive_skb")
int BPF_PROG(observe_receive, struct sk_buff *skb)
{
	return is_worth_a_look(skb, OBSERVE_IN) && !received_is_ordinary(skb) ? look_at_received(skb) : 0;
}

SEC("tp_btf/net_dev_queue")
int BPF_PROG(observe_transmit, struct sk_buff *skb)
{
	return is_worth_a_look(skb, OBSERVE_OUT) && !is_ordinary_packet(skb, OBSERVE_OUT, 1) ? look_at_sent(skb) : 0;
}

/* The same for kernels before 6.2. */
static __noinline int received_is_ordinary_plain(struct sk_buff *skb)
{
	return is_ordinary_packet(skb, OBSERVE_IN, 0);
}

static __noinline int sent_is_ordinary_plain(struct sk_buff *skb)
{
	return is_ordinary_packet(skb, OBSERVE_OUT, 0);
}

static __noinline int look_at_received_plain(struct sk_buff *skb)
{
	return look_at(skb, OBSERVE_IN, 0);
}

static __noinline int look_at_sent_plain(struct sk_buff *skb)
{
	return look_at(skb, OBSERVE_OUT, 0);
}

SEC("tp_btf/netif_receive_skb")
int BPF_PROG(observe_receive_plain, struct sk_buff *skb)
{
	return is_worth_a_look(skb, OBSERVE_IN) && !received_is_ordinary_plain(skb) ? look_at_received_plain(skb) : 0;
}

SEC("tp_btf/net_dev_queue")
int BPF_PROG(observe_transmit_plain, struct sk_buff *skb)
{
	return is_worth_a_look(skb, OBSERVE_OUT) && !sent_is_ordinary_plain(skb) ? look_at_sent_plain(skb) : 0;
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

static __always_inline void count_retransmit(const struct sock_common *common, __u8 kind, __u16 local_port)
{
	struct observe_retransmit_key key = {};
	__u64 none = 0;
	key.netns = common->skc_net.net->ns.inum;
	if (!wanted_netns(key.netns))
		return;
	addresses_of(common, &key.local, &key.remote);
	key.local_port = local_port;
	key.remote_port = bpf_ntohs(common->skc_dport);
	key.kind = kind;
	__u64 *count = bpf_map_lookup_elem(&retransmits, &key);
	if (!count) {
		ADD_ROW(retransmits, &key, &none, retransmits);
		count = bpf_map_lookup_elem(&retransmits, &key);
	}
	if (count)
		__sync_fetch_and_add(count, 1);
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
	if (flow) {
		flow->completed = 1;
		/* A socket that connects to one which connects to it is its application's already, and has a flow of its own
		 * besides. */
		if (!sk->sk_socket)
			end_flow(&key, flow);
	}
	struct observe_service *service = service_of(&key, 0);
	if (service)
		__sync_fetch_and_add(&service->completed, 1);
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
	note_stack_reset(&key, 0, sk->__sk_common.skc_state, 0);
	return 0;
}

/* Where a listener refuses a SYN. These functions can be traced only where the kernel allows it (fentry and fexit). */
SEC("fentry/tcp_conn_request")
int BPF_PROG(observe_syn_enters, const void *operations, const void *family, const struct sock *sk)
{
	note_listener(sk);
	return 0;
}

SEC("fexit/tcp_conn_request")
int BPF_PROG(observe_syn_leaves, const void *operations, const void *family, const struct sock *sk, const struct sk_buff *skb)
{
	note_refusal(sk, skb, 1);
	return 0;
}

/* And where it refuses the final ACK: of a handshake that it keeps, or of one that its cookie tells of. */
SEC("fentry/tcp_check_req")
int BPF_PROG(observe_ack_enters, const struct sock *sk)
{
	note_listener(sk);
	return 0;
}

SEC("fexit/tcp_check_req")
int BPF_PROG(observe_ack_leaves, const struct sock *sk, const struct sk_buff *skb)
{
	note_refusal(sk, skb, 0);
	return 0;
}

SEC("fentry/tcp_get_cookie_sock")
int BPF_PROG(observe_cookie_enters, const struct sock *sk)
{
	note_listener(sk);
	return 0;
}

SEC("fexit/tcp_get_cookie_sock")
int BPF_PROG(observe_cookie_leaves, const struct sock *sk, const struct sk_buff *skb)
{
	note_refusal(sk, skb, 0);
	return 0;
}

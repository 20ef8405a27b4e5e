/* SPDX-License-Identifier: GPL-2.0 */
/* Listening sockets of the reader's namespace with the exact lengths of their queues, read out by a BPF iterator. */
#pragma once

#include "kernel_types.h"
#include "observe.h"
#include "packet.h"

#define TCP_LISTEN 10

/* Fills the reader's buffer, so that the kernel hands it over and goes on only when asked: after the listeners come all
 * other sockets of the namespace, which nobody needs to walk. */
static const volatile struct observe_listener end_of_listeners[OBSERVE_LISTENERS_READ] = {{.end = 1}};

SEC("iter/tcp")
int observe_listeners(struct bpf_iter__tcp *ctx)
{
	struct sock_common *common = ctx->sk_common;
	struct observe_listener row = {};
	if (!common)
		return 0;
	if (common->skc_state != TCP_LISTEN) {
		bpf_seq_write(ctx->meta->seq, (const void *)end_of_listeners, sizeof(end_of_listeners));
		return 0;
	}
	struct sock *sk = (struct sock *)common;
	struct inet_connection_sock *connection = (struct inet_connection_sock *)common;
	struct socket_alloc *file = (struct socket_alloc *)BPF_CORE_READ(sk, sk_socket);
	row.id = (__u64)common;
	row.inode = file ? BPF_CORE_READ(file, vfs_inode.i_ino) : 0;
	row.queue = BPF_CORE_READ(sk, sk_ack_backlog);
	row.limit = BPF_CORE_READ(sk, sk_max_ack_backlog);
	row.drops = (__u32)BPF_CORE_READ(sk, sk_drops.counter);
	row.half_open = (__u32)BPF_CORE_READ(connection, icsk_accept_queue.qlen.counter);
	row.young = (__u32)BPF_CORE_READ(connection, icsk_accept_queue.young.counter);
	row.port = common->skc_num;
	row.family = common->skc_family == AF_INET6 ? 6 : 4;
	if (row.family == 6) {
		bpf_core_read(row.address.bytes, sizeof(row.address.bytes), &common->skc_v6_rcv_saddr);
	} else {
		__be32 address = common->skc_rcv_saddr;
		from_ipv4(&row.address, &address);
	}
	bpf_seq_write(ctx->meta->seq, &row, sizeof(row));
	return 0;
}

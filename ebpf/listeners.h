/* SPDX-License-Identifier: GPL-2.0 */
/* Listening sockets of the reader's namespace with the exact length of their half-open queues, read out by a BPF iterator. */
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
	struct inet_connection_sock *connection = (struct inet_connection_sock *)common;
	row.cookie = (__u64)BPF_CORE_READ(common, skc_cookie.counter);
	row.half_open = (__u32)BPF_CORE_READ(connection, icsk_accept_queue.qlen.counter);
	bpf_seq_write(ctx->meta->seq, &row, sizeof(row));
	return 0;
}

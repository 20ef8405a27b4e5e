/* SPDX-License-Identifier: GPL-2.0 */
/* What the programs of observe.bpf.c and their reader in core/observe share. All numbers in host order but addresses. */
#pragma once

#ifndef __bpf__
#include <linux/types.h>
#endif

/* Rows that each map holds. What does not fit is counted in struct observe_lost. */
#define OBSERVE_FLOWS 32768
/* After so many flows those of complete handshakes are not kept. Until then they cost nothing. */
#define OBSERVE_FLOWS_KEPT (OBSERVE_FLOWS / 4)
#define OBSERVE_SERVICES 4096
#define OBSERVE_DROPS 4096
#define OBSERVE_RESETS 4096
#define OBSERVE_RETRANSMITS 8192
#define OBSERVE_SOURCES 16384
#define OBSERVE_ICMP 1024
#define OBSERVE_TTL_SLOTS 16384
#define OBSERVE_ENDED_SLOTS 16384
#define OBSERVE_PASS_SLOTS 128

struct observe_address {
	__u8 bytes[16]; /* IPv4 as ::ffff:a.b.c.d */
};

/* A TCP connection attempt as its initiator sees it. */
struct observe_flow_key {
	struct observe_address source; /* of the SYN */
	struct observe_address destination;
	__u16 source_port;
	__u16 destination_port;
	__u32 netns; /* nsfs inode number */
};

struct observe_flow {
	__u64 first_ns; /* CLOCK_MONOTONIC of the first SYN seen */
	__u64 last_ns;  /* of the last SYN seen */
	__u64 answered_ns; /* of the first SYN-ACK, 0: none */
	__u64 pass_ns[2];  /* of the last SYN in each observe_direction, to know it again on another device */
	__u32 pass_ifindex[2]; /* of the device that saw it first */
	__u64 drop_place; /* kernel address where the last drop of one of its SYNs was reported */
	__u64 ack_drop_place; /* of one of its packets without SYN */
	__u64 synack_drop_place; /* of one of the SYN-ACKs */
	__u32 syns_in;    /* SYNs received, repetitions among them */
	__u32 syns_out;   /* SYNs sent or forwarded */
	__u32 synacks_in;
	__u32 synacks_out;
	__u32 sequence;   /* of the last SYN */
	__u32 ts_value;   /* TSval of the last SYN */
	__u32 drops;      /* drop events of its SYNs */
	__u32 drop_reason;
	__u32 ack_drops;  /* drop events of its packets without SYN */
	__u32 ack_drop_reason;
	__u32 synack_drops; /* drop events of the SYN-ACKs that answer it */
	__u32 synack_drop_reason;
	__u32 earlier_attempts; /* attempts before this one from the same port to the same port, with nothing in answer */
	__u32 earlier_syns;     /* SYNs of those */
	__u32 ifindex;    /* where the first SYN came in or went out */
	__u32 refused_syns; /* SYNs that the listener refused */
	__u32 refused_acks; /* final ACKs that it refused */
	__u32 accept_queue; /* of the listener when it refused the last one: connections that waited to be accepted */
	__u32 accept_limit; /* its backlog */
	__u32 half_open;    /* its handshakes under way */
	__u8 has_timestamp;
	__u8 completed;   /* the server side became ESTABLISHED */
	__u8 reset_in;    /* RST received from the answering side or sent to it */
	__u8 reset_out;
	__u8 drop_has_conntrack; /* the dropped SYN had a conntrack entry */
	__u8 padding[3];
};

/* What one local port was asked and answered; exact also when single flows did not fit. */
struct observe_service_key {
	struct observe_address address;
	__u16 port;
	__u16 unused;
	__u32 netns;
};

struct observe_service {
	__u64 syns;        /* SYNs received, repetitions among them */
	__u64 repeated;    /* of those, repetitions of a SYN that had been seen */
	__u64 synacks;     /* SYN-ACKs sent, repetitions among them */
	__u64 answered;    /* connection attempts that got a first SYN-ACK */
	__u64 completed;   /* connections that became ESTABLISHED */
	__u64 resets;      /* RSTs sent from this port in answer to a SYN */
	__u64 untracked;   /* SYNs whose flow did not fit */
	__u64 refused_syns; /* SYNs that the listener refused; counted only where its functions can be traced */
	__u64 refused_acks; /* final ACKs likewise */
};

struct observe_drop_key {
	__u64 place;   /* kernel address that freed the packet */
	__u32 netns;
	__u32 reason;  /* enum skb_drop_reason of the running kernel; 0 where it has none */
	__u32 ifindex;
	__u16 port;    /* destination port, 0 where there is none */
	__u8 protocol; /* IP protocol, 0 for other packets */
	__u8 family;   /* 4, 6 or 0 */
};

struct observe_drop {
	__u64 count;
	__u64 first_ns;
	__u64 last_ns;
	struct observe_address source; /* an example */
	struct observe_address destination;
	__u16 source_port;
	__u16 ether_type;
	__u8 tcp_flags;
	__u8 has_conntrack;
	__u8 padding[2];
};

enum observe_direction { OBSERVE_IN = 0, OBSERVE_OUT = 1 };

/* One TCP RST direction of one connection. source is who the packet says it is from. */
struct observe_reset_key {
	struct observe_address source;
	struct observe_address destination;
	__u16 source_port;
	__u16 destination_port;
	__u32 netns;
	__u8 direction;
	__u8 padding[3];
};

struct observe_reset {
	__u64 last_ns;
	__u32 wire;    /* packets seen */
	__u32 stack;   /* of those sent: told by the stack's own tracepoint; of those received: taken by a socket */
	__u32 reason;  /* enum sk_rst_reason, 0 where the kernel has none */
	__u16 ip_id;
	__u16 usual_ip_id; /* of the same connection's latest other packet */
	__u8 ttl;
	__u8 usual_ttl;    /* of the same connection's other packets, 0: none seen */
	__u8 answers_syn;  /* sent in answer to a SYN of which no socket took care */
	__u8 state;        /* TCP state of the socket, 0 where there is none */
};

enum observe_retransmit_kind { OBSERVE_RETRANSMIT_DATA = 0, OBSERVE_RETRANSMIT_SYN = 1, OBSERVE_RETRANSMIT_SYNACK = 2 };

struct observe_retransmit_key {
	struct observe_address local;
	struct observe_address remote;
	__u16 local_port;
	__u16 remote_port;
	__u32 netns;
	__u8 kind;
	__u8 padding[3];
};

struct observe_source_key {
	struct observe_address address;
	struct observe_address destination;
	__u32 netns;
};

/* Timestamps in the SYNs of one source towards one address. */
struct observe_source {
	__u64 last_ns;
	__u64 syns;
	__u64 backwards;    /* SYNs whose TSval was lower than the one before */
	__u64 same_tuple;   /* of those, SYNs that use addresses and ports of an earlier connection again: PAWS's case */
	__u32 last_value;
	__u32 largest_step; /* largest step backwards */
};

struct observe_icmp_key {
	struct observe_address sender;
	struct observe_address target; /* destination of the packet that the error is about */
	__u32 netns;
	__u16 target_port;
	__u8 family; /* 4 or 6 */
	__u8 type;
	__u8 code;
	__u8 direction;
	__u8 protocol; /* of the packet that the error is about */
	__u8 padding;
};

struct observe_icmp {
	__u64 count;
	__u64 last_ns;
	__u32 mtu; /* next-hop MTU where the message has one */
	__u32 padding;
};

/* Events that found their map full, by map. */
struct observe_lost {
	__u64 flows;
	__u64 services;
	__u64 drops;
	__u64 resets;
	__u64 retransmits;
	__u64 sources;
	__u64 icmp;
};

/* A listening socket, as the iterator tells it. */
struct observe_listener {
	__u64 cookie; /* as sock_diag tells it; 0: nobody has asked for it yet */
	__u32 half_open; /* icsk_accept_queue.qlen */
	__u32 end;    /* 1: no listener, and none follows */
};

/* Rows that the reader takes at once. */
#define OBSERVE_LISTENERS_READ 128

/* What the reader tells the programs before they run. */
struct observe_settings {
	__u32 netns;        /* only this namespace; 0: all */
	__u32 purge_reason; /* drop reason of what is still queued when its socket is closed, which is no loss; 0: none */
};

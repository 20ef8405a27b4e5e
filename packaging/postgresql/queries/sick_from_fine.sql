-- What separates sick hosts from fine ones: settings, kernel, NIC
-- Sick are hosts whose verdict is warning or critical, fine those that are ok; with a finding's id in hostcheck.finding
-- (PGOPTIONS='-c hostcheck.finding=tcp.retransmissions_high'), hosts that have it against those where its check is clear.
-- Only snapshots have facts. Ranked as by hostcheck diff --group: the information gain about a host's group per bit that
-- the fact holds (1: the fact tells the group), times the share of hosts that it is known of. What chance would do in
-- about one of a thousand facts is left out. percent_sick and percent_fine: of those known, how many have the value.
SET search_path = hostcheck;
WITH wanted AS MATERIALIZED (
  SELECT COALESCE(current_setting('hostcheck.finding', true), '') AS id
), verdicts AS (
  SELECT r.host, CASE WHEN w.id = '' THEN r.verdict IN ('warning', 'critical')
                      ELSE EXISTS (SELECT FROM findings f WHERE f.host = r.host AND f.id = w.id AND f.status <> 'refuted') END AS sick
  FROM runs r, wanted w
  WHERE r.kind = 'snapshot'
    AND CASE WHEN w.id = '' THEN r.verdict IN ('ok', 'warning', 'critical')
             ELSE EXISTS (SELECT FROM checks c WHERE c.host = r.host AND c.id = w.id AND c.outcome IN ('finding', 'clear')) END
), egress AS MATERIALIZED (  -- the interface of the default route, whatever its name
  SELECT DISTINCT ON (host) host, ifname FROM routes
  WHERE netns = 'init' AND prefix = 'default' AND table_name = 'main' AND ifname IS NOT NULL ORDER BY host, family, priority
), said AS (
  SELECT host, 'kernel' AS fact, kernel AS value FROM runs
  UNION ALL
  SELECT h.host, 'host ' || each.key, each.value FROM host h, LATERAL (VALUES ('machine', h.machine),
    ('virtualization', h.virtualization), ('hardware', h.hardware), ('os', h.os), ('cpus', h.cpus::text)) AS each(key, value)
  UNION ALL
  SELECT host, 'sysctl ' || name, COALESCE(text, value::text) FROM sysctls WHERE netns = 'init' AND ifname IS NULL
  UNION ALL
  SELECT host, 'qdisc of the default route', string_agg(DISTINCT q.kind, ' ' ORDER BY q.kind) FROM qdiscs q
  JOIN egress USING (host, ifname) WHERE q.netns = 'init' GROUP BY host
  UNION ALL
  SELECT host, 'interface ' || each.key, each.value FROM links l JOIN egress USING (host, ifname),
    LATERAL (VALUES ('mtu', l.mtu::text), ('kind', l.kind), ('tx_queue_len', l.tx_queue_len::text)) AS each(key, value)
  WHERE l.netns = 'init'
  UNION ALL
  SELECT host, 'NIC ' || each.key, each.value FROM nic_settings n JOIN egress USING (host, ifname),
    LATERAL (VALUES ('driver', n.driver), ('driver_version', n.driver_version), ('firmware_version', n.firmware_version),
      ('speed_mbps', n.speed_mbps::text), ('duplex', n.duplex), ('autoneg', n.autoneg::text), ('rx_ring', n.rx_ring::text),
      ('tx_ring', n.tx_ring::text), ('combined_channels', n.combined_channels::text), ('rx_usecs', n.rx_usecs::text),
      ('fec_active', n.fec_active), ('pause_rx', n.pause_rx::text), ('pause_tx', n.pause_tx::text)) AS each(key, value)
  WHERE n.netns = 'init'
  UNION ALL
  SELECT host, 'NIC feature ' || feature, active::text FROM nic_features JOIN egress USING (host, ifname) WHERE netns = 'init'
  UNION ALL
  SELECT host, 'name servers', string_agg(DISTINCT server, ' ' ORDER BY server) FROM resolvers WHERE netns = 'init' GROUP BY host
), cells AS (
  SELECT fact, value, count(*)::float8 AS hosts, (count(*) FILTER (WHERE sick))::float8 AS sick
  FROM said JOIN verdicts USING (host) WHERE value IS NOT NULL GROUP BY fact, value
), sums AS (
  SELECT *, sum(hosts) OVER f AS known, sum(sick) OVER f AS known_sick, count(*) OVER f AS different
  FROM cells WINDOW f AS (PARTITION BY fact)
), entropies AS (
  SELECT fact, known, known_sick, different, value, hosts, sick,
         -sum(hosts / known * log(2.0, (hosts / known)::numeric)::float8) OVER f AS bits,
         sum(hosts / known * (
           COALESCE(-sick / hosts * log(2.0, NULLIF(sick / hosts, 0)::numeric)::float8, 0) +
           COALESCE(-(1 - sick / hosts) * log(2.0, NULLIF(1 - sick / hosts, 0)::numeric)::float8, 0))) OVER f AS left_over,
         -known_sick / known * log(2.0, (known_sick / known)::numeric)::float8
           - (1 - known_sick / known) * log(2.0, (1 - known_sick / known)::numeric)::float8 AS unsure,
         sick / known_sick AS share_sick, (hosts - sick) / (known - known_sick) AS share_fine
  FROM sums WHERE different > 1 AND known_sick > 0 AND known_sick < known
  WINDOW f AS (PARTITION BY fact)
), ranked AS (
  SELECT DISTINCT ON (fact) *, unsure - left_over AS gain FROM entropies ORDER BY fact, share_sick - share_fine DESC, value
)
SELECT fact,
       value AS sick_have,
       round((100 * share_sick)::numeric, 1) AS percent_sick,
       round((100 * share_fine)::numeric, 1) AS percent_fine,
       round((gain / bits * known / (SELECT count(*) FROM verdicts))::numeric, 3) AS score,
       round(gain::numeric, 3) AS gain_bits,
       known::bigint AS hosts_known
FROM ranked
WHERE 2 * known * ln(2) * gain > (different - 1) + 7 * sqrt(2 * (different - 1))
ORDER BY gain / bits * known DESC, gain DESC, fact
LIMIT 20;

-- Hosts of one subnet that have different MAC addresses for one gateway
-- A duplicate address, a spoofed one, or a pair of routers of which one was left behind; those with the fewest hosts are
-- the suspects. Subnets of one number that are not one network (two sites, both 10.0.0.0/24) disagree too. Entries that are
-- not resolved, link-local gateways and other namespaces are left out.
SET search_path = hostcheck;
WITH hops AS (
  SELECT host, ifname, gateway FROM routes WHERE netns = 'init' AND gateway IS NOT NULL
  UNION
  SELECT host, ifname, gateway FROM route_nexthops WHERE netns = 'init' AND gateway IS NOT NULL
), seen AS (
  SELECT DISTINCT h.host, network(set_masklen(to_inet(a.address), a.prefix_length::integer)) AS subnet, h.gateway, n.lladdr
  FROM hops h
  JOIN neighbours n ON n.host = h.host AND n.ifname = h.ifname AND n.address = h.gateway AND n.netns = 'init'
  JOIN addresses a ON a.host = h.host AND a.ifname = h.ifname AND a.netns = 'init' AND a.scope = 'global'
  WHERE n.lladdr IS NOT NULL AND n.state IN ('reachable', 'stale', 'delay', 'probe', 'permanent')
    AND to_inet(h.gateway) <<= network(set_masklen(to_inet(a.address), a.prefix_length::integer))
), disagreeing AS (
  SELECT subnet, gateway FROM seen GROUP BY subnet, gateway HAVING count(DISTINCT lladdr) > 1
)
SELECT s.subnet::text AS subnet, s.gateway, s.lladdr, count(*) AS hosts,
       array_to_string((array_agg(s.host ORDER BY s.host))[1:5], ', ') AS for_example
FROM seen s JOIN disagreeing USING (subnet, gateway)
GROUP BY s.subnet, s.gateway, s.lladdr
ORDER BY s.subnet, s.gateway, count(*) DESC, s.lladdr;

-- Hosts of one subnet that have different MTUs
-- Large packets between them are lost, or slow; those with the fewest hosts are the suspects. Of interfaces that lead out of
-- the host: NICs, bonds, VLANs, and whatever has a gateway behind it.
SET search_path = hostcheck;
WITH attached AS (
  SELECT DISTINCT a.host, a.ifname, network(set_masklen(to_inet(a.address), a.prefix_length::integer)) AS subnet, l.mtu
  FROM addresses a
  JOIN links l ON l.host = a.host AND l.netns = a.netns AND l.ifindex = a.ifindex
  WHERE a.netns = 'init' AND a.scope = 'global' AND to_inet(a.address) IS NOT NULL
    AND a.prefix_length < CASE a.family WHEN 'inet' THEN 31 ELSE 127 END
    AND (l.physical OR l.kind IN ('bond', 'team', 'vlan')
         OR EXISTS (SELECT FROM routes r WHERE r.host = a.host AND r.netns = a.netns AND r.ifname = a.ifname AND r.gateway IS NOT NULL))
), disagreeing AS (
  SELECT subnet FROM attached GROUP BY subnet HAVING count(DISTINCT mtu) > 1
)
SELECT subnet::text AS subnet, mtu, count(DISTINCT host) AS hosts,
       array_to_string((array_agg(host || ' ' || ifname ORDER BY host, ifname))[1:5], ', ') AS for_example
FROM attached JOIN disagreeing USING (subnet)
GROUP BY attached.subnet, mtu
ORDER BY attached.subnet, count(DISTINCT host) DESC, mtu;

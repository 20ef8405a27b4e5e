-- Which findings, on how many hosts
-- What was refuted, or set aside by a host's configuration, is not counted. percent is of the hosts that have a report;
-- leads: on so many hosts it is the best explanation of what is wrong; not_judged: on so many others nobody can tell.
SET search_path = hostcheck;
WITH counted AS (
  SELECT id, host, min(CASE severity WHEN 'critical' THEN 1 WHEN 'warning' THEN 2 ELSE 3 END) AS severity,
         bool_or(status = 'confirmed') AS confirmed, bool_or(rank = 1) AS leads
  FROM findings WHERE status <> 'refuted' GROUP BY id, host
)
SELECT c.id,
       CASE min(c.severity) WHEN 1 THEN 'critical' WHEN 2 THEN 'warning' ELSE 'info' END AS severity,
       count(*) AS hosts,
       round(100.0 * count(*) / (SELECT count(*) FROM runs WHERE verdict IS NOT NULL), 1) AS percent,
       count(*) FILTER (WHERE c.confirmed) AS confirmed,
       count(*) FILTER (WHERE c.leads) AS leads,
       (SELECT count(DISTINCT u.host) FROM unknowns u WHERE u.id = c.id) AS not_judged,
       array_to_string((array_agg(c.host ORDER BY c.host))[1:3], ', ') AS for_example
FROM counted c
GROUP BY c.id
ORDER BY count(*) DESC, min(c.severity), c.id;

-- Hosts that could not judge, and what would let them
-- Nobody may take them for healthy. unknown: so many of their checks; reason: the most frequent one of these.
SET search_path = hostcheck;
SELECT r.host, COALESCE(r.verdict, 'no report') AS verdict, r.unjudged,
       (SELECT count(*) FROM unknowns u WHERE u.host = r.host) AS unknown,
       (SELECT count(*) FROM checks c WHERE c.host = r.host) AS checks,
       why.reason, why.remedy
FROM runs r
LEFT JOIN LATERAL (
  SELECT u.reason, u.remedy FROM unknowns u WHERE u.host = r.host
  GROUP BY u.reason, u.remedy ORDER BY count(*) DESC, u.reason LIMIT 1
) AS why ON true
WHERE r.verdict IS NULL OR r.verdict = 'unknown'
ORDER BY r.host;

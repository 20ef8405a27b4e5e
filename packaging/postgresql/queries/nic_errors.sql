-- Kernel and driver versions against errors of NICs
-- with_errors: NICs whose errors grew while they were watched; what was counted before is history, and only in
-- since_boot. statistics: the drivers' own counters of errors that grew.
SET search_path = hostcheck;
WITH nics AS (
  SELECT n.host, n.ifname, r.kernel, n.driver, n.driver_version, n.firmware_version,
         l.rx_errors_delta + l.tx_errors_delta AS errors, l.rx_errors + l.tx_errors AS errors_since_boot, r.observed_ms
  FROM nic_settings n
  JOIN links l ON l.host = n.host AND l.netns = n.netns AND l.ifindex = n.ifindex
  JOIN runs r ON r.host = n.host
  WHERE n.physical AND n.driver IS NOT NULL
), grown AS (
  SELECT host, ifname, array_agg(DISTINCT name) AS names FROM nic_statistics
  WHERE value_delta > 0 AND name ~ '(err|crc|discard|miss|timeout|fifo)' GROUP BY host, ifname
), judged AS (
  SELECT n.*, g.names, COALESCE(n.errors > 0, false) OR g.names IS NOT NULL AS bad FROM nics n LEFT JOIN grown g USING (host, ifname)
)
SELECT kernel, driver, driver_version, firmware_version,
       count(DISTINCT host) AS hosts,
       count(*) AS nics,
       count(*) FILTER (WHERE bad) AS with_errors,
       round(100.0 * count(*) FILTER (WHERE bad) / count(*), 1) AS percent,
       round((1000.0 * sum(errors) / NULLIF(sum(observed_ms) FILTER (WHERE errors IS NOT NULL), 0))::numeric, 2) AS errors_per_nic_second,
       count(*) FILTER (WHERE errors_since_boot > 0) AS since_boot,
       (SELECT string_agg(DISTINCT each, ', ' ORDER BY each)
          FROM judged j, unnest(j.names) AS each
         WHERE (j.kernel, j.driver) = (judged.kernel, judged.driver) AND j.driver_version IS NOT DISTINCT FROM judged.driver_version
           AND j.firmware_version IS NOT DISTINCT FROM judged.firmware_version) AS statistics
FROM judged
GROUP BY kernel, driver, driver_version, firmware_version
ORDER BY count(*) FILTER (WHERE bad)::float8 / count(*) DESC, count(*) DESC, kernel, driver, driver_version, firmware_version;

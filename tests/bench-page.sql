-- A fleet for bench-page.sh: `hosts` PCs in 60 groups with a year of history, written straight into
-- the database that the controller has made. Parameters stand in the table `bench`.
PRAGMA journal_mode = WAL;
PRAGMA synchronous = OFF;
PRAGMA temp_store = MEMORY;
PRAGMA cache_size = -400000;
BEGIN;

-- Chance that is the same at each run: a hash of a number, from 0 to 999.
CREATE TEMP TABLE numbers AS
    WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < (SELECT hosts FROM bench))
    SELECT n, (n * 7919 + 104729) % 1000 AS chance FROM n;

INSERT INTO groups (name, parent, label)
    WITH RECURSIVE g (g) AS (SELECT 1 UNION ALL SELECT g + 1 FROM g WHERE g < 59)
    SELECT 'group-' || g, CASE WHEN g <= 10 THEN 'all' ELSE 'group-' || (1 + g % 10) END,
        CASE WHEN g <= 10 THEN '第' || g || '区' ELSE '科室' || g END FROM g;

CREATE TEMP TABLE fleet AS
    SELECT n, chance,
        printf('01900000-0000-7000-8000-%012x', n) AS id,
        CASE WHEN chance < 20 THEN (SELECT now FROM bench) - (5 + chance * 2) * 86400
             ELSE (SELECT now FROM bench) - chance * 60 END AS seen
    FROM numbers;

INSERT INTO hosts (id, group_name, certificate, escrow, facts, enrolled, revoked, last_seen, generation, bundle,
                   bundle_refused, pinned)
    SELECT id, CASE WHEN n % 60 = 0 THEN 'all' ELSE 'group-' || (n % 60) END, 'certificate-' || n, '',
        json_object('name', printf('KW-%02d-%05d', n % 60, n), 'system', CASE WHEN n % 3 = 0 THEN 'linux' ELSE 'windows' END,
            'system_version', CASE WHEN n % 3 = 0 THEN 'UOS 20' ELSE 'Windows 10 22H2' END, 'architecture', 'x86_64',
            'agent_version', CASE WHEN chance < 50 THEN '0.0.9' ELSE (SELECT version FROM bench) END,
            'disk_total', 512000000000, 'disk_free', 200000000000 - chance * 190000000,
            'addresses', json_array(printf('10.%d.%d.%d', n / 65536, n / 256 % 256, n % 256))),
        (SELECT now FROM bench) - 380 * 86400, 0, seen, 1, CASE WHEN chance < 60 THEN 51 ELSE 52 END, '', 0
    FROM fleet;
UPDATE hosts SET certificate_expires = (SELECT now FROM bench) + 100 * 86400;

INSERT INTO bundles (version, sha256, size, rules, files, published, published_by)
    WITH RECURSIVE v (v) AS (SELECT 1 UNION ALL SELECT v + 1 FROM v WHERE v < 52)
    SELECT v, '', 1000000, 400, 10, (SELECT now FROM bench) - (52 - v) * 7 * 86400 - 3600, 'bench' FROM v;

-- A scan each day, a backup each week; some failed, some left files out.
CREATE TEMP TABLE runs AS
    WITH RECURSIVE d (d) AS (SELECT 0 UNION ALL SELECT d + 1 FROM d WHERE d < (SELECT days FROM bench) - 1)
    SELECT d FROM d;
INSERT INTO jobs (id, host, spec, kind, state, origin, cancel, source_host, whole, created, started, ended, message,
                  tally, failures, snapshot, target)
    SELECT printf('01910000-%04x-7000-8000-%012x', d, n), id,
        '{"kind":"scan","paths":["@users"],"excludes":["*.iso"],"max_file_bytes":268435456}', 'scan',
        CASE WHEN (n * 31 + d * 17) % 500 = 0 THEN 'failed' WHEN (n * 31 + d * 17) % 90 = 0 THEN 'partial' ELSE 'succeeded' END,
        'schedule', 0, '', 1, seen - d * 86400 - 900, seen - d * 86400 - 900, seen - d * 86400 - 120, '',
        '{"files":41200,"bytes":9120000000,"detected":0,"unchanged":40100,"skipped":12,"failed":0,"stored":0,"noise":0}', '[]', '', ''
    FROM runs CROSS JOIN fleet;
INSERT INTO jobs (id, host, spec, kind, state, origin, cancel, source_host, whole, created, started, ended, message,
                  tally, failures, snapshot, target)
    SELECT printf('01920000-%04x-7000-8000-%012x', d, n), id,
        '{"kind":"backup","paths":["@users"],"excludes":["*.iso"]}', 'backup',
        CASE WHEN (n * 13 + d) % 200 = 0 THEN 'failed' WHEN (n * 13 + d) % 70 = 0 THEN 'partial' ELSE 'succeeded' END,
        'schedule', 0, '', 1, seen - d * 86400 - 5000, seen - d * 86400 - 5000, seen - d * 86400 - 3000, '',
        '{"files":38400,"bytes":7800000000,"detected":0,"unchanged":37900,"skipped":3,"failed":0,"stored":96000000,"noise":0}', '[]',
        printf('%064x', n * 1000 + d), ''
    FROM runs CROSS JOIN fleet WHERE d % 7 = n % 7;
-- What staff asked for: a restore here and there.
INSERT INTO jobs (id, host, spec, kind, state, origin, cancel, source_host, whole, created, started, ended, message,
                  tally, failures, snapshot, target)
    SELECT printf('01930000-%04x-7000-8000-%012x', d, n), id,
        '{"kind":"verify","files":50,"bytes":33554432}', 'verify', 'succeeded', 'keepwatch', 0, '', 1,
        seen - d * 86400 - 20000, seen - d * 86400 - 19000, seen - d * 86400 - 18900, '',
        '{"files":50,"bytes":32000000,"detected":0,"unchanged":0,"skipped":0,"failed":0,"stored":0,"noise":0}', '[]', '', ''
    FROM runs CROSS JOIN fleet WHERE d % 30 = n % 30;

-- What a year keeps: the last seven days have one weekly each, then four weeks, then twelve months.
INSERT INTO snapshots (host, id, time, received, paths, files, bytes, partial, job, place, verdict, changed, noise, verified)
    SELECT id, printf('%064x', n * 1000 + d), seen - d * 86400 - 3000, seen - d * 86400 - 3000, '["/home"]', 38400, 7800000000, 0,
        printf('01920000-%04x-7000-8000-%012x', d, n), 1000 - d, 'null', 500, 3, seen - 86400
    FROM runs CROSS JOIN fleet WHERE d % 7 = n % 7 AND (d < 35 OR d / 7 % 4 = 0);

-- Three findings in a hundred PCs and month, of which some are still open.
INSERT INTO detections (id, host, job, at, rule, namespace, severity, path, size, sha256, bundle, metadata, acknowledged,
                        acknowledged_by, reason)
    SELECT printf('01940000-%04x-7000-8000-%012x', d, n), id, printf('01910000-%04x-7000-8000-%012x', d, n), seen - d * 86400 - 200,
        CASE n % 5 WHEN 0 THEN 'Office_Macro_Downloader' WHEN 1 THEN 'Ransom_Note_Chinese' ELSE 'Webshell_Generic_' || (n % 40) END,
        'starter', CASE n % 4 WHEN 0 THEN 'critical' WHEN 1 THEN 'high' WHEN 2 THEN 'medium' ELSE 'low' END,
        '/home/user/下载/附件 ' || n || '.docm', 48211, printf('%064x', n % 300), 52,
        '{"description":"A document that fetches and runs a program","description_zh":"会下载并运行程序的文档"}',
        CASE WHEN d > 20 THEN seen - d * 86400 + 4000 ELSE 0 END, CASE WHEN d > 20 THEN 'li' ELSE '' END,
        CASE WHEN d > 20 THEN '已清除' ELSE '' END
    FROM runs CROSS JOIN fleet WHERE (n * 37 + d * 101) % 1000 = 0;
COMMIT;
DROP TABLE bench;

-- +goose Up
-- What people keep here for their runs: workspaces, connections by alias and environment with sealed secrets, jobs in versions; and the
-- record of who did what, each entry chained to the one before by its hash.
CREATE TABLE workspace (
    name    TEXT PRIMARY KEY,
    created BIGINT NOT NULL
);

-- options are without secrets. held_at: since when the connection is held, 0: it is not. use_role: the least role that may use it in runs.
-- parallel: shards of all runs that may use it at once, 0: any number.
CREATE TABLE connection (
    workspace   TEXT NOT NULL,
    environment TEXT NOT NULL,
    alias       TEXT NOT NULL,
    connector   TEXT NOT NULL,
    options     BYTEA NOT NULL,
    use_role    TEXT NOT NULL,
    parallel    BIGINT NOT NULL,
    version     BIGINT NOT NULL,
    created     BIGINT NOT NULL,
    changed     BIGINT NOT NULL,
    changed_by  TEXT NOT NULL,
    held_at     BIGINT NOT NULL DEFAULT 0,
    held_by     TEXT NOT NULL DEFAULT '',
    held_why    TEXT NOT NULL DEFAULT '',
    tested      BIGINT NOT NULL DEFAULT 0,
    test_error  TEXT NOT NULL DEFAULT '',
    identity    TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (workspace, environment, alias)
);

-- sealed is a secret option of a connection, by its path; who has the database alone cannot read it.
CREATE TABLE sealed (
    workspace   TEXT NOT NULL,
    environment TEXT NOT NULL,
    alias       TEXT NOT NULL,
    path        TEXT NOT NULL,
    sealed      BYTEA NOT NULL,
    set_at      BIGINT NOT NULL,
    set_by      TEXT NOT NULL,
    PRIMARY KEY (workspace, environment, alias, path)
);

-- removed: when the job was removed, 0: it is there. Runs outlive it.
CREATE TABLE job (
    id         TEXT PRIMARY KEY,
    workspace  TEXT NOT NULL,
    name       TEXT NOT NULL,
    version    BIGINT NOT NULL,
    created    BIGINT NOT NULL,
    changed    BIGINT NOT NULL,
    changed_by TEXT NOT NULL,
    removed    BIGINT NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX job_name ON job (workspace, name) WHERE removed = 0;

-- document is the job as it was given; canonical is what it says, in the one form.
CREATE TABLE job_version (
    job       TEXT NOT NULL,
    version   BIGINT NOT NULL,
    document  BYTEA NOT NULL,
    canonical BYTEA NOT NULL,
    made      BIGINT NOT NULL,
    made_by   TEXT NOT NULL,
    note      TEXT NOT NULL,
    PRIMARY KEY (job, version)
);

-- The aliases that a version names, so that it is known where a connection is used.
CREATE TABLE job_alias (
    job     TEXT NOT NULL,
    version BIGINT NOT NULL,
    alias   TEXT NOT NULL,
    PRIMARY KEY (job, version, alias)
);
CREATE INDEX job_alias_alias ON job_alias (alias);

-- The connections that a run uses.
CREATE TABLE run_connection (
    run         TEXT NOT NULL,
    workspace   TEXT NOT NULL,
    environment TEXT NOT NULL,
    alias       TEXT NOT NULL,
    PRIMARY KEY (run, alias)
);
CREATE INDEX run_connection_alias ON run_connection (workspace, environment, alias);

-- served: 1 when servers take the run up by themselves. queued: since when it waits for the pool, 0: it does not; waits says for what.
-- held: the alias whose hold paused it. start_key makes a start that is asked for twice one.
ALTER TABLE run ADD COLUMN workspace TEXT NOT NULL DEFAULT 'main';
ALTER TABLE run ADD COLUMN environment TEXT NOT NULL DEFAULT '';
ALTER TABLE run ADD COLUMN job_id TEXT NOT NULL DEFAULT '';
ALTER TABLE run ADD COLUMN job_version BIGINT NOT NULL DEFAULT 0;
ALTER TABLE run ADD COLUMN priority BIGINT NOT NULL DEFAULT 0;
ALTER TABLE run ADD COLUMN served BIGINT NOT NULL DEFAULT 0;
ALTER TABLE run ADD COLUMN queued BIGINT NOT NULL DEFAULT 0;
ALTER TABLE run ADD COLUMN waits TEXT NOT NULL DEFAULT '';
ALTER TABLE run ADD COLUMN held TEXT NOT NULL DEFAULT '';
ALTER TABLE run ADD COLUMN start_key TEXT NOT NULL DEFAULT '';
ALTER TABLE run ADD COLUMN source_alias TEXT NOT NULL DEFAULT '';
ALTER TABLE run ADD COLUMN target_alias TEXT NOT NULL DEFAULT '';
CREATE UNIQUE INDEX run_start_key ON run (workspace, start_key) WHERE start_key <> '';
CREATE INDEX run_queued ON run (queued) WHERE queued > 0;
CREATE INDEX run_workspace ON run (workspace, created, run_key);
CREATE INDEX run_job ON run (job_id, created);

-- What a look at both sides of a stream found when it was made: rows of the source and of the target, -1 where they were not counted.
CREATE TABLE sync_check (
    run         TEXT NOT NULL,
    stream      TEXT NOT NULL,
    at          BIGINT NOT NULL,
    method      TEXT NOT NULL,
    about       BIGINT NOT NULL,
    source_rows BIGINT NOT NULL,
    target_rows BIGINT NOT NULL,
    note        TEXT NOT NULL,
    PRIMARY KEY (run, stream)
);

CREATE TABLE audit (
    number    BIGINT PRIMARY KEY,
    at        BIGINT NOT NULL,
    workspace TEXT NOT NULL,
    who       TEXT NOT NULL,
    via       TEXT NOT NULL,
    action    TEXT NOT NULL,
    object    TEXT NOT NULL,
    detail    TEXT NOT NULL,
    hash      BYTEA NOT NULL
);
CREATE INDEX audit_workspace ON audit (workspace, number);

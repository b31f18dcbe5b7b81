-- One text for every database of the dialect table: times are bigint ms of the database's clock, 0 is never; BYTEA is bytes in
-- PostgreSQL and holds blobs unchanged in SQLite.

-- +goose Up
CREATE TABLE run (
    run_key       TEXT PRIMARY KEY,
    name          TEXT NOT NULL,
    mode          TEXT NOT NULL,
    job           BYTEA NOT NULL,
    state         TEXT NOT NULL,
    reason        TEXT NOT NULL,
    code          TEXT NOT NULL,
    event         BIGINT NOT NULL,
    created       BIGINT NOT NULL,
    started       BIGINT NOT NULL,
    ended         BIGINT NOT NULL,
    owner         TEXT NOT NULL,
    owner_host    TEXT NOT NULL,
    owner_pid     BIGINT NOT NULL,
    owner_started BIGINT NOT NULL,
    owner_boot    TEXT NOT NULL,
    epoch         BIGINT NOT NULL,
    lease_until   BIGINT NOT NULL,
    wish          TEXT NOT NULL,
    wish_who      TEXT NOT NULL,
    wish_why      TEXT NOT NULL,
    limit_rows    BIGINT NOT NULL,
    limit_bytes   BIGINT NOT NULL,
    parallel      BIGINT NOT NULL,
    revision      BIGINT NOT NULL
);
CREATE INDEX run_state ON run (state);
CREATE INDEX run_created ON run (created, run_key);

CREATE TABLE event (
    run        TEXT NOT NULL,
    number     BIGINT NOT NULL,
    at         BIGINT NOT NULL,
    from_state TEXT NOT NULL,
    to_state   TEXT NOT NULL,
    who        TEXT NOT NULL,
    why        TEXT NOT NULL,
    code       TEXT NOT NULL,
    PRIMARY KEY (run, number)
);

CREATE TABLE plan (
    run    TEXT PRIMARY KEY,
    format BIGINT NOT NULL,
    body   BYTEA NOT NULL,
    hash   BYTEA NOT NULL,
    saved  BIGINT NOT NULL
);

-- From shards on: sums over the stream's shards, kept in the transaction of each checkpoint, so that progress costs nothing.
CREATE TABLE stream (
    run        TEXT NOT NULL,
    id         TEXT NOT NULL,
    ordinal    BIGINT NOT NULL,
    source     TEXT NOT NULL,
    identity   TEXT NOT NULL,
    dataset    TEXT NOT NULL,
    guarantee  TEXT NOT NULL,
    parallel   BIGINT NOT NULL,
    row_count  BIGINT NOT NULL,
    bytes      BIGINT NOT NULL,
    shards     BIGINT NOT NULL DEFAULT 0,
    done       BIGINT NOT NULL DEFAULT 0,
    rows_read  BIGINT NOT NULL DEFAULT 0,
    written    BIGINT NOT NULL DEFAULT 0,
    dirty      BIGINT NOT NULL DEFAULT 0,
    filtered   BIGINT NOT NULL DEFAULT 0,
    superseded BIGINT NOT NULL DEFAULT 0,
    bytes_read BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (run, id)
);

-- state: 0 pending, 1 leased, 2 done. remaining is set when a shard becomes pending, so that a checkpoint touches no index.
CREATE TABLE shard (
    run           TEXT NOT NULL,
    id            TEXT NOT NULL,
    stream        TEXT NOT NULL,
    stage         BIGINT NOT NULL,
    rev           BIGINT NOT NULL,
    bounds        BYTEA,
    replay        BIGINT NOT NULL,
    scope         TEXT NOT NULL,
    row_count     BIGINT NOT NULL,
    bytes         BIGINT NOT NULL,
    state         BIGINT NOT NULL DEFAULT 0,
    remaining     BIGINT NOT NULL,
    worker        TEXT NOT NULL DEFAULT '',
    epoch         BIGINT NOT NULL DEFAULT 0,
    stamp         BIGINT NOT NULL DEFAULT 0,
    lease_until   BIGINT NOT NULL DEFAULT 0,
    not_before    BIGINT NOT NULL DEFAULT 0,
    attempts      BIGINT NOT NULL DEFAULT 0,
    failing_since BIGINT NOT NULL DEFAULT 0,
    failure       TEXT NOT NULL DEFAULT '',
    failure_code  TEXT NOT NULL DEFAULT '',
    seq           BIGINT NOT NULL DEFAULT 0,
    record        BYTEA,
    rows_read     BIGINT NOT NULL DEFAULT 0,
    written       BIGINT NOT NULL DEFAULT 0,
    dirty         BIGINT NOT NULL DEFAULT 0,
    filtered      BIGINT NOT NULL DEFAULT 0,
    superseded    BIGINT NOT NULL DEFAULT 0,
    bytes_read    BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (run, id)
);
CREATE INDEX shard_next ON shard (run, stream, state, stage, remaining DESC);
CREATE INDEX shard_lease ON shard (lease_until) WHERE state = 1;
CREATE INDEX shard_stream ON shard (run, stream, id);

-- A row outlives the runs that wrote to the dataset: stamps never go back.
CREATE TABLE target (
    identity TEXT NOT NULL,
    dataset  TEXT NOT NULL,
    stamp    BIGINT NOT NULL,
    claim    TEXT NOT NULL,
    PRIMARY KEY (identity, dataset)
);
CREATE INDEX target_claim ON target (claim);

CREATE TABLE dirty (
    run         TEXT NOT NULL,
    shard       TEXT NOT NULL,
    seq         BIGINT NOT NULL,
    ordinal     BIGINT NOT NULL,
    code        TEXT NOT NULL,
    column_name TEXT NOT NULL,
    reason      TEXT NOT NULL,
    row_key     TEXT NOT NULL,
    row_json    BYTEA,
    at          BIGINT NOT NULL,
    PRIMARY KEY (run, shard, seq, ordinal)
);

CREATE TABLE step (
    run    TEXT NOT NULL,
    name   TEXT NOT NULL,
    detail TEXT NOT NULL,
    begun  BIGINT NOT NULL,
    done   BIGINT NOT NULL,
    PRIMARY KEY (run, name)
);

-- +goose Up
-- A replay is a run that writes dirty rows of another: replays is that one's key, '' of any other run; choice says which rows, and by which
-- policies.
ALTER TABLE run ADD COLUMN replays TEXT NOT NULL DEFAULT '';
ALTER TABLE run ADD COLUMN choice BYTEA;
CREATE INDEX run_replays ON run (replays) WHERE replays <> '';

-- The row stays as it was read. mend: the values that people gave its columns instead, NULL: none. replay: the run that has chosen the row,
-- as number replay_number of its shard replay_shard. replayed: when that run had ended and the row was written, 0: it was not. origin: of a
-- dirty row of a replay, the number of the row that it is.
ALTER TABLE dirty ADD COLUMN mend BYTEA;
ALTER TABLE dirty ADD COLUMN mended BIGINT NOT NULL DEFAULT 0;
ALTER TABLE dirty ADD COLUMN mended_by TEXT NOT NULL DEFAULT '';
ALTER TABLE dirty ADD COLUMN replay TEXT NOT NULL DEFAULT '';
ALTER TABLE dirty ADD COLUMN replay_shard TEXT NOT NULL DEFAULT '';
ALTER TABLE dirty ADD COLUMN replay_number BIGINT NOT NULL DEFAULT 0;
ALTER TABLE dirty ADD COLUMN replayed BIGINT NOT NULL DEFAULT 0;
ALTER TABLE dirty ADD COLUMN origin BIGINT NOT NULL DEFAULT 0;
CREATE UNIQUE INDEX dirty_replay ON dirty (replay, replay_shard, replay_number) WHERE replay <> '';
CREATE INDEX dirty_origin ON dirty (run, shard, origin) WHERE origin > 0;

-- +goose Up
-- What is to become of the run or the stream of a shard that failed; '': the shard is tried again.
ALTER TABLE shard ADD COLUMN verdict TEXT NOT NULL DEFAULT '';
CREATE INDEX shard_verdict ON shard (run) WHERE verdict <> '';

-- +goose Up
-- plan is what the stream will do, compressed; hash is that of plan. state: waiting, running, copied, held, failed, done.
ALTER TABLE stream ADD COLUMN connection TEXT NOT NULL DEFAULT '';
ALTER TABLE stream ADD COLUMN lead TEXT NOT NULL DEFAULT '';
ALTER TABLE stream ADD COLUMN stage BIGINT NOT NULL DEFAULT 0;
ALTER TABLE stream ADD COLUMN plan BYTEA;
ALTER TABLE stream ADD COLUMN hash BYTEA;
ALTER TABLE stream ADD COLUMN state TEXT NOT NULL DEFAULT 'waiting';
ALTER TABLE stream ADD COLUMN failure TEXT NOT NULL DEFAULT '';
ALTER TABLE stream ADD COLUMN failure_code TEXT NOT NULL DEFAULT '';
CREATE INDEX stream_state ON stream (run, state, stage);

-- What instants the rows of a run are of: snapshot_at is when its snapshot was made, snapshot_locked how many ms writes waited for
-- it, snapshot_until when the run went on without it; 0: not.
ALTER TABLE run ADD COLUMN consistency TEXT NOT NULL DEFAULT 'fuzzy';
ALTER TABLE run ADD COLUMN snapshot_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE run ADD COLUMN snapshot_locked BIGINT NOT NULL DEFAULT 0;
ALTER TABLE run ADD COLUMN snapshot_until BIGINT NOT NULL DEFAULT 0;

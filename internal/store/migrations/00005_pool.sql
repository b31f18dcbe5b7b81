-- +goose Up
-- Each choice of a shard asks for the connections that bound it: where there are none, that costs nothing.
CREATE INDEX connection_bound ON connection (workspace, environment, alias) WHERE parallel > 0 OR held_at > 0;

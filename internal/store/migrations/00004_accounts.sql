-- +goose Up
-- Who may come in. password is an argon2id hash with its parameters, '' for an account that has none. disabled: since when the account is, 0: it is not.
CREATE TABLE account (
    name         TEXT PRIMARY KEY,
    password     TEXT NOT NULL DEFAULT '',
    admin        BIGINT NOT NULL,
    created      BIGINT NOT NULL,
    password_set BIGINT NOT NULL DEFAULT 0,
    disabled     BIGINT NOT NULL DEFAULT 0
);

CREATE TABLE member (
    account   TEXT NOT NULL,
    workspace TEXT NOT NULL,
    role      TEXT NOT NULL,
    since     BIGINT NOT NULL,
    PRIMARY KEY (account, workspace)
);
CREATE INDEX member_workspace ON member (workspace, account);

-- Of tokens, sessions and links a SHA-256 is kept: who has the database alone cannot use them. used: when one was used last, to the minute.
CREATE TABLE token (
    id        TEXT PRIMARY KEY,
    hash      BYTEA NOT NULL,
    name      TEXT NOT NULL,
    account   TEXT NOT NULL,
    workspace TEXT NOT NULL,
    role      TEXT NOT NULL,
    created   BIGINT NOT NULL,
    expires   BIGINT NOT NULL,
    used      BIGINT NOT NULL DEFAULT 0,
    revoked   BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX token_workspace ON token (workspace, account);

-- idle_until moves on with each use, expires does not.
CREATE TABLE session (
    id         TEXT PRIMARY KEY,
    hash       BYTEA NOT NULL,
    account    TEXT NOT NULL,
    address    TEXT NOT NULL,
    agent      TEXT NOT NULL,
    created    BIGINT NOT NULL,
    used       BIGINT NOT NULL,
    idle_until BIGINT NOT NULL,
    expires    BIGINT NOT NULL
);
CREATE INDEX session_account ON session (account);

CREATE TABLE link (
    id      TEXT PRIMARY KEY,
    hash    BYTEA NOT NULL,
    account TEXT NOT NULL,
    created BIGINT NOT NULL,
    expires BIGINT NOT NULL
);
CREATE INDEX link_account ON link (account);

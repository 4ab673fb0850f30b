-- Sessions of contract wallets keep what their wallet is asked again; all of before sign in again.

DELETE FROM access_session;

ALTER TABLE access_session ADD COLUMN wallet_digest BYTEA;

ALTER TABLE access_session ADD COLUMN wallet_signature BYTEA;

ALTER TABLE access_session ADD CONSTRAINT access_session_wallet_is_whole CHECK (num_nulls(wallet_digest, wallet_signature) IN (0, 2));

CREATE TABLE computed_certificate (
    manifest_digest BYTEA NOT NULL,
    digest BYTEA NOT NULL,
    previous BYTEA NOT NULL,
    level TEXT NOT NULL,
    start_block BIGINT NOT NULL,
    end_block BIGINT NOT NULL,
    document BYTEA NOT NULL,
    PRIMARY KEY (manifest_digest),
    CONSTRAINT computed_certificate_computed_epoch FOREIGN KEY(manifest_digest) REFERENCES computed_epoch (manifest_digest)
);

CREATE TRIGGER computed_certificate_append_only
        BEFORE UPDATE OR DELETE OR TRUNCATE ON computed_certificate
        FOR EACH STATEMENT EXECUTE FUNCTION royalties_refuse_change();

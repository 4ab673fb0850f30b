-- Who signed a payout document: evidence for people who do not trust this database.

CREATE TABLE payout_document_signature (
    digest BYTEA NOT NULL,
    signer BYTEA NOT NULL,
    signature BYTEA NOT NULL,
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (digest, signer),
    CONSTRAINT payout_document_signature_is_whole CHECK (octet_length(signature) = 65),
    FOREIGN KEY(digest) REFERENCES payout_document (digest)
);

CREATE TRIGGER payout_document_signature_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON payout_document_signature FOR EACH STATEMENT EXECUTE FUNCTION payout_refuse_change();

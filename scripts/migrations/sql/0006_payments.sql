-- Intents that nobody paid in time may be forgotten; whatever money came for stays.

DROP TRIGGER payment_intent_append_only ON payment_intent;

DROP TRIGGER payment_submission_append_only ON payment_submission;

DROP TRIGGER payment_verdict_append_only ON payment_verdict;

CREATE TRIGGER payment_verdict_append_only BEFORE UPDATE OR TRUNCATE ON payment_verdict FOR EACH STATEMENT EXECUTE FUNCTION payment_refuse_change();

CREATE TRIGGER payment_submission_append_only BEFORE UPDATE OR TRUNCATE ON payment_submission FOR EACH STATEMENT EXECUTE FUNCTION payment_refuse_change();

CREATE TRIGGER payment_intent_append_only BEFORE UPDATE OR TRUNCATE ON payment_intent FOR EACH STATEMENT EXECUTE FUNCTION payment_refuse_change();

CREATE VIEW payment_forgettable AS
SELECT i.intent_id FROM payment_intent i
WHERE i.recorded_at < now() - interval '7 days'
  AND i.until < extract(epoch FROM now() - interval '7 days')
  AND NOT EXISTS (SELECT FROM payment_claim c WHERE c.intent_id = i.intent_id)
  AND NOT EXISTS (SELECT FROM payment_open o WHERE o.intent_id = i.intent_id)
  AND NOT EXISTS (
      SELECT FROM payment_verdict v
      WHERE v.intent_id = i.intent_id AND v.outcome IN ('accepted', 'duplicate', 'other_fee', 'overpaid', 'pending', 'refunded', 'underpaid', 'untimely', 'wrong_asset'));

CREATE FUNCTION payment_refuse_loss() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NOT EXISTS (SELECT FROM payment_forgettable f WHERE f.intent_id = OLD.intent_id) THEN
            RAISE EXCEPTION '% is append-only: intent % is not to be forgotten',
                TG_TABLE_NAME, encode(OLD.intent_id, 'hex');
        END IF;
        RETURN OLD;
    END $$;

CREATE TRIGGER payment_verdict_kept BEFORE DELETE ON payment_verdict FOR EACH ROW EXECUTE FUNCTION payment_refuse_loss();

CREATE TRIGGER payment_submission_kept BEFORE DELETE ON payment_submission FOR EACH ROW EXECUTE FUNCTION payment_refuse_loss();

CREATE TRIGGER payment_intent_kept BEFORE DELETE ON payment_intent FOR EACH ROW EXECUTE FUNCTION payment_refuse_loss();

-- Retention of touches: how long they are kept, and how far the engine has come in deleting older
-- ones. A table of its own, so that a step locks no row that a batch reads.
CREATE TABLE referral.retention (
    id         boolean PRIMARY KEY DEFAULT true CHECK (id),
    touches    bigint CHECK (touches > 0),
    visitor_id text COLLATE "C" NOT NULL DEFAULT '',
    touch_id   text COLLATE "C" NOT NULL DEFAULT '',
    due_at     timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE  referral.retention IS 'How long touches are kept. It has one row.';
COMMENT ON COLUMN referral.retention.id IS 'Always true: there is one row.';
COMMENT ON COLUMN referral.retention.touches IS 'Microseconds; null: for ever.';
COMMENT ON COLUMN referral.retention.visitor_id IS 'Visitor of the last touch that was looked at.';
COMMENT ON COLUMN referral.retention.touch_id IS 'The last touch that was looked at.';
COMMENT ON COLUMN referral.retention.due_at IS 'When the next step is due.';
INSERT INTO referral.retention DEFAULT VALUES;

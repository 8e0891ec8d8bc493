-- Facts: the application writes them in its own transactions. Keys are natural, so a retried write
-- is harmless. Rows may arrive in any order.

-- Constraints, indexes, engine and tracker compare codes in this form only. The function is written
-- in SQL and not STRICT, so that Postgres inlines it.
CREATE FUNCTION referral.normal_code(code text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN nullif(lower(btrim(code, E' \t\n\x0B\f\r') COLLATE "default"), '');
COMMENT ON FUNCTION referral.normal_code IS 'A code without ASCII white space around it and in lower case, by the rules of this database; null for a blank code.';

CREATE TABLE referral.link (
    code        text COLLATE "C" PRIMARY KEY CHECK (length(code) BETWEEN 1 AND 255 AND code IS NOT DISTINCT FROM referral.normal_code(code)),
    campaign    text COLLATE "C" NOT NULL CHECK (length(campaign) BETWEEN 1 AND 255),
    referrer_id text COLLATE "C" NOT NULL CHECK (length(referrer_id) BETWEEN 1 AND 255),
    label       text NOT NULL DEFAULT '' CHECK (length(label) <= 255),
    destination text CHECK (length(destination) BETWEEN 1 AND 2048),
    created_at  timestamptz NOT NULL DEFAULT now() CHECK (isfinite(created_at)),
    expires_at  timestamptz CHECK (isfinite(expires_at)),
    disabled_at timestamptz CHECK (isfinite(disabled_at))
);
CREATE INDEX link_campaign ON referral.link (campaign, code);
CREATE INDEX link_referrer ON referral.link (referrer_id, code);
COMMENT ON TABLE  referral.link IS 'Fact: a shareable link of one referrer in one campaign.';
COMMENT ON COLUMN referral.link.code IS 'The code that finds the link, as normal_code writes it.';
COMMENT ON COLUMN referral.link.campaign IS 'Name of the campaign; may be declared later.';
COMMENT ON COLUMN referral.link.referrer_id IS 'The referrer: the application''s pseudonym, not an e-mail address.';
COMMENT ON COLUMN referral.link.label IS 'Kind of link, such as invite-friends or share-item.';
COMMENT ON COLUMN referral.link.destination IS 'Where it leads; null: to the campaign''s destination.';
COMMENT ON COLUMN referral.link.created_at IS 'When it was made.';
COMMENT ON COLUMN referral.link.expires_at IS 'From then on it attributes no signup; null: never.';
COMMENT ON COLUMN referral.link.disabled_at IS 'From then on it attributes no signup; null: not disabled.';

CREATE TABLE referral.touch (
    visitor_id  text COLLATE "C" NOT NULL CHECK (length(visitor_id) BETWEEN 1 AND 255),
    touch_id    text COLLATE "C" NOT NULL DEFAULT gen_random_uuid()::text CHECK (length(touch_id) BETWEEN 1 AND 255),
    code        text NOT NULL,
    touched_at  timestamptz NOT NULL DEFAULT now() CHECK (isfinite(touched_at)),
    landing_url text CHECK (length(landing_url) <= 8192),
    referer     text CHECK (length(referer) <= 8192),
    blanked     boolean NOT NULL DEFAULT false,
    PRIMARY KEY (visitor_id, touch_id),
    CONSTRAINT touch_code_check CHECK (length(code) <= 255 AND (code <> '' OR blanked))
);
CREATE INDEX touch_code ON referral.touch (referral.normal_code(code), visitor_id);
-- For deciding_touch: finds the touch that decides, at a cost that does not grow with the visitor's
-- touches.
CREATE INDEX touch_visitor ON referral.touch (visitor_id, touched_at DESC, referral.normal_code(code) COLLATE "C", touch_id);
COMMENT ON TABLE  referral.touch IS 'Fact: one visit through a link.';
COMMENT ON COLUMN referral.touch.visitor_id IS 'The visitor''s pseudonym.';
COMMENT ON COLUMN referral.touch.touch_id IS 'Identifies the visit; give your own to make a retried write harmless.';
COMMENT ON COLUMN referral.touch.code IS 'Code of the link, in any case and with white space around it; the link may arrive later.';
COMMENT ON COLUMN referral.touch.touched_at IS 'When the visit was.';
COMMENT ON COLUMN referral.touch.landing_url IS 'URL of the visited page, for reports.';
COMMENT ON COLUMN referral.touch.referer IS 'URL of the page before it, for reports.';
COMMENT ON COLUMN referral.touch.blanked IS 'True after an erasure. With a code: the touch under a random visitor, on the same day at a random time. Without a code: a tombstone under the old key, so that a retried write does not restore the touch. Set by the database, never by the writer.';

CREATE TABLE referral.signup (
    user_id      text COLLATE "C" PRIMARY KEY CHECK (length(user_id) BETWEEN 1 AND 255),
    visitor_id   text COLLATE "C" CHECK (length(visitor_id) BETWEEN 1 AND 255),
    code         text CHECK (length(code) <= 255),
    signed_up_at timestamptz NOT NULL DEFAULT now() CHECK (isfinite(signed_up_at)),
    fingerprints text[] NOT NULL DEFAULT '{}' CHECK (cardinality(fingerprints) <= 64),
    attributes   jsonb  NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(attributes) = 'object'),
    arrived_at   timestamptz NOT NULL DEFAULT now(),
    blanked      boolean NOT NULL DEFAULT false
);
CREATE INDEX signup_visitor ON referral.signup (visitor_id, user_id) WHERE visitor_id IS NOT NULL;
CREATE INDEX signup_code ON referral.signup (referral.normal_code(code), user_id) WHERE referral.normal_code(code) IS NOT NULL;
CREATE INDEX signup_fingerprint ON referral.signup USING gin (fingerprints) WHERE fingerprints <> '{}';
COMMENT ON TABLE  referral.signup IS 'Fact: a user signed up.';
COMMENT ON COLUMN referral.signup.user_id IS 'The application''s pseudonym of the user.';
COMMENT ON COLUMN referral.signup.visitor_id IS 'The visitor that became this user; null if not known.';
COMMENT ON COLUMN referral.signup.code IS 'Code that was typed in. A code that names a link decides the attribution alone; a code that names none is ignored.';
COMMENT ON COLUMN referral.signup.signed_up_at IS 'When the user signed up.';
COMMENT ON COLUMN referral.signup.fingerprints IS 'Keyed hashes of device, card or address; one shared with the referrer is self-referral.';
COMMENT ON COLUMN referral.signup.attributes IS 'Anything else about the signup: a JSON object.';
COMMENT ON COLUMN referral.signup.arrived_at IS 'When the row arrived. Set by the database, never by the writer.';
COMMENT ON COLUMN referral.signup.blanked IS 'True after an erasure took attributes, fingerprints and visitor. Set by the database, never by the writer.';

CREATE TABLE referral.purchase (
    user_id        text COLLATE "C" NOT NULL CHECK (length(user_id) BETWEEN 1 AND 255),
    purchase_id    text COLLATE "C" NOT NULL CHECK (length(purchase_id) BETWEEN 1 AND 255),
    amount         bigint NOT NULL CHECK (amount >= 0),
    currency       text COLLATE "C" NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    purchased_at   timestamptz NOT NULL DEFAULT now() CHECK (isfinite(purchased_at)),
    attributes     jsonb  NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(attributes) = 'object'),
    arrived_at     timestamptz NOT NULL DEFAULT now(),
    blanked        boolean NOT NULL DEFAULT false,
    condition_held boolean CHECK (condition_held IS NULL OR blanked),
    PRIMARY KEY (user_id, purchase_id)
);
COMMENT ON TABLE  referral.purchase IS 'Fact: a user bought something.';
COMMENT ON COLUMN referral.purchase.user_id IS 'The user who bought; the signup may arrive later.';
COMMENT ON COLUMN referral.purchase.purchase_id IS 'The application''s order number.';
COMMENT ON COLUMN referral.purchase.amount IS 'Minor units of the currency, before refunds; 0 is allowed and never counts.';
COMMENT ON COLUMN referral.purchase.currency IS 'ISO 4217, three capital letters.';
COMMENT ON COLUMN referral.purchase.purchased_at IS 'When it was bought; the hold begins then.';
COMMENT ON COLUMN referral.purchase.attributes IS 'Anything else about the purchase: a JSON object.';
COMMENT ON COLUMN referral.purchase.arrived_at IS 'When the row arrived. Set by the database, never by the writer.';
COMMENT ON COLUMN referral.purchase.blanked IS 'True after an erasure took the attributes. Set by the database, never by the writer.';
COMMENT ON COLUMN referral.purchase.condition_held IS 'For a blanked purchase: whether the condition was true before the erasure. Set by the database, never by the writer.';

CREATE TABLE referral.refund (
    user_id     text COLLATE "C" NOT NULL CHECK (length(user_id) BETWEEN 1 AND 255),
    purchase_id text COLLATE "C" NOT NULL CHECK (length(purchase_id) BETWEEN 1 AND 255),
    refund_id   text COLLATE "C" NOT NULL CHECK (length(refund_id) BETWEEN 1 AND 255),
    amount      bigint NOT NULL CHECK (amount > 0),
    refunded_at timestamptz NOT NULL DEFAULT now() CHECK (isfinite(refunded_at)),
    PRIMARY KEY (user_id, purchase_id, refund_id)
);
COMMENT ON TABLE  referral.refund IS 'Fact: part or all of a purchase was given back.';
COMMENT ON COLUMN referral.refund.user_id IS 'The user who bought.';
COMMENT ON COLUMN referral.refund.purchase_id IS 'The purchase; it may arrive later.';
COMMENT ON COLUMN referral.refund.refund_id IS 'The application''s number of the refund.';
COMMENT ON COLUMN referral.refund.amount IS 'Minor units of the purchase''s currency, above zero.';
COMMENT ON COLUMN referral.refund.refunded_at IS 'When it was given back.';

CREATE TABLE referral.override (
    user_id     text COLLATE "C" NOT NULL CHECK (length(user_id) BETWEEN 1 AND 255),
    purchase_id text COLLATE "C" NOT NULL CHECK (length(purchase_id) BETWEEN 1 AND 255),
    verdict     text NOT NULL CHECK (verdict IN ('Allow', 'Deny')),
    reason      text NOT NULL DEFAULT '' CHECK (length(reason) <= 2048),
    author      text NOT NULL DEFAULT '' CHECK (length(author) <= 255),
    created_at  timestamptz NOT NULL DEFAULT now() CHECK (isfinite(created_at)),
    PRIMARY KEY (user_id, purchase_id)
);
COMMENT ON TABLE  referral.override IS 'Fact: a verdict on one pair that overrides the policy''s.';
COMMENT ON COLUMN referral.override.user_id IS 'The referee.';
COMMENT ON COLUMN referral.override.purchase_id IS 'The purchase.';
COMMENT ON COLUMN referral.override.verdict IS 'Deny reverses and blocks the pair; Allow lifts the check for self-reward and nothing else.';
COMMENT ON COLUMN referral.override.reason IS 'Why, for people.';
COMMENT ON COLUMN referral.override.author IS 'The person who decided, for people.';
COMMENT ON COLUMN referral.override.created_at IS 'When it was decided.';

CREATE TABLE referral.adjustment (
    beneficiary_id text COLLATE "C" NOT NULL CHECK (length(beneficiary_id) BETWEEN 1 AND 255),
    adjustment_id  text COLLATE "C" NOT NULL CHECK (length(adjustment_id) BETWEEN 1 AND 255),
    amount         bigint NOT NULL CHECK (amount <> 0),
    currency       text COLLATE "C" NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    reason         text   NOT NULL DEFAULT '' CHECK (length(reason) <= 2048),
    author         text   NOT NULL DEFAULT '' CHECK (length(author) <= 255),
    created_at     timestamptz NOT NULL DEFAULT now() CHECK (isfinite(created_at)),
    PRIMARY KEY (beneficiary_id, adjustment_id)
);
COMMENT ON TABLE  referral.adjustment IS 'Fact: credit given or taken by hand. Append-only.';
COMMENT ON COLUMN referral.adjustment.beneficiary_id IS 'The beneficiary.';
COMMENT ON COLUMN referral.adjustment.adjustment_id IS 'The application''s number of the adjustment.';
COMMENT ON COLUMN referral.adjustment.amount IS 'Minor units; negative takes credit.';
COMMENT ON COLUMN referral.adjustment.currency IS 'ISO 4217, three capital letters.';
COMMENT ON COLUMN referral.adjustment.reason IS 'Why, for people.';
COMMENT ON COLUMN referral.adjustment.author IS 'The person who did it, for people.';
COMMENT ON COLUMN referral.adjustment.created_at IS 'When it was done.';

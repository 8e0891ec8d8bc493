-- A link of alice in the campaign of config/samples. Found by its key.
INSERT INTO referral.link (code, campaign, referrer_id, label)
VALUES ('alice-7q2k', 'invite-friends', 'alice', 'invite-friends');

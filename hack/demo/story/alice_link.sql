-- Makes a second link of alice, in the campaign of config/samples. Uses link_pkey.
INSERT INTO referral.link (code, campaign, referrer_id, label)
VALUES ('alice-7q2k', 'invite-friends', 'alice', 'share-item');

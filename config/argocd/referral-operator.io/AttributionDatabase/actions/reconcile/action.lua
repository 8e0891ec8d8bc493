-- Requests a reconcile now; on a campaign also a resync.
local os = require("os")
obj.metadata.annotations = obj.metadata.annotations or {}
obj.metadata.annotations["reconcile.referral-operator.io/requestedAt"] = os.date("!%Y-%m-%dT%H:%M:%SZ")
return obj

local annotations = obj.metadata.annotations or {}
local annotation = annotations["referral-operator.io/suspend"]
local annotated = annotation ~= nil and annotation ~= "false"

local actions = {}
actions["reconcile"] = { ["iconClass"] = "fa fa-fw fa-sync" }
actions["suspend"] = { ["iconClass"] = "fa fa-fw fa-pause", ["disabled"] = annotated }
actions["resume"] = { ["iconClass"] = "fa fa-fw fa-play", ["disabled"] = not annotated and obj.spec.suspend ~= true }
return actions

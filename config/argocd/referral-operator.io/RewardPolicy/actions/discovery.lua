local actions = {}
actions["reconcile"] = { ["iconClass"] = "fa fa-fw fa-sync" }
return actions

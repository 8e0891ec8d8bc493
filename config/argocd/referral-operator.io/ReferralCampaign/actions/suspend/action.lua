-- Suspends by annotation. It is not part of what git declares, so the application stays in sync, and
-- self-healing does not remove it.
obj.metadata.annotations = obj.metadata.annotations or {}
obj.metadata.annotations["referral-operator.io/suspend"] = "true"
return obj

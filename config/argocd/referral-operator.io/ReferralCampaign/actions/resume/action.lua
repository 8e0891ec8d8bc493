-- Takes back both that may suspend the object. If git declares spec.suspend: true, the next sync
-- suspends it again.
local annotations = obj.metadata.annotations or {}
annotations["referral-operator.io/suspend"] = nil
if next(annotations) == nil then
  -- Argo CD takes an empty table for a list and would keep the annotation.
  annotations = nil
end
obj.metadata.annotations = annotations
if obj.spec.suspend then
  -- Not nil: git may declare false.
  obj.spec.suspend = false
end
return obj

-- The health of an object of referral-operator, by its conditions. Every kind has this script.
--
-- The generation comes first: while the operator has not seen the newest spec, the conditions are about
-- an earlier one. Stalled comes before Reconciling, since only a person can help.

local conditions = {}
local generation = -1
if obj.status ~= nil then
  generation = obj.status.observedGeneration or -1
  for _, condition in ipairs(obj.status.conditions or {}) do
    conditions[condition.type] = condition
  end
end
local ready = conditions.Ready
local seen = ready ~= nil and ready.observedGeneration == obj.metadata.generation

local function is(type, status)
  return conditions[type] ~= nil and conditions[type].status == status
end

local function health(status, condition)
  local message = condition.reason .. ": " .. condition.message
  if status == "Healthy" or status == "Suspended" then
    -- These leave Ready as it is, and an operator should see them.
    if is("LedgerConsistent", "False") then
      message = message .. "; LedgerConsistent is False: " .. conditions.LedgerConsistent.message
    end
    for _, warning in ipairs({ "ResyncFailing", "PrivilegedRole" }) do
      if is(warning, "True") then
        message = message .. "; " .. warning .. ": " .. conditions[warning].message
      end
    end
  end
  return { status = status, message = message }
end

if obj.metadata.deletionTimestamp ~= nil then
  if seen and ready.status == "False" then
    return health("Progressing", ready)
  end
  return { status = "Progressing", message = "being deleted" }
end
if not seen then
  return { status = "Progressing", message = "the newest spec is not in force yet" }
end
if is("Stalled", "True") then
  return health("Degraded", conditions.Stalled)
end
if is("Reconciling", "True") or generation ~= obj.metadata.generation then
  return health("Progressing", conditions.Reconciling or ready)
end
if ready.status ~= "True" then
  return health("Degraded", ready)
end
if ready.reason == "Suspended" then
  return health("Suspended", ready)
end
return health("Healthy", ready)

# Exists on demand: add `-var enabled=true` to make it, apply without it to remove it.
environment           = "qa"
enabled               = false
is_permanent          = false
use_spot              = true
audit_reads           = false
budget_usd            = 40
daily_spend_limit_usd = 8

environment           = "prod"
enabled               = true
is_permanent          = true
use_spot              = false
audit_reads           = true
budget_usd            = 100
daily_spend_limit_usd = 8

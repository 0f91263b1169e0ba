environment           = "dev"
enabled               = true
is_permanent          = false
use_spot              = true
audit_reads           = false
budget_usd            = 100
daily_spend_limit_usd = 8

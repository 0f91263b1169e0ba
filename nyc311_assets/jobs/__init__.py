"""What the cluster runs: one entry per asset. Never imports dagster."""

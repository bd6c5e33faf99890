"""A policy file for tests that start processes: few cells, few epochs, little noise."""

SMALL_POLICY = """
version = "small"
[anonymity]
k = 3
[contribution]
flip_cap = 4
daily_cap = 5
[mechanism]
factorisation = "power-0.6"
gate_delta = 1e-6
[budgets.like]
rho = 2
total = 0.5
removals = 0.25
reserve = 0.25
[budgets.like.breakdowns]
gender = 0.5
hour_of_day = 0.5
[[schedule]]
every_seconds = 3600
until_seconds = 10800
[[schedule]]
every_seconds = 86400
until_seconds = 200000
[release]
public_delay_seconds = 2
[dimensions]
gender = ["female", "male"]
hour_of_day = [
    "00", "01", "02", "03", "04", "05", "06", "07", "08", "09", "10", "11",
    "12", "13", "14", "15", "16", "17", "18", "19", "20", "21", "22", "23",
]
[children]
dropped_age_bands = ["under-13"]
[intake]
earliest_occurred_at = "2020-01-01T00:00:00Z"
future_tolerance_seconds = 300
[integrity]
burst_likes = 30
burst_seconds = 10
least_account_age_seconds = 600
network_accounts = 20
sequence_targets = 5
sequence_accounts = 10

[retention]
idempotency_seconds = 3600
audit_trail_seconds = 63072000
job_seconds = 2592000
advisory_seconds = 2592000
deleted_account_seconds = 2592000
idle_account_seconds = 95040000
backup_seconds = 2592000
"""

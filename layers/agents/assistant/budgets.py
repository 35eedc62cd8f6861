"""The time budgets of calls, leases and ends of turns: one table, so that they fit together.

`tests/unit/assistant/test_budgets.py` checks the relations between them.
"""

from __future__ import annotations

# One attempt of a call. DynamoDB and S3 answer in milliseconds; after these times the connection is dead.
CONNECT_SECONDS = 1.0
READ_SECONDS = 2.0
# Attempts of one call that botocore makes, with up to 1, 2 and 4 s of jittered waiting between them.
ATTEMPTS = 4
# A call to DynamoDB with all its attempts and waits: after this time its caller gets a 503.
TABLE_CALL_SECONDS = 4.0
# A call to S3 with all its attempts, including the transfer of the largest item.
OBJECT_CALL_SECONDS = 15.0

# How often a turn renews its lease while nothing else is written.
RENEWAL_SECONDS = 3.0
# The lease outlives one renewal that fails after its whole budget and a second one that takes a normal read's time.
LEASE_SECONDS = RENEWAL_SECONDS + TABLE_CALL_SECONDS + READ_SECONDS
# One process writes a lease, and another process compares it with its own clock. A reader whose clock is this much
# fast still finds a turn alive that renews its lease in time. Lambda keeps its clocks within milliseconds.
MAX_CLOCK_DIFFERENCE_SECONDS = LEASE_SECONDS - RENEWAL_SECONDS - 1.0

# The longest start of a process: Lambda's own limit for the initialisation.
COLD_START_SECONDS = 10.0
# How long a cancel by key is remembered for a claim that comes after it. The request may start a process, look at its
# files in S3 and claim its turn.
EARLY_CANCEL_SECONDS = COLD_START_SECONDS + OBJECT_CALL_SECONDS + TABLE_CALL_SECONDS + 1.0

# How long before the function's time limit a turn ends. One call that fails after its whole budget still leaves time
# for the answer to the client.
END_MARGIN_SECONDS = TABLE_CALL_SECONDS + 1.5

# After a turn's end is stored, the process waits at most this long for the hook `on_turn_end`, because Lambda freezes
# the process afterwards. So an answer that does not stream comes later by up to this time.
HOOK_SECONDS = 3.0
# After that, a Lambda function waits at most this long for the export of its traces.
TRACE_FLUSH_SECONDS = 1.0
# The last part of the function's time, in which neither a hook nor an export runs: the runtime ends the response there.
LAST_SECONDS = 1.0

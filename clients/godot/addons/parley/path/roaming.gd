class_name ParleyRoaming
extends RefCounted
## A router gave the peer another port, or the peer has another address: that endpoint is probed a few times, and believed when
## it answers.

const CHECKS_MAX := 5
const CHECK_MS := 100.0
const PAUSE_MS := 1_000.0

## The endpoint under way, or null.
var candidate: ParleyPath = null
var _checks := 0
var _after := -INF


func may_begin(now: float) -> bool:
	return candidate == null and now >= _after


func begin(found: ParleyPath, now: float) -> void:
	_after = now + PAUSE_MS
	candidate = found
	_checks = 0


## The endpoint where it is to be probed now, else null. After too many probes it is given up.
func take_due(now: float, budget: ParleyUnvalidated, paths: Array) -> ParleyPath:
	if candidate == null or now < candidate.probe_due:
		return null
	_checks += 1
	if _checks > CHECKS_MAX or not budget.spend(candidate.address, candidate.port, paths):
		candidate = null
		return null
	candidate.probe_due = now + CHECK_MS
	return candidate

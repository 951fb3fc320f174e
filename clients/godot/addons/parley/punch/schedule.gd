class_name ParleySchedule
extends RefCounted
## When a punch sends what: a row of datagrams to one target, from many sockets, or to many ports. A driver asks for
## [member due] and calls [method advance] for the next datagram, which [member socket], [member address] and
## [member port] then name.

enum Kind { VOLLEY, FAN, SPRAY }

## The first three to a target: the second or third passes where the first one only opened the own router.
const BURST_MS: Array[float] = [0.0, 20.0, 40.0]
## Then this often, until [constant FAST_UNTIL_MS], and then sparsely.
const PROBE_MS := 50.0
const FAST_UNTIL_MS := 1_000.0
const PROBE_SLOW_MS := 200.0
## Sockets after their first round: lost datagrams are sent again.
const LATER_ROUNDS_PER_S := 200
## Datagrams at once after a pause of the process; the rest is not made up for.
const CATCH_UP_MAX := 64

var kind: Kind
var due := 0.0
## Ports and sockets beyond the told ones: not while the other side is heard.
var searching := false
var local := false
var socket := 0
var address := ""
var port := 0
var _start := 0.0
var _count := 0
var _sockets := 1
var _per_s := 1
var _left := 0
var _spray := {}
var _moved := {}


static func volley(target: Dictionary, start: float) -> ParleySchedule:
	var row := ParleySchedule.new()
	row.kind = Kind.VOLLEY
	row.address = target["address"]
	row.port = target["port"]
	row.local = target["kind"] == "host"
	row.due = start
	row._start = start
	return row


static func fan(plan: ParleyPlan, start: float) -> ParleySchedule:
	var row := ParleySchedule.new()
	row.kind = Kind.FAN
	row.searching = true
	row.address = plan.targets[0]["address"]
	row.port = plan.targets[0]["port"]
	row.due = start
	row._sockets = plan.sockets
	row._per_s = plan.per_s
	return row


static func ports_of(spray: Dictionary, per_s: int, start: float) -> ParleySchedule:
	var row := ParleySchedule.new()
	row.kind = Kind.SPRAY
	row.searching = true
	row.address = spray["address"]
	row.due = start + float(spray["after_ms"])
	row._per_s = per_s
	row._left = spray["probes"]
	row._spray = spray
	if row._left == 0:
		row.due = INF
	return row


## Everything a plan begins with.
static func of(plan: ParleyPlan, start: float) -> Array[ParleySchedule]:
	var rows: Array[ParleySchedule] = []
	for at in plan.targets.size():
		# One target after the other: the first one is to take the first port of a counting router.
		rows.append(volley(plan.targets[at], start + 5.0 * at))
	if plan.sockets > 1 and plan.targets.size() > 0:
		rows.append(fan(plan, start))
	if not plan.spray.is_empty():
		rows.append(ports_of(plan.spray, plan.per_s, start))
	return rows


func advance(now: float) -> void:
	match kind:
		Kind.VOLLEY:
			_count += 1
			if _count < BURST_MS.size():
				due = _start + BURST_MS[_count]
			elif _count == BURST_MS.size():
				due = _start + BURST_MS[-1] + PROBE_MS
			else:
				due = maxf(due, now) + (PROBE_MS if due - _start < FAST_UNTIL_MS else PROBE_SLOW_MS)
		Kind.FAN:
			socket = 1 + _count % (_sockets - 1)
			_count += 1
			_step(now, _per_s if _count < _sockets else mini(_per_s, LATER_ROUNDS_PER_S))
		Kind.SPRAY:
			port = _next_port()
			_left -= 1
			_step(now, _per_s)
			if _left <= 0:
				due = INF


func _step(now: float, rate: int) -> void:
	var every := 1_000.0 / rate
	due = maxf(due + every, now - CATCH_UP_MAX * every)


func _next_port() -> int:
	var count: int = _spray["ports"]
	var index := _count % count
	if _spray["shuffled"]:
		# Fisher and Yates, one step a datagram; only the places that moved are kept.
		var other := randi_range(index, count - 1)
		var picked: int = _moved.get(other, other)
		_moved[other] = _moved.get(index, index)
		index = picked
	_count += 1
	var offset: int = _spray["first_port"] - ParleyPlan.FIRST_PORT + _spray["step"] * index
	return ParleyPlan.FIRST_PORT + posmod(offset, ParleyPlan.PORTS)

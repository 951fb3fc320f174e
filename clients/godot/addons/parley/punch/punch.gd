class_name ParleyPunch
extends RefCounted
## The punch: two peers, told to begin at the same instant, open a way between them. Without clock and socket: messages and
## `now` go in; datagrams, a deadline and an outcome come out.
##
## Each side answers a probe to where it came from, and probes back there. The side that nominates says which way is taken,
## by flag 1, and the other one confirms it. Sockets are kept as they are; only ways that answered are opened.

const HEARD_PAUSE_MS := 1_000.0
const CHECKS_MIN := 3
const CHECKS_UNANSWERED_MAX := 20
const SOURCES_MAX := 64
const SOURCE_ADDRESSES_MAX := 8
const UNANSWERED_MAX := 2_048
const UNANSWERED_LOCAL_MAX := 24
const WAYS_MAX := 4_096
const GOOD_ENOUGH_MS := 5.0
const CHOOSE_AFTER_MS := 50.0
const BETTER_SHARE := 0.01
const IPV6_BONUS := 0.1
const CONFIRM_MS := 1_000.0

## Empty while undecided, `opened`, or why it was given up: `nobody_heard`, `one_way`, `not_confirmed`.
var outcome := ""
## Where to send, after `opened`; another way may follow.
var opened_way: ParleyWay = null
## Since the common start.
var after_ms := 0.0
var sent := 0
var heard := 0
## When [method wake] is to be called next.
var wake_at := -INF
## To be sent: `[socket, address, port, body]` each; the body is not sealed yet.
var outbox: Array[Array] = []
var _plan: ParleyPlan
var _start := 0.0
var _rows: Array[ParleySchedule]
var _ways: Array[ParleyWay] = []
var _by_key := {}
var _live: Array[ParleyWay] = []
var _spent := {}
var _proved := {}
var _addresses := {}
var _sources := 0
var _heard_at := -INF
var _first_heard_at := INF
var _proved_at := INF
var _chosen: ParleyWay = null
var _chosen_at := INF
var _chosen_due := INF
var _confirmed := false


func _init(plan: ParleyPlan, start_in_ms: float, now: float) -> void:
	_plan = plan
	_start = now + clampf(start_in_ms, 0.0, ParleyPlan.START_IN_MS_MAX)
	_rows = ParleySchedule.of(plan, _start)
	for target in plan.targets:
		_addresses[target["address"]] = true


## A message from one of our sockets. False where the punch cannot take it. Goes on after the outcome: the peer may still ask.
func receive(message: ParleyMessage, socket: int, address: String, port: int, now: float) -> bool:
	var way := _way_from(socket, address, port)
	if way == null:
		return false
	heard += 1
	wake_at = now
	_heard_at = now
	_first_heard_at = minf(_first_heard_at, now)
	if not way.was_heard:
		way.check_due = now
		way.was_heard = true
	_make_live(way)
	if message.kind == ParleyMessage.PROBE:
		_answer(message, way, now)
	else:
		_prove(message, now)
	return true


func wake(now: float) -> void:
	if outcome != "" and outcome != "opened":
		wake_at = INF
		return
	if outcome == "" and now >= _start + _plan.give_up_ms:
		_give_up()
		return
	if outcome == "":
		_search(now)
	_choose(now)
	_check(now)
	# While it searches it is woken every frame; afterwards for checks and the choice.
	wake_at = now
	if outcome == "opened":
		wake_at = INF if _confirmed or _chosen == null or not _plan.nominates else _chosen_due
		for way in _live:
			wake_at = minf(wake_at, way.check_due)


func _search(now: float) -> void:
	for row in _rows:
		var count := 0
		while count < ParleySchedule.CATCH_UP_MAX and _due_of(row) <= now:
			count += 1
			row.advance(now)
			var way := _add(row.socket, row.address, row.port, row.local)
			if way != null:
				_probe(way, now, false)


func _due_of(row: ParleySchedule) -> float:
	return maxf(row.due, _heard_at + HEARD_PAUSE_MS) if row.searching else row.due


func _way_from(socket: int, address: String, port: int) -> ParleyWay:
	var known: ParleyWay = _by_key.get(_key(socket, address, port))
	if known != null:
		return known
	if _sources >= SOURCES_MAX or not _plan.may_answer(address, port):
		return null
	if not _addresses.has(address) and _addresses.size() >= _plan.targets.size() + SOURCE_ADDRESSES_MAX:
		return null
	_sources += 1
	_addresses[address] = true
	return _add(socket, address, port, false)


func _answer(message: ParleyMessage, way: ParleyWay, now: float) -> void:
	if not _spend(way):
		return
	_send(way, message.answer(way.address, way.port))
	if message.chosen and not _plan.nominates:
		_chosen = way
		_open(way, now)


func _prove(message: ParleyMessage, now: float) -> void:
	if message.way >= _ways.size() or _ways[message.way].proof != message.proof:
		return
	var way := _ways[message.way]
	var rtt := ParleyMessage.since(message.time, now)
	way.rtt_ms = rtt if way.rtt_ms < 0.0 else minf(way.rtt_ms, rtt)
	_proved[way.address] = true
	_make_live(way)
	_proved_at = minf(_proved_at, now)
	if way != _chosen:
		return
	_open(way, now)
	if message.chosen and _plan.nominates:
		_confirmed = true
		_chosen_due = INF


# A source that was heard is probed a few times at least, until it answers.
func _check(now: float) -> void:
	for way in _live:
		if way.check_due > now:
			continue
		way.checks += 1
		if way.checks < CHECKS_MIN:
			way.check_due = now + 20.0
		elif way.rtt_ms < 0.0 and way.checks < CHECKS_UNANSWERED_MAX:
			way.check_due = now + ParleySchedule.PROBE_MS
		else:
			way.check_due = INF
		_probe(way, now, false)


func _choose_at() -> float:
	if not _plan.nominates:
		return INF
	if _plan.targets.size() <= 1:
		return _first_heard_at
	for way in _live:
		if way.rtt_ms >= 0.0 and way.rtt_ms <= GOOD_ENOUGH_MS:
			return _proved_at
	return _proved_at + CHOOSE_AFTER_MS


func _choose(now: float) -> void:
	if _confirmed or now < _choose_at():
		return
	if now >= _start + _plan.give_up_ms:
		_chosen_due = INF
		return
	if _chosen == null or now >= _chosen_at + CONFIRM_MS:
		var best := _best()
		if best != null:
			_chosen = best
		elif _chosen == null and _live.size() > 0:
			_chosen = _live[0]
		_chosen_at = now
		_chosen_due = now
	if _chosen == null or now < _chosen_due:
		return
	_open(_chosen, now)
	_chosen_due = now + ParleySchedule.PROBE_MS
	_probe(_chosen, now, true)


## The shortest way that answered and was not chosen before, unless the next is hardly shorter.
func _best() -> ParleyWay:
	var best: ParleyWay = null
	for way in _live:
		if way.rtt_ms < 0.0 or way == _chosen:
			continue
		if best == null or _cost(way) < _cost(best) * (1.0 - BETTER_SHARE):
			best = way
	return best


static func _cost(way: ParleyWay) -> float:
	return way.rtt_ms * (1.0 if ParleyAddresses.is_v4(way.address) else 1.0 - IPV6_BONUS)


# Only a way that has answered: a source can be forged.
func _open(way: ParleyWay, now: float) -> void:
	if way.rtt_ms < 0.0 or opened_way == way or (outcome != "" and outcome != "opened"):
		return
	if outcome == "":
		after_ms = now - _start
	outcome = "opened"
	opened_way = way


func _give_up() -> void:
	outcome = "one_way" if heard > 0 else "nobody_heard"
	for way in _live:
		if way.rtt_ms >= 0.0:
			outcome = "not_confirmed"


func _probe(way: ParleyWay, now: float, chosen: bool) -> void:
	if _spend(way):
		_send(way, ParleyMessage.probe(way.number, way.proof, now, chosen))


func _send(way: ParleyWay, body: PackedByteArray) -> void:
	sent += 1
	outbox.append([way.socket, way.address, way.port, body])


func _make_live(way: ParleyWay) -> void:
	if not _live.has(way):
		_live.append(way)


# Whether one more datagram may go there. An address where the peer has answered has no such bound.
func _spend(way: ParleyWay) -> bool:
	if _proved.has(way.address):
		return true
	var count: int = _spent.get(way.address, 0)
	if count >= (UNANSWERED_LOCAL_MAX if way.local else UNANSWERED_MAX):
		return false
	_spent[way.address] = count + 1
	return true


func _add(socket: int, address: String, port: int, local: bool) -> ParleyWay:
	var of := _key(socket, address, port)
	var known: ParleyWay = _by_key.get(of)
	if known != null or _ways.size() >= WAYS_MAX:
		return known
	var way := ParleyWay.new()
	way.number = _ways.size()
	way.proof = ParleyRandom.u32()
	way.socket = socket
	way.address = address
	way.port = port
	way.local = local
	_ways.append(way)
	_by_key[of] = way
	return way


static func _key(socket: int, address: String, port: int) -> String:
	return "%d %s %d" % [socket, address, port]

class_name ParleyPathSelector
extends RefCounted
## Which paths to the peer there are, and which to send on: the direct one while it answers, else the relay, else the tunnel.
##
## A path is trusted while the peer answers our probes on it. While the game sends, a probe leaves every 0.4 s; a path whose
## probes stay unanswered for 0.6 s and two round trips is doubted: datagrams go on the next path too, and the peer drops
## what arrives twice. A direct path that stays silent for 10 s is given up. No clock and no socket.

## While the game sends, the paths it uses are probed this often. It counts as sending for BUSY_MS after a datagram.
const BUSY_PROBE_MS := 400.0
const BUSY_MS := 3_000.0
## Otherwise this often, plus or minus a fifth (RFC 7675 section 5.1): it also keeps each router's mapping.
const CONSENT_MS := 5_000.0
const CONSENT_SPREAD := 0.2
## An unanswered probe is repeated this often.
const REPEAT_MS := 150.0
const REPEAT_QUIET_MS := 400.0
## After REPEAT_FAST_FOR_MS without an answer.
const REPEAT_SLOW_MS := 1_000.0
const REPEAT_FAST_FOR_MS := 2_000.0
## A path is doubted when its probes were not answered for this long and two round trips.
const DOUBT_MS := 600.0
## A doubted direct path is given up after this.
const DIRECT_LOST_MS := 10_000.0
## Nothing is sent where the peer has not answered for this long (RFC 7675).
const CONSENT_EXPIRES_MS := 30_000.0
## A lost direct path is tried again at once, then after this, doubling up to AGAIN_LAST_MS.
const AGAIN_FIRST_MS := 5_000.0
const AGAIN_LAST_MS := 60_000.0
## The peer was heard on a worse path than ours: datagrams go there too for this long.
const ECHO_MS := 1_000.0
## A probe is late after this and one and a half round trips.
const SUSPECT_MS := 100.0
const NUMBER_FIRST := 0xFF00

## Kind of the path that is sent on first; empty where there is none.
var current := ""
var why := ""
## Bodies to be sealed and sent: `[socket, address, port, body]`.
var outbox: Array[Array] = []
## When [method wake] is to be called next.
var wake_at := -INF
## `path` after a change of [member current], `upgrade` where a direct path should be looked for.
var events: Array[String] = []
var _paths := {}
# Endpoints that were ever a relay's: never direct ones.
var _relays := {}
var _roaming := ParleyRoaming.new()
var _unvalidated := ParleyUnvalidated.new()
var _numbers := 0
var _sent_at := -INF
var _routes: Array[ParleyPath] = []
# The path that is sent on first.
var _used: ParleyPath = null
var _upgrade_at := INF
var _upgrade_after := AGAIN_FIRST_MS


func path(kind: String) -> ParleyPath:
	return _paths.get(kind)


## A path is there from now on. `rtt_ms`: of a direct one that a punch has proved, below 0 otherwise.
func open(kind: String, socket: int, address: String, port: int, rtt_ms: float, now: float, reason := "opened") -> void:
	if kind == ParleyPath.RELAY:
		_relays[ParleyAddresses.key(address, port)] = true
	var new_path := _make(kind, socket, address, port, now)
	if rtt_ms >= 0.0:
		new_path.measure(rtt_ms)
		new_path.answered_at = now
	_paths[kind] = new_path
	if kind == ParleyPath.DIRECT:
		_upgrade_at = INF
		_upgrade_after = AGAIN_FIRST_MS
	_judge(now, reason)


func end(kind: String, now: float) -> void:
	if _paths.erase(kind):
		_judge(now, "ended")


## A punch failed: the next one is later each time.
func failed(now: float) -> void:
	wake_at = now
	if not _paths.has(ParleyPath.DIRECT):
		_upgrade_at = now + _upgrade_after
		_upgrade_after = minf(2.0 * _upgrade_after, AGAIN_LAST_MS)


## No punch is tried, because the hub knows of no way now.
func unpunchable(now: float) -> void:
	wake_at = now
	if not _paths.has(ParleyPath.DIRECT):
		_upgrade_at = now + AGAIN_LAST_MS


## This machine has another address.
func moved(now: float) -> void:
	for one: ParleyPath in _paths.values():
		if one.kind == ParleyPath.DIRECT:
			one.waiting_since = now - DOUBT_MS - 2.0 * maxf(one.rtt_ms, 0.0)
		one.probe_due = now
	_upgrade_at = now
	_upgrade_after = AGAIN_FIRST_MS
	_judge(now, "moved")


## The paths that a datagram of the game goes on.
func routes(now: float) -> Array[ParleyPath]:
	if now - _sent_at > BUSY_MS:
		for one: ParleyPath in _paths.values():
			one.probe_due = minf(one.probe_due, now)
		wake_at = now
	_sent_at = now
	return _routes


func is_relay(address: String, port: int) -> bool:
	return _relays.has(ParleyAddresses.key(address, port))


## Something of the peer's came from there.
func heard(socket: int, address: String, port: int, may_roam: bool, now: float) -> void:
	if _used != null and port == _used.port and socket == _used.socket and address == _used.address:
		return
	for one: ParleyPath in _paths.values():
		if one.is_at(socket, address, port):
			# The peer sends on a worse path than we do: it may not receive ours.
			if one.kind != current and one.echo_until < now and ParleyPath.KINDS.find(one.kind) > ParleyPath.KINDS.find(current):
				var used := path(current)
				if used != null:
					used.probe_due = minf(used.probe_due, now)
					wake_at = now
				# Not while a probe is just on its way: both sides would send everything twice without end.
				if used == null or suspects(used, now):
					one.echo_until = now + ECHO_MS
					_judge(now, "silent")
			return
	if may_roam and socket != ParleyPath.STREAM and not is_relay(address, port):
		_roam(socket, address, port, now)


## A probe that the punch did not take is answered where it came from, within bounds.
func answer(message: ParleyMessage, socket: int, address: String, port: int) -> void:
	if socket == ParleyPath.STREAM:
		wake_at = -INF
		outbox.append([socket, address, port, message.answer("", 0)])
		return
	var known := is_relay(address, port)
	for one: ParleyPath in _paths.values():
		known = known or one.is_at(socket, address, port)
	if known or _unvalidated.spend(address, port, _paths.values()):
		wake_at = -INF
		outbox.append([socket, address, port, message.answer(address, port)])


## An answer. False where it belongs to no probe of these paths.
func answered(message: ParleyMessage, socket: int, address: String, port: int, now: float) -> bool:
	var found: ParleyPath = null
	for one: ParleyPath in _paths.values():
		if one.number == message.way and one.proof == message.proof:
			found = one
	var candidate := _roaming.candidate
	if found == null and candidate != null and candidate.number == message.way and candidate.proof == message.proof:
		found = candidate
	if found == null:
		return false
	if not found.is_at(socket, address, port):
		return true
	found.answered_at = now
	found.waiting_since = INF
	found.measure(ParleyMessage.since(message.time, now))
	var quiet_ms := CONSENT_MS * (1.0 + CONSENT_SPREAD * (2.0 * randf() - 1.0))
	found.probe_due = now + (BUSY_PROBE_MS if _is_busy_on(found, now) else quiet_ms)
	if found == candidate:
		_follow(now)
	_judge(now, "answers")
	return true


func wake(now: float) -> void:
	for one: ParleyPath in _paths.values():
		var silent := now - maxf(one.answered_at, one.opened_at)
		if silent >= CONSENT_EXPIRES_MS or (one.kind == ParleyPath.DIRECT and silent >= DIRECT_LOST_MS):
			_paths.erase(one.kind)
			if one.kind == ParleyPath.DIRECT:
				_upgrade_at = minf(_upgrade_at, now)
		elif now >= one.probe_due:
			_probe(one, now)
	_check_roaming(now)
	_judge(now, "silent")
	if now >= _upgrade_at:
		_upgrade_at = now + AGAIN_LAST_MS
		events.append("upgrade")
	wake_at = minf(_upgrade_at, now + CONSENT_MS)
	if _roaming.candidate != null:
		wake_at = minf(wake_at, _roaming.candidate.probe_due)
	for one: ParleyPath in _paths.values():
		wake_at = minf(wake_at, one.probe_due)
		if one.waiting_since < INF and trusts(one, now):
			wake_at = minf(wake_at, one.waiting_since + DOUBT_MS + 2.0 * maxf(one.rtt_ms, 0.0))
		if one.echo_until > now:
			wake_at = minf(wake_at, one.echo_until)


## A probe on this path is late.
func suspects(one: ParleyPath, now: float) -> bool:
	return now - one.waiting_since > SUSPECT_MS + 1.5 * maxf(one.rtt_ms, 0.0)


func trusts(one: ParleyPath, now: float) -> bool:
	# Nothing was ever heard on a relay or a stream that was just opened: it is used all the same.
	return now - one.waiting_since < DOUBT_MS + 2.0 * maxf(one.rtt_ms, 0.0)


# ---------------------------------------------------------------------------------------------------------------------


func _judge(now: float, reason: String) -> void:
	var first: ParleyPath = null
	var last: ParleyPath = null
	var next: Array[ParleyPath] = []
	for kind in ParleyPath.KINDS:
		var one: ParleyPath = _paths.get(kind)
		if one == null:
			continue
		last = one
		if first == null or one.echo_until > now:
			next.append(one)
		if first == null and trusts(one, now):
			first = one
	for one in next:
		if now - _sent_at <= BUSY_MS and not _routes.has(one):
			one.probe_due = minf(one.probe_due, now + BUSY_PROBE_MS)
	_routes = next
	wake_at = now
	var found := first if first != null else last
	var kind := found.kind if found != null else ""
	_used = found
	if kind == current:
		return
	current = kind
	why = ParleyPath.WHY[reason] if kind != "" else "There is no path now."
	events.append("path")


func _probe(one: ParleyPath, now: float) -> void:
	if one.waiting_since == INF:
		one.waiting_since = now
	# Repeated soon unless the answer comes, which sets the next probe's time.
	if now - one.waiting_since > REPEAT_FAST_FOR_MS:
		one.probe_due = now + REPEAT_SLOW_MS
	else:
		one.probe_due = now + maxf(REPEAT_MS if _is_busy_on(one, now) else REPEAT_QUIET_MS, 1.5 * one.rtt_ms)
	_send_probe(one, now)


func _send_probe(one: ParleyPath, now: float) -> void:
	outbox.append([one.socket, one.address, one.port, ParleyMessage.probe(one.number, one.proof, now, false)])


func _is_busy_on(one: ParleyPath, now: float) -> bool:
	return now - _sent_at <= BUSY_MS and _routes.has(one)


func _roam(socket: int, address: String, port: int, now: float) -> void:
	if not _roaming.may_begin(now) or not ParleyUnvalidated.may_probe(address, port, _paths.values()):
		return
	wake_at = now
	_roaming.begin(_make(ParleyPath.DIRECT, socket, address, port, now), now)
	_check_roaming(now)


func _check_roaming(now: float) -> void:
	var candidate := _roaming.take_due(now, _unvalidated, _paths.values())
	if candidate != null:
		_send_probe(candidate, now)


# It takes the place of a direct path, unless that one answers.
func _follow(now: float) -> void:
	var found := _roaming.candidate
	_roaming.candidate = null
	_unvalidated.forget(found.address)
	var direct := path(ParleyPath.DIRECT)
	if direct != null and trusts(direct, now) and now - direct.answered_at < 2.0 * BUSY_PROBE_MS:
		return
	found.probe_due = now + BUSY_PROBE_MS
	_paths[ParleyPath.DIRECT] = found
	_upgrade_at = INF


func _make(kind: String, socket: int, address: String, port: int, now: float) -> ParleyPath:
	var made := ParleyPath.create(kind, socket, address, port, now)
	made.number = NUMBER_FIRST + _numbers % (0x1_0000 - NUMBER_FIRST)
	_numbers += 1
	return made

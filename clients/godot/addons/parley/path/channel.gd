class_name ParleyChannel
extends RefCounted
## A datagram channel to one peer over whatever path there is: the punch, the choice of the path and the seal in one piece,
## without clock and socket. The driver brings datagrams and the time, and carries out what comes out.
##
## Sockets are numbers that the driver gives. Further ones, which a plan may ask for, are numbered from 65,536 on: the driver
## opens one when it first appears in [member outbox], and closes those in [member closable].

## Longest payload: 1,232 bytes pass every path in one piece (RFC 8200), less the seal and the kind.
const PAYLOAD_BYTES_MAX := 1_207
const FURTHER_SOCKETS := 65_536
## Sockets that were not hit are kept for this long: the peer may still choose another one.
const SWEEP_AFTER_MS := 2_000.0
const INBOX_MAX := 1_024

var selector := ParleyPathSelector.new()
var seal: ParleySeal
## Sealed datagrams to be sent: `[socket, address, port, bytes]`.
var outbox: Array[Array] = []
## Payloads that the peer sent.
var inbox: Array[PackedByteArray] = []
## Sockets that are no longer needed.
var closable: Array[int] = []
## The last punch, and whether its outcome was reported by [method take_outcome].
var punch: ParleyPunch = null
var _reported := true
var _opened: ParleyWay = null
var _told_at := INF
var _socket := 0
var _base := 0
var _attempts := 0
var _further := {}


func _init(key: PackedByteArray, epoch: int, role: String) -> void:
	seal = ParleySeal.new(key, epoch, role)


## Looks for a direct path from the socket that was observed. A punch under way is given up for it.
func begin(plan: ParleyPlan, socket: int, start_in_ms: float, now: float) -> void:
	punch = ParleyPunch.new(plan, start_in_ms, now)
	_socket = socket
	_base = FURTHER_SOCKETS + ParleyPlan.SOCKETS_MAX * _attempts
	_attempts += 1
	_reported = false
	_opened = null
	_told_at = INF


## True once after the punch was decided; see [member ParleyPunch.outcome].
func take_outcome() -> bool:
	if punch == null or punch.outcome == "" or _reported:
		return false
	_reported = true
	return true


## To the peer. False where there is no path, or the payload is too long.
func send(payload: PackedByteArray, now: float) -> bool:
	var routes := selector.routes(now)
	if routes.is_empty() or payload.size() > PAYLOAD_BYTES_MAX:
		return false
	var body := PackedByteArray([ParleyMessage.DATA])
	body.append_array(payload)
	# Sealed once: the peer drops the second copy.
	var bytes := seal.seal(body, now)
	for path in routes:
		outbox.append([path.socket, path.address, path.port, bytes])
	return true


## A datagram and where it came in. False where it is not this peer's.
func receive(bytes: PackedByteArray, socket: int, address: String, port: int, now: float) -> bool:
	var opened: Variant = seal.open(bytes, now)
	if opened == null:
		return false
	var body: PackedByteArray = opened
	if body.size() > 0 and body[0] == ParleyMessage.DATA:
		if inbox.size() < INBOX_MAX:
			inbox.append(body.slice(1))
	else:
		var message := ParleyMessage.read(body)
		if message == null:
			return true
		if message.kind == ParleyMessage.PROBE:
			# A probe on a socket of the punch is the punch's even after its end: the peer may not know yet.
			if not _punch_receive(message, socket, address, port, now):
				selector.answer(message, socket, address, port)
		elif not selector.answered(message, socket, address, port, now):
			_punch_receive(message, socket, address, port, now)
	selector.heard(socket, address, port, punch == null or punch.outcome != "", now)
	return true


## Whether something is due.
func needs_wake(now: float) -> bool:
	return (now >= selector.wake_at or (punch != null and now >= punch.wake_at)
		or (_further.size() > 0 and now >= _told_at + SWEEP_AFTER_MS))


func wake(now: float) -> void:
	if punch != null:
		punch.wake(now)
		_collect_punch(now)
		_check_outcome(now)
	selector.wake(now)
	for row in selector.outbox:
		outbox.append([row[0], row[1], row[2], seal.seal(row[3], now)])
	selector.outbox.clear()
	if _further.size() > 0 and now >= _told_at + SWEEP_AFTER_MS:
		_sweep()


func _punch_receive(message: ParleyMessage, socket: int, address: String, port: int, now: float) -> bool:
	if punch == null or socket == ParleyPath.STREAM or selector.is_relay(address, port):
		return false
	var inner := 0 if socket == _socket else socket - _base
	return inner >= 0 and inner < ParleyPlan.SOCKETS_MAX and punch.receive(message, inner, address, port, now)


func _collect_punch(now: float) -> void:
	for row in punch.outbox:
		var socket: int = _outer(row[0])
		if row[0] > 0:
			# A socket that was swept stays closed.
			if now >= _told_at + SWEEP_AFTER_MS and not _further.has(socket):
				continue
			_further[socket] = true
		var body: PackedByteArray = row[3]
		var is_probe := body[0] == ParleyMessage.PROBE
		outbox.append([socket, row[1], row[2], seal.seal_newest(body) if is_probe else seal.seal(body, now)])
	punch.outbox.clear()


func _check_outcome(now: float) -> void:
	if punch.outcome == "":
		return
	if punch.outcome == "opened":
		if punch.opened_way != _opened:
			_opened = punch.opened_way
			_told_at = now
			selector.open(ParleyPath.DIRECT, _outer(_opened.socket), _opened.address, _opened.port, _opened.rtt_ms, now)
	elif _told_at == INF:
		_told_at = now
		selector.failed(now)


func _sweep() -> void:
	var direct := selector.path(ParleyPath.DIRECT)
	for socket: int in _further.keys():
		if direct == null or socket != direct.socket:
			closable.append(socket)
	_further.clear()


func _outer(inner: int) -> int:
	return _socket if inner == 0 else _base + inner

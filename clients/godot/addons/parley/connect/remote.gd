class_name ParleyRemote
extends RefCounted
## The other side of a connection: datagrams to and from one peer over whatever path there is. Carries out over real sockets
## what the channel says; the connector introduces the two.

const EARLY_MAX := 32
## A relay that carries nothing any more is reported this often.
const DOUBT_AGAIN_MS := 1_000.0
## A relay is given back once the direct path has worked for this long: the hub releases it.
const RELAY_KEPT_MS := 2_000.0

## Id at the hub.
var peer_id := ""
var sockets := ParleySockets.new()
var questions := ParleyQuestions.new(sockets)
## Null until the hub has sent a key.
var channel: ParleyChannel = null
## `direct`, `relay`, `tunnel`, or empty.
var path := ""
## What the hub said about the last introduction, and the two routers.
var reason := ""
var nat_pair := ""
## The socket that plays.
var socket := 0
## What happened since the last look: `path`, `upgrade`, `punched`, `relay_needed`, `relay_silent`.
var events: Array[String] = []
var is_closed := false
## This side's end of the relay.
var relay: ParleyRelayEnd
## Bytes of the game each way.
var bytes_sent := 0
var bytes_received := 0
var _worker: ParleyWorker
var _early: Array[Array] = []
var _for_enet: Array[PackedByteArray] = []
var _for_game: Array[PackedByteArray] = []
# Index of the open socket that is read next.
var _reading := 0
var _doubted_at := -INF
var _direct_since := INF


func _init(id: String, worker: ParleyWorker) -> void:
	peer_id = id
	relay = ParleyRelayEnd.new(worker)
	_worker = worker


## Why it is this path, as a sentence for players.
var why: String:
	get:
		var text := channel.selector.why if channel != null else "No path has been found yet."
		return (text + " " + reason).strip_edges()


## Round trip in milliseconds; below 0 while unknown.
var rtt_ms: float:
	get:
		var current := channel.selector.path(path) if channel != null and path != "" else null
		return current.rtt_ms if current != null else -1.0


## Address and port of the path, as `address port`; a relay's are the sidecar's.
var endpoint: String:
	get:
		var current := channel.selector.path(path) if channel != null and path != "" else null
		return ParleyAddresses.key(current.address, current.port) if current != null and current.port > 0 else ""


var jitter_ms: float:
	get:
		var current := channel.selector.path(path) if channel != null and path != "" else null
		return current.jitter_ms if current != null else -1.0


## False where there is no path now. It may be lost, as with UDP.
func send(payload: PackedByteArray, now: float) -> bool:
	if is_closed or channel == null or not channel.send(payload, now):
		return false
	bytes_sent += payload.size()
	return true


## ENet's payloads that have come. With one peer for each host, ENet's first byte has 0 in its lower four bits, or 15 before
## the connection has an id; every other first byte is the game's own.
func take() -> Array[PackedByteArray]:
	_sort()
	var out := _for_enet
	_for_enet = []
	return out


## The game's own datagrams that have come.
func take_datagrams() -> Array[PackedByteArray]:
	_sort()
	var out := _for_game
	_for_game = []
	return out


static func is_game_datagram(payload: PackedByteArray) -> bool:
	return payload.size() > 0 and (payload[0] & 0x0F) != 0 and (payload[0] & 0x0F) != 0x0F


func _sort() -> void:
	if channel == null or channel.inbox.is_empty():
		return
	for payload in channel.inbox:
		bytes_received += payload.size()
		if is_game_datagram(payload):
			_for_game.append(payload)
		elif _for_enet.size() < ParleyChannel.INBOX_MAX:
			_for_enet.append(payload)
	channel.inbox = []


func begin(plan: ParleyPlan, key: Dictionary, start_in_ms: float, now: float) -> void:
	_renew(key, now)
	if plan.sockets > 1:
		sockets.reserve(plan.sockets - 1, _worker)
	channel.begin(plan, socket, start_in_ms, now)


## Another end of a relay; `key` is empty where the pair's stays.
func enter(to: Dictionary, key: Dictionary, now: float) -> void:
	if relay.is_at(to):
		return
	if not key.is_empty():
		_renew(key, now)
	relay.begin(to, channel.selector, now)


## Another socket plays from the next introduction on: the router may keep a bad mapping of the old one.
func renew_socket() -> void:
	var before := socket - 1
	if channel != null:
		for kind in [ParleyPath.DIRECT, ParleyPath.RELAY]:
			var used := channel.selector.path(kind)
			if used != null and used.socket == before:
				before = -1
	if before >= 0:
		sockets.close(before)
	socket += 1
	relay.receipts.clear()


## This machine has another address.
func moved(now: float) -> void:
	renew_socket()
	if channel != null:
		channel.selector.moved(now)
	relay.moved(now)


func close() -> void:
	is_closed = true
	path = ""
	sockets.close_all()
	relay.close()


## Takes in one turn of what came, of so many bytes; true where there may be more. The next turn goes on where this one has
## ended.
func pump_in(turn_bytes: int, now: float) -> bool:
	if is_closed:
		return false
	var left := turn_bytes
	var count := sockets.open.size()
	for step in count:
		var at := (_reading + step) % count
		var one := sockets.open[at]
		while one.get_available_packet_count() > 0:
			if left <= 0:
				_reading = at
				return true
			var bytes := one.get_packet()
			left -= bytes.size() + ParleyFrameBudget.DATAGRAM_BYTES
			_receive(bytes, sockets.open_numbers[at], ParleySockets.canonical(one.get_packet_ip()), one.get_packet_port(), now)
	_reading = 0
	relay.poll_tunnel(channel, now)
	while left > 0 and not relay.came.is_empty():
		var bytes: PackedByteArray = relay.came.pop_front()
		left -= bytes.size() + ParleyFrameBudget.DATAGRAM_BYTES
		_receive(bytes, ParleyPath.STREAM, "", 0, now)
	return not relay.came.is_empty()


## Carries out what is due.
func pump_out(now: float) -> void:
	if is_closed:
		return
	questions.poll(now)
	if channel == null:
		return
	if relay.prove(self, now):
		events.append("relay_silent")
	if channel.needs_wake(now):
		_wake(now)
	for row in channel.outbox:
		if row[0] == ParleyPath.STREAM:
			relay.send(row[3])
		else:
			sockets.send(row[0], row[1], row[2], row[3])
	channel.outbox.clear()


func _wake(now: float) -> void:
	channel.wake(now)
	for number in channel.closable:
		sockets.close(number)
	channel.closable.clear()
	if channel.take_outcome():
		events.append("punched")
	for event in channel.selector.events:
		if event != "path":
			events.append(event)
	channel.selector.events.clear()
	if channel.selector.current != path:
		path = channel.selector.current
		events.append("path")
	_check_relay(now)


# The relay is given back beside a direct path that works, asked for beside one that may not, and replaced when it is silent.
func _check_relay(now: float) -> void:
	_direct_since = minf(_direct_since, now) if path == ParleyPath.DIRECT else INF
	var used := channel.selector.path(path) if path != "" else null
	if used == null or now - _doubted_at < DOUBT_AGAIN_MS:
		return
	var is_late := channel.selector.suspects(used, now)
	if path == ParleyPath.DIRECT and is_late and relay.is_none:
		_doubted_at = now
		events.append("relay_needed")
	elif path == ParleyPath.DIRECT and not is_late and not relay.is_none and now - _direct_since > RELAY_KEPT_MS:
		relay.leave(channel.selector, now)
	elif path == ParleyPath.RELAY and not channel.selector.trusts(used, now):
		_doubted_at = now
		# The router may have given another port.
		relay.prove_again(now)
		events.append("relay_silent")


func _receive(bytes: PackedByteArray, number: int, address: String, port: int, now: float) -> void:
	if bytes.size() == 0 or (bytes[0] != ParleySeal.FIRST_BYTE and questions.receive(bytes)):
		return
	if channel != null:
		channel.receive(bytes, number, address, port, now)
	elif _early.size() < EARLY_MAX:
		_early.append([bytes, number, address, port])


func _renew(key: Dictionary, now: float) -> void:
	if channel != null:
		channel.seal.renew(key["key"], key["epoch"], key["role"], now)
		return
	channel = ParleyChannel.new(key["key"], key["epoch"], key["role"])
	for row in _early:
		channel.receive(row[0], row[1], row[2], row[3], now)
	_early.clear()

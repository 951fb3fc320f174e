class_name ParleyEventStream
extends RefCounted
## The hub's WebSocket: events of one lobby or of the list, in order. It comes back by itself and resumes where it was. It is
## opened, and long messages are read, beside the frames.

const PING_MS := 10_000.0
const PONG_MS := 12_000.0
const PINGS_FIRST := 3
const AGAIN_MS := 250.0
## A hub that restarts is back within seconds, and no introduction is possible before.
const COME_BACK_SOON_MS_MAX := 1_500.0
const SOON_TRIES := 12
const COME_BACK_MS_MAX := 10_000.0
const INBOUND_BYTES := 1 << 20
## Characters of a message that takes a millisecond to read.
const LONG := 30_000

## Events that came: `{type, data}`. `snapshot` and `resumed` among them.
var inbox: Array[Dictionary] = []
## Answers to [method send] by its number: `{type, data}`.
var answers := {}
var is_open := false
## Shortest round trip of the last pings; below 0 before the first.
var rtt_ms := -1.0
## Not empty after the hub has ended the topic for good: its error code.
var over := ""
var _url := ""
var _token := ""
var _tls: TLSOptions = null
var _subscription := {}
var _worker: ParleyWorker
# Null until it is open.
var _socket: WebSocketPeer = null
var _opening: ParleySocketOpening = null
# The long message that is read now, and those that came after it.
var _parsing: ParleyParsing = null
var _held: Array[String] = []
var _seq := 0
var _since := -1
var _tries := 0
var _open_at := 0.0
var _ping_at := INF
var _pinged_at := -1.0
var _last_heard := 0.0
var _ping_every := PING_MS
var _pings: Array[float] = []
var _expected := {}
var _subscribed_as := -2


## `subscription`: `{topic, lobby_id}` or `{topic, filter}`.
func _init(http: ParleyHttp, subscription: Dictionary) -> void:
	_url = http.socket_url + "/events"
	if subscription.has("lobby_id"):
		_url += "?lobby_id=" + str(subscription["lobby_id"])
	_token = http.token
	_tls = http.connections.tls
	_worker = http.worker
	_subscription = subscription


## Returns the number by which [member answers] has the answer; 0 while the hub is not reached.
func send(type: String, data: Dictionary, wants_answer := false) -> int:
	if not is_open:
		return 0
	_seq += 1
	if wants_answer:
		_expected[_seq] = true
	_socket.send_text(JSON.stringify({"type": type, "seq": _seq, "data": data}))
	return _seq


## Comes back at once: the way to the hub has changed.
func renew(now: float) -> void:
	_tries = 0
	_drop(now)
	_open_at = now


func close() -> void:
	if _socket != null:
		_socket.close()
		_socket.poll()
	_forget()
	_open_at = INF


func poll(now: float) -> void:
	_read_long(now)
	if _opening != null:
		_check_opening(now)
	elif _socket != null:
		_poll_socket(now)
	elif now >= _open_at and over == "":
		_open(now)


func _poll_socket(now: float) -> void:
	_socket.poll()
	match _socket.get_ready_state():
		WebSocketPeer.STATE_OPEN:
			while _socket != null and _socket.get_available_packet_count() > 0:
				var text := _socket.get_packet().get_string_from_utf8()
				_last_heard = now
				_receive(text, now)
			if now >= _ping_at and _socket != null:
				_pinged_at = now
				_ping_at = INF
				_socket.send_text("ping")
		WebSocketPeer.STATE_CLOSED:
			var code := _socket.get_close_code()
			if code == 4400 or code == 4401:
				over = "unauthorized" if code == 4401 else "invalid_request"
			_drop(now)
			if code == 4429:
				_open_at = now + COME_BACK_MS_MAX
			return
	if now - _last_heard > PONG_MS + (_ping_every if _pinged_at < 0.0 else 0.0):
		_drop(now)


func _open(now: float) -> void:
	var socket := WebSocketPeer.new()
	socket.supported_protocols = PackedStringArray(["parley.v1"])
	socket.inbound_buffer_size = INBOUND_BYTES
	socket.max_queued_packets = 4096
	_last_heard = now
	_pinged_at = -1.0
	_ping_at = INF
	_opening = ParleySocketOpening.new(socket, _url, _tls)
	_worker.add(_opening)


func _check_opening(now: float) -> void:
	if not _opening.is_done:
		if now - _last_heard > PONG_MS:
			_drop(now)
		return
	_socket = _opening.socket
	_opening = null
	_last_heard = now
	if _socket.get_ready_state() == WebSocketPeer.STATE_OPEN:
		_greet(now)
	_poll_socket(now)


func _greet(now: float) -> void:
	is_open = true
	send("hello", {"token": _token} if _token != "" else {})
	var said := _subscription.duplicate()
	if _since >= 0:
		said["since"] = _since
	_subscribed_as = send("subscribe", said, true)
	_ping_at = now


func _receive(text: String, now: float) -> void:
	if text == "pong":
		_pings.append(now - _pinged_at)
		if _pings.size() > 8:
			_pings.pop_front()
		rtt_ms = _pings.min()
		_pinged_at = -1.0
		_ping_at = now if _pings.size() < PINGS_FIRST else now + _ping_every
		return
	if _parsing != null:
		_held.append(text)
	elif text.length() > LONG:
		_parsing = ParleyParsing.new(text)
		_worker.add(_parsing)
	else:
		var parser := JSON.new()
		if parser.parse(text) == OK:
			_take_in(parser.data)


func _read_long(now: float) -> void:
	if _parsing == null or not _parsing.is_done:
		return
	var json: Variant = _parsing.json
	_parsing = null
	_take_in(json)
	var held := _held
	_held = []
	for text in held:
		_receive(text, now)


func _take_in(json: Variant) -> void:
	if not json is Dictionary:
		return
	var message: Dictionary = json
	var type := ParleyFields.text(message, "type")
	var data := ParleyFields.dictionary(message, "data")
	if message.has("topic") and message.has("seq"):
		_since = ParleyFields.whole(message["seq"])
	var re := ParleyFields.whole(message.get("re", -1))
	match type:
		"welcome":
			_ping_every = maxf(1.0, ParleyFields.whole(data.get("heartbeat_s", 10))) * 1_000.0
			return
		"snapshot", "resumed":
			_tries = 0
			_expected.erase(re)
			inbox.append({"type": type, "data": data})
			return
		"error":
			var problem := ParleyFields.dictionary(data, "problem")
			if re == _subscribed_as:
				over = ParleyFields.text(problem, "code")
				close()
				return
	if re >= 0:
		if _expected.erase(re):
			answers[re] = {"type": type, "data": data}
		return
	inbox.append({"type": type, "data": data})


func _drop(now: float) -> void:
	if _socket != null:
		_socket.close()
	_forget()
	var most := COME_BACK_SOON_MS_MAX if _tries < SOON_TRIES else COME_BACK_MS_MAX
	_open_at = now + randf() * minf(AGAIN_MS * pow(2.0, _tries), most)
	_tries += 1
	for re: int in _expected:
		answers[re] = {"type": "error", "data": {}}
	_expected.clear()


# What an ended socket has sent and is not read yet comes again.
func _forget() -> void:
	_socket = null
	is_open = false
	if _opening != null:
		_opening.is_cancelled = true
		_opening = null
	_parsing = null
	_held.clear()

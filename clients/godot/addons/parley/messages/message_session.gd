class_name ParleyMessageSession
extends RefCounted
## What there is between this machine and one peer: how it begins, how it ends, and what the game learns. Once connected,
## messages are the transport's. No clock, no socket.

const Limits := preload("message_limits.gd")
const Packets := preload("packets.gd")

## Id of the peer at the hub, and this side's number of the session.
var peer := ""
var id := 0
## A value of [enum ParleyMessageConstants.ConnectionState].
var state := ParleyMessages.CONNECTION_STATE_CONNECTING
var end := 0
var debug := ""
## The game sent to the peer, or accepted it.
var is_wanted := false
## The peer's number of the session; 0 while it is not known.
var theirs := 0
var used_at := 0.0
## Channels that were used, by either side, and not closed since.
var channels := {}
var transport: ParleyMessageTransport = null
## Datagrams to send.
var datagrams: Array[PackedByteArray] = []
## `request`: the peer goes on asking. `failed`: it ended, and not because it was closed.
var happened: Array[String] = []
var _sending := {}
var _has_path := false
var _rtt_ms := -1.0
var _held: Array[Array] = []
var _held_bytes := 0
var _deflates := false
var _since := 0.0
var _hello_at := INF
var _hello_wait_ms := Limits.HELLO_MS
var _told_at := -INF


func _init(to: String, number: int, now: float) -> void:
	peer = to
	id = number
	used_at = now
	_since = now


var is_over: bool:
	get:
		return state == ParleyMessages.CONNECTION_STATE_CLOSED_BY_PEER or state == ParleyMessages.CONNECTION_STATE_PROBLEM_DETECTED_LOCALLY


# --- the game ---------------------------------------------------------------------------------------------------------


## The game sends, or accepts.
func want(now: float) -> void:
	if is_wanted:
		return
	is_wanted = true
	_since = now
	if _has_path:
		_hello_at = now


## Returns a value of [enum ParleyMessageConstants.Result].
func send(channel: int, bytes: PackedByteArray, flags: int, now: float) -> int:
	var is_reliable := (flags & ParleyMessages.NETWORKING_SEND_RELIABLE) != 0
	if not is_reliable and (flags & ParleyMessages.NETWORKING_SEND_NO_DELAY) != 0:
		if transport == null or transport.queue_ms > Limits.NO_DELAY_MS:
			return ParleyMessages.RESULT_IGNORED
	var pending := _held_bytes + (transport.pending if transport != null else 0)
	var size := bytes.size() + ParleyOutgoing.LENGTH_BYTES
	if pending + size > Limits.SEND_BUFFER_BYTES:
		return ParleyMessages.RESULT_LIMIT_EXCEEDED
	if not _sending.has(channel) and _sending.size() >= Limits.CHANNELS_MAX:
		return ParleyMessages.RESULT_LIMIT_EXCEEDED
	_sending[channel] = true
	channels[channel] = true
	used_at = now
	if transport == null:
		# The game may go on using its buffer.
		_held.append([channel, bytes.duplicate(), is_reliable])
		_held_bytes += size
		return ParleyMessages.RESULT_OK
	var is_prompt := (flags & (ParleyMessages.NETWORKING_SEND_NO_NAGLE | ParleyMessages.NETWORKING_SEND_NO_DELAY)) != 0
	_push(channel, bytes, is_reliable, now if is_prompt else now + Limits.NAGLE_MS)
	return ParleyMessages.RESULT_OK


## The game has read one of the peer's messages.
func consume(channel: int, taken: int) -> void:
	if transport != null:
		transport.consume(channel, taken)


## The game ends it.
func close(reason: int, text: String) -> void:
	if _has_path and not is_over and (theirs != 0 or is_wanted):
		var bye := Packets.bye(theirs, id, reason, text)
		# One may be lost; a peer that misses both receives another one when it speaks again.
		datagrams.append(bye)
		datagrams.append(bye)
	_stop()


# --- the path ---------------------------------------------------------------------------------------------------------


var has_path: bool:
	get:
		return _has_path


func opened(rtt_ms: float, now: float) -> void:
	if is_over:
		return
	_has_path = true
	_rtt_ms = rtt_ms
	if state == ParleyMessages.CONNECTION_STATE_CONNECTING:
		state = ParleyMessages.CONNECTION_STATE_FINDING_ROUTE
	if is_wanted and transport == null:
		_hello_at = now


func fail(reason: int, text: String) -> void:
	if is_over:
		return
	_end_as(ParleyMessages.CONNECTION_STATE_PROBLEM_DETECTED_LOCALLY, reason, text)
	if is_wanted:
		happened.append("failed")


# --- hearing ----------------------------------------------------------------------------------------------------------


func hear_hello(packet: Packets.Packet, now: float) -> void:
	if packet.version != Limits.VERSION:
		if transport != null:
			return
		datagrams.append(Packets.bye(packet.from, id, ParleyMessages.CONNECTION_END_REMOTE_BAD_PROTOCOL_VERSION, "another version"))
		fail(ParleyMessages.CONNECTION_END_REMOTE_BAD_PROTOCOL_VERSION, "the peer speaks version %d of sessions" % packet.version)
		return
	theirs = packet.from
	_deflates = (packet.flags & Packets.INFLATES) != 0
	if not is_wanted:
		_asked(now)
		return
	if packet.to == id and transport == null:
		_connect(now)
	if (packet.flags & Packets.ANSWER_WANTED) != 0:
		_hello()


func hear_bye(packet: Packets.Packet) -> void:
	var was_waiting := is_wanted and transport == null
	if packet.reason == ParleyMessages.CONNECTION_END_REMOTE_DENIED and was_waiting:
		fail(packet.reason, packet.debug)
	elif packet.reason == ParleyMessages.CONNECTION_END_REMOTE_BAD_PROTOCOL_VERSION:
		fail(packet.reason, packet.debug)
	elif not is_over:
		_end_as(ParleyMessages.CONNECTION_STATE_CLOSED_BY_PEER, packet.reason, packet.debug)


## Appends the messages that came to `out`.
func hear_data(packet: Packets.Packet, now: float, out: Array[ParleyIncoming.Arrived]) -> void:
	# The peer has heard the hello of this side, or it could not know the number.
	if transport == null and is_wanted and theirs != 0:
		_connect(now)
	if transport == null:
		return
	var arrived: Array[ParleyIncoming.Arrived] = []
	if not transport.receive(packet, now, arrived):
		datagrams.append(Packets.bye(theirs, id, ParleyMessages.CONNECTION_END_MISC_GENERIC, "that makes no message"))
		fail(ParleyMessages.CONNECTION_END_MISC_GENERIC, "the peer sent what makes no message")
		return
	for one in arrived:
		if not channels.has(one.channel) and channels.size() >= 2 * Limits.CHANNELS_MAX:
			continue
		channels[one.channel] = true
		used_at = now
		out.append(one)


# --- time -------------------------------------------------------------------------------------------------------------


## What time has brought. `hears_others`: whether another peer was heard lately. Whether there may be more to send now.
func tick(hears_others: bool, now: float) -> bool:
	if is_over:
		return false
	if transport == null:
		if is_wanted and now >= _since + Limits.CONNECT_MS:
			if _has_path:
				fail(ParleyMessages.CONNECTION_END_REMOTE_TIMEOUT, "the peer does not answer")
			else:
				fail(ParleyMessages.CONNECTION_END_MISC_P2P_RENDEZVOUS, "no path to the peer was found in time")
		elif now >= _hello_at:
			_hello()
			_hello_at = now + _hello_wait_ms
			_hello_wait_ms = minf(2.0 * _hello_wait_ms, Limits.HELLO_MS_MAX)
		return false
	if now >= transport.unanswered_since + Limits.SILENT_MS:
		if hears_others:
			fail(ParleyMessages.CONNECTION_END_REMOTE_TIMEOUT, "the peer fell silent")
		else:
			fail(ParleyMessages.CONNECTION_END_MISC_TIMEOUT, "the peer fell silent, and no other peer is heard")
		return false
	if now >= transport.last_heard_at + Limits.ASK_AFTER_MS and transport.unanswered_since == INF:
		transport.ping()
	transport.carry_on(now)
	return transport.take(now, datagrams)


# --- parts ------------------------------------------------------------------------------------------------------------


func _asked(now: float) -> void:
	used_at = now
	if now - _told_at < Limits.REQUEST_AGAIN_MS:
		return
	_told_at = now
	happened.append("request")


func _hello() -> void:
	var flags := Packets.INFLATES | (Packets.ANSWER_WANTED if transport == null else 0)
	datagrams.append(Packets.hello(theirs, id, flags))


func _connect(now: float) -> void:
	state = ParleyMessages.CONNECTION_STATE_CONNECTED
	transport = ParleyMessageTransport.new(theirs, _rtt_ms, now)
	_hello_at = INF
	_hello()
	for row in _held:
		_push(row[0], row[1], row[2], now)
	_held.clear()
	_held_bytes = 0


func _push(channel: int, bytes: PackedByteArray, is_reliable: bool, flush_at: float) -> void:
	var short := ParleyMessageDeflate.deflated(bytes) if _deflates else PackedByteArray()
	var is_deflated := not short.is_empty()
	if is_reliable:
		transport.push_reliable(channel, short if is_deflated else bytes, is_deflated, flush_at)
	else:
		transport.push_unreliable(channel, short if is_deflated else bytes, is_deflated, flush_at)


func _end_as(new_state: int, reason: int, text: String) -> void:
	state = new_state
	end = reason
	debug = text
	_stop()


func _stop() -> void:
	transport = null
	_has_path = false
	_held.clear()
	_held_bytes = 0
	_hello_at = INF

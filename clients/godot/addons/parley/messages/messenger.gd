class_name ParleyMessenger
extends RefCounted
## The message sessions with all peers, by their ids at the hub. No clock, no socket; [method wake] carries everything on.

const Limits := preload("message_limits.gd")
const Packets := preload("packets.gd")
const FLAGS := (ParleyMessages.NETWORKING_SEND_RELIABLE_NO_NAGLE | ParleyMessages.NETWORKING_SEND_NO_DELAY
	| ParleyMessages.NETWORKING_SEND_USE_CURRENT_THREAD | ParleyMessages.NETWORKING_SEND_AUTORESTART_BROKEN_SESSION)

## Datagrams to send: `[peer, bytes]`.
var outbox: Array[Array] = []
## Peers to which a path is wanted.
var wishes: Array[String] = []
## What the game learns: `["request", peer]`, or `["failed", peer, reason, state, debug]`.
var events: Array[Array] = []
var _sessions := {}
# Round trip of each path that there is.
var _paths := {}
var _wished_at := {}
# Numbers of the peers' sessions that are over: a hello that comes late is no new request.
var _past := {}
var _inbox := ParleyInbox.new()
var _stray_at := -INF
var _turn := 0
# Those that may have more to send in this frame.
var _busy: Array[ParleyMessageSession] = []


# --- the game ---------------------------------------------------------------------------------------------------------


## Returns a value of [enum ParleyMessageConstants.Result].
func send(peer: String, bytes: PackedByteArray, flags: int, channel: int, now: float) -> int:
	var is_channel := channel >= 0 and channel <= Limits.CHANNEL_MAX
	if peer == "" or bytes.size() > Limits.MESSAGE_BYTES_MAX or not is_channel or (flags & ~FLAGS) != 0:
		return ParleyMessages.RESULT_INVALID_PARAM
	var one := session(peer)
	if one != null and one.is_over:
		if (flags & ParleyMessages.NETWORKING_SEND_AUTORESTART_BROKEN_SESSION) == 0:
			return ParleyMessages.RESULT_NO_CONNECTION
		_forget(one)
		one = null
	if one == null:
		one = _begin(peer, now)
	if one == null:
		return ParleyMessages.RESULT_LIMIT_EXCEEDED
	_want(one, now)
	return one.send(channel, bytes, flags, now)


## At most so many, oldest first, as dictionaries; `remote` is the peer.
func receive(channel: int, count_max: int) -> Array[Dictionary]:
	var out: Array[Dictionary] = []
	for unread: ParleyInbox.Unread in _inbox.take(channel, count_max):
		var arrived := unread.arrived
		unread.session.consume(channel, arrived.taken)
		var payload := arrived.bytes
		if arrived.is_deflated:
			var inflated := ParleyMessageDeflate.inflated(payload)
			if inflated.is_empty():
				if arrived.is_reliable:
					unread.session.fail(ParleyMessages.CONNECTION_END_MISC_GENERIC, "the peer sent what cannot be inflated")
				continue
			payload = inflated[0]
		out.append({
			"payload": payload, "size": payload.size(), "channel": channel, "remote": unread.session.peer,
			"flags": ParleyMessages.NETWORKING_SEND_RELIABLE if arrived.is_reliable else ParleyMessages.NETWORKING_SEND_UNRELIABLE,
			"message_number": unread.number, "time_received": roundi(unread.at * 1_000.0),
		})
	return out


## False where there is nobody to accept.
func accept(peer: String, now: float) -> bool:
	var one := session(peer)
	if one == null or one.is_over:
		return false
	_want(one, now)
	one.used_at = now
	return true


## Ends a session at once, without a word to the game. Refuses a peer that only asks.
func close_session(peer: String) -> bool:
	var one := session(peer)
	if one == null:
		return false
	if one.is_wanted:
		one.close(ParleyMessages.CONNECTION_END_APP_GENERIC, "the game closed the session")
	else:
		one.close(ParleyMessages.CONNECTION_END_REMOTE_DENIED, "the peer does not want to talk")
	_collect(one)
	_forget(one)
	return true


## What waits on the channel is dropped; with its last channel the session ends.
func close_channel(peer: String, channel: int) -> bool:
	var one := session(peer)
	if one == null or not one.channels.erase(channel):
		return false
	one.consume(channel, _inbox.drop(one, channel))
	if one.channels.is_empty():
		return close_session(peer)
	return true


## The session with a peer, or null.
func session(peer: String) -> ParleyMessageSession:
	return _sessions.get(peer)


func peers() -> Array:
	return _sessions.keys()


# --- the paths --------------------------------------------------------------------------------------------------------


## There is a path; its round trip is below 0 where it is not known.
func opened(peer: String, rtt_ms: float, now: float) -> void:
	_paths[peer] = rtt_ms
	var one := session(peer)
	if one != null and not one.has_path:
		one.opened(rtt_ms, now)


## There is no path any more, and there will be none.
func lost(peer: String, reason: int, text: String) -> void:
	_paths.erase(peer)
	var one := session(peer)
	if one == null:
		return
	if one.is_wanted:
		one.fail(reason, text)
		_collect(one)
	else:
		_forget(one)


## A datagram of a peer.
func hear(peer: String, bytes: PackedByteArray, now: float) -> void:
	var packet := Packets.read(bytes)
	if packet == null:
		return
	if not _paths.has(peer):
		opened(peer, -1.0, now)
	var one := session(peer)
	match packet.kind:
		Packets.HELLO:
			_hear_hello(peer, one, packet, now)
		Packets.BYE:
			if one != null and (packet.to == one.id or (packet.from == one.theirs and one.theirs != 0)):
				one.hear_bye(packet)
				if not one.is_wanted:
					_forget(one)
		Packets.DATA:
			if one == null or one.is_over or packet.to != one.id:
				if now >= _stray_at + Limits.STRAY_BYE_MS:
					_stray_at = now
					outbox.append([peer, Packets.bye(0, packet.to, ParleyMessages.CONNECTION_END_MISC_PEER_SENT_NO_CONNECTION, "no such session")])
				return
			var arrived: Array[ParleyIncoming.Arrived] = []
			one.hear_data(packet, now, arrived)
			for message in arrived:
				_inbox.add(one, message, now)


func _hear_hello(peer: String, one: ParleyMessageSession, packet: Packets.Packet, now: float) -> void:
	if packet.from == 0 or _past.get(peer, 0) == packet.from:
		return
	var is_new := one != null and one.theirs != 0 and one.theirs != packet.from
	if one != null and (one.is_over or (is_new and one.transport != null)):
		_past[peer] = one.theirs
		_remove(one)
		one = null
	if one == null:
		one = _begin(peer, now)
	if one == null:
		return
	if not one.has_path:
		one.opened(_paths[peer], now)
	one.hear_hello(packet, now)


# --- time -------------------------------------------------------------------------------------------------------------


## Makes the next datagram of each peer. There may be more: see [method go_on].
func wake(now: float) -> void:
	_busy.clear()
	var waking := _sessions.values()
	_turn += 1
	for at in waking.size():
		var one: ParleyMessageSession = waking[(at + _turn) % waking.size()]
		if now >= one.used_at + Limits.IDLE_MS:
			if not one.is_over:
				one.close(ParleyMessages.CONNECTION_END_APP_GENERIC, "the session was not used")
			_collect(one)
			_forget(one)
			continue
		if one.tick(_hears_others(one, now), now):
			_busy.append(one)
		_collect(one)


## Makes another datagram of one peer, of each in turn. False where none has one.
func go_on(now: float) -> bool:
	while not _busy.is_empty():
		var one: ParleyMessageSession = _busy.pop_front()
		if not one.is_over and one.transport.take(now, one.datagrams):
			_busy.append(one)
			_collect(one)
			return true
	return false


## Ends everything, without a word to the game.
func clear() -> void:
	for peer: String in _sessions.keys():
		close_session(peer)
	_paths.clear()


# --- sessions ---------------------------------------------------------------------------------------------------------


func _begin(peer: String, now: float) -> ParleyMessageSession:
	if _sessions.size() >= Limits.SESSIONS_MAX and not _make_room():
		return null
	var one := ParleyMessageSession.new(peer, maxi(1, ParleyRandom.u32()), now)
	_sessions[peer] = one
	if _paths.has(peer):
		one.opened(_paths[peer], now)
	return one


# A session that is over makes room, then one that only asks.
func _make_room() -> bool:
	for only_over: bool in [true, false]:
		for one: ParleyMessageSession in _sessions.values():
			if one.is_over or (not only_over and not one.is_wanted):
				_forget(one)
				return true
	return false


func _want(one: ParleyMessageSession, now: float) -> void:
	one.want(now)
	if not one.has_path and now >= _wished_at.get(one.peer, -INF) + Limits.REQUEST_AGAIN_MS:
		_wished_at[one.peer] = now
		wishes.append(one.peer)


func _hears_others(one: ParleyMessageSession, now: float) -> bool:
	for other: ParleyMessageSession in _sessions.values():
		if other != one and other.transport != null and other.transport.last_heard_at > now - 2.0 * Limits.ASK_AFTER_MS:
			return true
	return false


func _collect(one: ParleyMessageSession) -> void:
	for bytes in one.datagrams:
		outbox.append([one.peer, bytes])
	one.datagrams.clear()
	for what in one.happened:
		events.append([what, one.peer, one.end, one.state, one.debug])
	one.happened.clear()


# With what the peer sent and the game has not read.
func _forget(one: ParleyMessageSession) -> void:
	_past.erase(one.peer)
	if one.theirs != 0:
		_past[one.peer] = one.theirs
	if _past.size() > Limits.SESSIONS_MAX:
		_past.erase(_past.keys()[0])
	_inbox.forget(one)
	_remove(one)


func _remove(one: ParleyMessageSession) -> void:
	_sessions.erase(one.peer)
	_wished_at.erase(one.peer)

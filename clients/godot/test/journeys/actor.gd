extends Node
## A game for the journeys: carries out commands that come as JSON lines on stdin, and prints JSON lines of what happens. Ends
## with stdin.
##
## `{"call": method of Parley, "args": [...]}`, `{"set": property, "to": value}`, `{"send": mode, "to": id, "text": ..., "channel"}`,
## `{"play": {hz, bytes, ms}}`, `{"look": true}`, `{"close_peer": true}`.

var _thread := Thread.new()
var _mutex := Mutex.new()
var _commands: Array[String] = []
var _ended := false
var _stats := {}
var _play := {}
var _seq := 0
var _began := 0
var parley: ParleySession


func _ready() -> void:
	parley = get_node("/root/Parley") as ParleySession
	Engine.max_fps = 60
	for name: String in ["lobby_changed", "player_joined", "player_left", "path_changed", "host_changed", "chat_received", "failed", "list_changed", "applied", "announced"]:
		parley.connect(name, _on_signal.bind(name))
	multiplayer.peer_connected.connect(func(id: int) -> void: emit({"event": "peer_connected", "id": id}))
	multiplayer.peer_disconnected.connect(func(id: int) -> void: emit({"event": "peer_disconnected", "id": id}))
	multiplayer.connected_to_server.connect(func() -> void: emit({"event": "connected_to_server"}))
	multiplayer.server_disconnected.connect(func() -> void: emit({"event": "server_disconnected"}))
	multiplayer.connection_failed.connect(func() -> void: emit({"event": "connection_failed"}))
	parley.datagram_received.connect(func(id: int, bytes: PackedByteArray) -> void:
		emit({"datagram": bytes.get_string_from_utf8(), "from": id, "bytes": bytes.size()}))
	_thread.start(_read)
	emit({"event": "ready", "version": Engine.get_version_info()["string"]})


func _read() -> void:
	while true:
		var line := OS.read_string_from_stdin(65536)
		_mutex.lock()
		if line == "":
			_ended = true
			_mutex.unlock()
			return
		_commands.append(line)
		_mutex.unlock()


func _process(_delta: float) -> void:
	_mutex.lock()
	var commands := _commands.duplicate()
	_commands.clear()
	var ended := _ended
	_mutex.unlock()
	for line in commands:
		_do(JSON.parse_string(line))
	_play_on()
	if ended:
		set_process(false)
		_thread.wait_to_finish()
		get_tree().quit()


func _do(command: Dictionary) -> void:
	if command.has("call"):
		var began := Time.get_ticks_msec()
		var result: Variant = await parley.callv(command["call"], command.get("args", []))
		emit({"returned": command["call"], "is": _plain(result), "code": parley.code, "why": parley.why,
			"ms": Time.get_ticks_msec() - began, "id": multiplayer.get_unique_id() if parley.lobby != null else 0,
			"join_code": parley.lobby.code if parley.lobby != null else ""})
	elif command.has("set"):
		parley.set(command["set"], command["to"])
	elif command.has("send"):
		_send(command["send"], int(command.get("to", 0)), command["text"], int(command.get("channel", 0)))
	elif command.has("play"):
		_play = command["play"]
		_play["until"] = Time.get_ticks_msec() + int(_play["ms"])
		_play["next"] = Time.get_ticks_msec()
		_stats = {}
		_seq = 0
		_began = Time.get_ticks_msec()
		emit({"playing": true})
	elif command.has("stop"):
		_play["until"] = Time.get_ticks_msec()
	elif command.has("datagram"):
		emit({"sent": parley.send_datagram(int(command["to"]), command["datagram"].to_utf8_buffer())})
	elif command.has("look"):
		_look()
	elif command.has("close_peer"):
		multiplayer.multiplayer_peer.close()
	elif command.has("snapshot"):
		var state: Variant = command["snapshot"]
		parley.snapshot = func() -> Variant: return state
	elif command.has("applicants"):
		var method: String = command["applicants"]
		for one in parley.lobby.applicants:
			emit({"returned": method, "is": await parley.call(method, one)})


func _look() -> void:
	var players := []
	if parley.lobby != null:
		for one in parley.lobby.players:
			players.append({"id": one.id, "name": one.name, "host": one.is_host, "local": one.is_local, "data": one.data,
				"info": parley.info(one.id)})
	emit({"look": players, "id": multiplayer.get_unique_id() if multiplayer.multiplayer_peer else 0, "peers": Array(multiplayer.get_peers()),
		"status": parley.peer.get_connection_status(), "data": parley.lobby.data if parley.lobby != null else {},
		"orphans": Performance.get_monitor(Performance.OBJECT_ORPHAN_NODE_COUNT), "objects": Performance.get_monitor(Performance.OBJECT_COUNT),
		"snapshot": _plain(parley.inherited_snapshot()), "stored": parley._room != null and parley._room.snapshots.is_stored})


func _send(mode: String, to: int, text: String, channel: int) -> void:
	var method := "hear_" + mode + ("_2" if channel == 2 else "")
	if to == 0:
		rpc(method, text)
	else:
		rpc_id(to, method, text)


@rpc("any_peer", "call_remote", "reliable") func hear_reliable(text: String) -> void: _heard("reliable", text)
@rpc("any_peer", "call_remote", "unreliable") func hear_unreliable(text: String) -> void: _heard("unreliable", text)
@rpc("any_peer", "call_remote", "unreliable_ordered") func hear_unreliable_ordered(text: String) -> void: _heard("unreliable_ordered", text)
@rpc("any_peer", "call_remote", "reliable", 2) func hear_reliable_2(text: String) -> void: _heard("reliable_2", text)


func _heard(mode: String, text: String) -> void:
	emit({"heard": text if text.length() < 200 else "%d %s" % [text.length(), text.md5_text()], "mode": mode, "from": multiplayer.get_remote_sender_id()})


# --- a game at 60 Hz --------------------------------------------------------------------------------------------------


func _play_on() -> void:
	if _play.is_empty():
		return
	var now := Time.get_ticks_msec()
	if now > _play["until"]:
		# What is reliable may still be on its way.
		if now > _play["until"] + int(_play.get("tail", 2_000)):
			emit({"played": _stats, "sent": _seq})
			_play = {}
		return
	while _play["next"] <= now:
		_play["next"] += 1000.0 / _play["hz"]
		_seq += 1
		var pad := PackedByteArray()
		pad.resize(int(_play.get("bytes", 40)))
		# The host tells everybody, a guest the host.
		var to := 0 if multiplayer.is_server() else 1
		state.rpc_id(to, _seq, pad)
		if _seq % 6 == 0:
			event.rpc_id(to, _seq / 6, now)


@rpc("any_peer", "call_remote", "unreliable") func state(_number: int, _pad: PackedByteArray) -> void:
	var one := _of(multiplayer.get_remote_sender_id())
	var now := Time.get_ticks_msec()
	one["states"] += 1
	one["silence"] = maxi(one["silence"], now - one["last"])
	one["last"] = now


@rpc("any_peer", "call_remote", "reliable") func event(number: int, _at: int) -> void:
	var one := _of(multiplayer.get_remote_sender_id())
	one["events"] += 1
	if number != one["event"] + 1:
		one["lost"] += 1
	one["event"] = number


func _of(id: int) -> Dictionary:
	var key := str(id)
	if not _stats.has(key):
		_stats[key] = {"states": 0, "events": 0, "event": 0, "lost": 0, "silence": 0, "last": _began}
	return _stats[key]


# ----------------------------------------------------------------------------------------------------------------------


func _on_signal(a: Variant = null, b: Variant = null, c: Variant = null) -> void:
	var all := [a, b, c].filter(func(x: Variant) -> bool: return x != null)
	var name: String = all.pop_back()
	emit({"signal": name, "args": all.map(_plain)})


func _plain(value: Variant) -> Variant:
	if value is ParleyLobby:
		return {"players": value.players.map(func(p: ParleyPlayer) -> int: return p.id), "state": value.state, "name": value.name}
	if value is ParleyPlayer:
		return {"id": value.id, "name": value.name}
	if value is ParleyListing:
		return {"id": value.id, "name": value.name, "members": value.member_count, "password": value.has_password}
	if value is Array:
		return value.map(_plain)
	return value


func emit(line: Dictionary) -> void:
	line["at"] = Time.get_ticks_msec()
	print(JSON.stringify(line))

extends Node
## One game of eight that play at 60 Hz: 100 bytes each way in every frame, over bare ENet or over Parley. Prints what it cost.
##
## User arguments: `enet` or `parley`, `host` or `join`, the hub's address or ENet's port, the file of the join code, players,
## seconds.

const HZ := 60
const BYTES := 100

var _kind := ""
var _is_host := false
var _sent := {}
var _number := 0
var _rtts: Array[float] = []
var _until := 0
var _from := 0
var _cpu := 0
var _received := 0
var _frames: Array[int] = []
var _pad := PackedByteArray()
var _join_ms := 0


func _ready() -> void:
	Engine.max_fps = HZ
	var words := OS.get_cmdline_user_args()
	_kind = words[0]
	_is_host = words[1] == "host"
	_pad.resize(BYTES - 12)
	if _kind == "enet":
		var peer := ENetMultiplayerPeer.new()
		if _is_host:
			peer.create_server(int(words[2]))
			_tell_code(words[3], words[2])
		else:
			peer.create_client("127.0.0.1", int(words[2]))
		var began := Time.get_ticks_msec()
		multiplayer.multiplayer_peer = peer
		if not _is_host:
			await multiplayer.connected_to_server
			_join_ms = Time.get_ticks_msec() - began
	elif _is_host:
		Parley.url = words[2]
		Parley.keep_identity = false
		if await Parley.host("Bench", 16) != OK:
			_quit(Parley.why)
			return
		_tell_code(words[3], Parley.lobby.code)
	else:
		Parley.url = words[2]
		Parley.keep_identity = false
		var began := Time.get_ticks_msec()
		if await Parley.join(FileAccess.get_file_as_string(words[3])) != OK:
			_quit(Parley.why)
			return
		_join_ms = Time.get_ticks_msec() - began
	var wanted := int(words[4]) - 1
	var patience := Time.get_ticks_msec() + 60_000
	while multiplayer.get_peers().size() < wanted and Time.get_ticks_msec() < patience:
		await get_tree().process_frame
	# The direct paths are there, and everybody is.
	await get_tree().create_timer(4.0).timeout
	_from = Time.get_ticks_msec()
	_until = _from + 1000 * int(words[5])
	_cpu = _ticks()


func _tell_code(file: String, code: String) -> void:
	FileAccess.open(file + ".new", FileAccess.WRITE).store_string(code)
	DirAccess.rename_absolute(file + ".new", file)


func _process(_delta: float) -> void:
	var now := Time.get_ticks_msec()
	if _until == 0:
		return
	if now >= _until:
		var share := 10.0 * (_ticks() - _cpu) / (now - _from)
		_rtts.sort()
		_frames.sort()
		_until = 0
		print(JSON.stringify({"cpu": share, "p50": _rtts[_rtts.size() / 2] if _rtts.size() > 0 else -1.0,
			"p99": _rtts[_rtts.size() * 99 / 100] if _rtts.size() > 0 else -1.0, "received": _received, "join_ms": _join_ms,
			"frame_p50": _frames[_frames.size() / 2], "frame_p99": _frames[_frames.size() * 99 / 100]}))
		await get_tree().create_timer(2.0).timeout
		_quit("")
		return
	_frames.append(Parley.frame_usec)
	_number += 1
	_sent[_number] = Time.get_ticks_usec()
	if _is_host:
		state.rpc(_number, _pad)
	else:
		state.rpc_id(1, _number, _pad)
		if _number % 6 == 0:
			ping.rpc_id(1, _number)


@rpc("any_peer", "call_remote", "unreliable")
func state(_n: int, _bytes: PackedByteArray) -> void:
	_received += 1


@rpc("any_peer", "call_remote", "unreliable")
func ping(number: int) -> void:
	pong.rpc_id(multiplayer.get_remote_sender_id(), number)


@rpc("any_peer", "call_remote", "unreliable")
func pong(number: int) -> void:
	if _until > 0 and _sent.has(number):
		_rtts.append((Time.get_ticks_usec() - _sent[number]) / 1000.0)


# Hundredths of a second of this process, user and system.
func _ticks() -> int:
	var fields := FileAccess.open("/proc/self/stat", FileAccess.READ).get_line().get_slice(") ", 1).split(" ")
	return int(fields[11]) + int(fields[12])


func _quit(why: String) -> void:
	if why != "":
		print(JSON.stringify({"failed": why}))
	get_tree().quit()

class_name ParleySession
extends Node
## Lobbies, players and connections of one game. The `Parley` autoload is one; a test or a split screen may add others.
##
## Every method that is awaited ends with an [enum Error] in bounded time. After a failure [member why] is a sentence for
## players and [member code] a word for programs.

## The watched list has changed; see [method watch_list].
signal list_changed(lobbies: Array[ParleyListing])
## The lobby, its data or its members have changed.
signal lobby_changed(lobby: ParleyLobby)
signal player_joined(id: int, player_name: String)
## `reason`: `left`, `timed_out`, `kicked` or `banned`.
signal player_left(id: int, reason: String)
## `path`: `direct`, `relay`, `tunnel`, or empty while there is none.
signal path_changed(id: int, path: String)
## Another member hosts. In a star the new host's id is 1 from now on; see [method inherited_snapshot].
signal host_changed(id: int)
signal chat_received(id: int, text: String)
## A datagram of the game's own, beside the MultiplayerAPI; see [method send_datagram].
signal datagram_received(id: int, bytes: PackedByteArray)
## To the host of a lobby with approval; see [method admit] and [method turn_away].
signal applied(applicant: ParleyPlayer)
## The operators of the hub say something to all players, while this machine is in a lobby or watches the list.
signal announced(text: String)
## The time in the lobby is over, or a request has failed.
signal failed(code: String, sentence: String)
## After the addon's work in each frame, and a last time when the session leaves the tree.
signal polled

## Address of the hub; empty for the project setting `parley/url`.
@export var url := ""
## Name of the game at the hub; empty for `parley/game`.
@export var game := ""
## Version of the game; players of different versions do not join each other. Empty for `parley/version`.
@export var version := ""
## Whether the identity is kept in `user://`, so that a restarted game gets its seat back.
@export var keep_identity := true
## What others call this player.
var player_name := ""
## Whether up to 256 sockets may be used for one connection, where both routers are difficult.
var birthday := true
## The lobby that this machine is in, or null.
var lobby: ParleyLobby:
	get:
		return _room.lobby if _room != null else null
## The last failure, as a sentence for players; empty after a success.
var why := ""
## The last failure, as a word for programs.
var code := ""
## Set by the game: returns the state that the next host begins with, up to 64 KiB after compression. Called every 3 seconds
## while this machine hosts, and before it hands over; the hub keeps the newest.
var snapshot := Callable()
## The MultiplayerPeer of this session. It is the same object for every lobby.
var peer := ParleyPeer.new()
## Microseconds that the addon took in the last frame, the seal included.
var frame_usec := 0
## The session has left the tree, or is about to.
var is_ending := false
## Of each frame, for this session's datagrams.
var budget := ParleyFrameBudget.new()
## Lobbies of the local network, without a hub.
var lan := ParleyLan.new(self)
var _desk := ParleyDesk.new(self)
var _members := ParleyMemberRequests.new(self)
var _announcements := {}
var _pump_usec := 0
var _room: ParleyRoom = null
var _list: ParleyListWatch = null
var _pumped_frame := -1


## Opens a lobby and hosts it. `options`: `visibility`, `password`, `approval`, `data`, `mesh`, `host_policy`, `member_data`,
## `relay_only`. Sets `multiplayer.multiplayer_peer`.
func host(lobby_name: String, seats := 8, options := {}) -> Error:
	return await _desk.host(lobby_name, seats, options)


## Joins by join code, lobby id or link. Sets `multiplayer.multiplayer_peer`; returns `OK` when the host is connected.
## `options`: `member_data`.
func join(code_or_id_or_link: String, password := "", options := {}) -> Error:
	return await _desk.join(code_or_id_or_link, password, options)


## Joins a lobby like this, like `{"data[map]": "forest"}`, or hosts one where there is none and `create` says how:
## `{"name", "seats"}` and the options of [method host].
func quick_join(filter := {}, create := {}) -> Error:
	return await _desk.quick_join(filter, create)


## The lobbies that can be joined now, newest first. Empty after a failure; see [member why].
func list(filter := {}) -> Array[ParleyListing]:
	return await _members.list(filter)


## Keeps [signal list_changed] up to date until [method unwatch_list].
func watch_list(filter := {}) -> Error:
	unwatch_list()
	_list = ParleyListWatch.new(_desk.http(), filter)
	return OK


## Ends [method watch_list].
func unwatch_list() -> void:
	if _list != null:
		_list.close()
		_list = null


## What a join code, lobby id or link leads to, without joining. Null after a failure; see [member why].
func preview(code_or_id_or_link: String) -> ParleyListing:
	return await _members.preview(code_or_id_or_link)


## Leaves the lobby and closes all connections. The session can be used again at once.
func leave() -> void:
	lan.leave()
	if _room != null:
		var written: ParleyRequest = null
		if lobby.is_host and snapshot.is_valid():
			written = _room.snapshots.write(snapshot, _room.term)
		_desk.send_leave(_room.lobby.id, written)
		_close_room()


## Removes a player. For the host. `ban` keeps the player out of this lobby.
func kick(id: int, reason := "", ban := false) -> Error:
	return await _members.kick(id, reason, ban)


## See [method ParleyLobby.change].
func change_lobby(changes: Dictionary) -> Error:
	return await _members.change_lobby(changes)


## Changes what this player says about itself; `null` removes an entry.
func set_member_data(entries: Dictionary) -> Error:
	return await _members.change_member(ParleyFields.member_data(entries))


## Says something to everybody in the lobby; they see it by [signal chat_received].
func chat(text: String) -> Error:
	return await _members.chat(text)


## The game begins: the lobby leaves the list. For the host. `start(false)` takes it back.
func start(in_game := true) -> Error:
	return await _members.change_lobby({"state": "in_game" if in_game else "open"})


## Lets an applicant in. For the host of a lobby with approval.
func admit(applicant: ParleyPlayer) -> Error:
	return await _members.admit(applicant.peer_id, true)


## Refuses an applicant. For the host of a lobby with approval.
func turn_away(applicant: ParleyPlayer) -> Error:
	return await _members.admit(applicant.peer_id, false)


## Makes another player the host.
func hand_over(id: int) -> Error:
	return await _members.hand_over(id)


## The state that the host before has handed over; null where there is none.
func inherited_snapshot() -> Variant:
	return _room.snapshots.unpacked() if _room != null else null


## Connects to a player without ENet: guests of a star among each other, or a program that is no Godot game. Returns `OK` once
## there is a path.
func open_path(id: int) -> Error:
	return await _members.open_path(id)


## Sends a sealed datagram of up to 1,207 bytes to a player: it may be lost, and is not ordered. The lower four bits of its
## first byte must be 1 to 14; 0 and 15 are ENet's. False where there is no path, or the bytes do not fit.
func send_datagram(id: int, bytes: PackedByteArray) -> bool:
	var remote := _room.connector.remote(_room.peer_id_of(id)) if _room != null else null
	return remote != null and ParleyRemote.is_game_datagram(bytes) and remote.send(bytes, Time.get_ticks_usec() / 1000.0)


## How a player is connected: `{path, endpoint, rtt_ms, jitter_ms, nat_pair, why, bytes_sent, bytes_received}`. Empty for a player without
## a connection to this machine, as two guests of a star.
func info(id: int) -> Dictionary:
	var remote := _room.connector.remote(_room.peer_id_of(id)) if _room != null else null
	if remote == null:
		return {}
	return {
		"path": remote.path, "endpoint": remote.endpoint, "rtt_ms": remote.rtt_ms, "jitter_ms": remote.jitter_ms, "nat_pair": remote.nat_pair,
		"why": remote.why, "bytes_sent": remote.bytes_sent, "bytes_received": remote.bytes_received,
	}


## What this machine's network can do, in sentences that a player can send to support.
func diagnose() -> String:
	return await _members.diagnose()


## The invitation of the command line (`+join CODE`, `parley://join/CODE`), or empty. Pass it to [method join].
static func invitation() -> String:
	return ParleyInvitation.of_command_line()


# ----------------------------------------------------------------------------------------------------------------------


func _init() -> void:
	process_mode = Node.PROCESS_MODE_ALWAYS
	# At the end of the frame, after the game has put its packets.
	process_priority = 1 << 20


func _enter_tree() -> void:
	is_ending = false
	url = url if url != "" else str(ParleySettings.read(ParleySettings.URL))
	game = game if game != "" else str(ParleySettings.read(ParleySettings.GAME))
	version = version if version != "" else str(ParleySettings.read(ParleySettings.VERSION))
	birthday = birthday and ParleySettings.read(ParleySettings.BIRTHDAY)


func _exit_tree() -> void:
	is_ending = true
	if _room != null:
		leave()
	unwatch_list()
	lan.close()
	_desk.close()
	# The functions that still wait end now: what waits for a frame that never comes is left in memory.
	polled.emit()


func _process(_delta: float) -> void:
	var began := Time.get_ticks_usec()
	_poll(began / 1000.0)
	frame_usec = _pump_usec + Time.get_ticks_usec() - began
	_pump_usec = 0
	polled.emit()


func _poll(now: float) -> void:
	_desk.poll(now)
	lan.poll(now)
	if _list != null:
		_list.poll(now)
		for one in _list.take_announcements():
			announce(one[0], one[1])
		if _list.take_changed():
			list_changed.emit(_list.lobbies())
	if _room == null:
		return
	pump_in()
	_room.poll(budget, now)
	if _room != null and _room.over != "":
		var over := [_room.over, _room.over_why]
		_close_room()
		fail(over[0], over[1])


## Takes in what came, once a frame; the MultiplayerPeer calls it when it is polled.
func pump_in() -> void:
	if _room == null or _pumped_frame == Engine.get_process_frames():
		return
	_pumped_frame = Engine.get_process_frames()
	var began := Time.get_ticks_usec()
	budget.begin()
	_room.pump_in(budget, began / 1000.0)
	_pump_usec += Time.get_ticks_usec() - began


## Remembers a failure and tells of it.
func fail(with_code: String, sentence := "") -> Error:
	code = with_code
	why = sentence if sentence != "" else ParleyErrors.sentence(with_code)
	failed.emit(code, why)
	return ParleyErrors.error(code)


## Tells of an announcement, once: each event stream brings it.
func announce(id: String, text: String) -> void:
	if not _announcements.has(id):
		_announcements[id] = true
		announced.emit(text)


func _close_room() -> void:
	var room := _room
	_room = null
	if is_inside_tree() and multiplayer.multiplayer_peer == peer:
		multiplayer.multiplayer_peer = null
	room.close()

class_name ParleyMessages
extends ParleyMessageConstants
## Messages between the players of a lobby with the names of Steam's Networking Messages, as GodotSteam has them: any player to
## any other one, reliable or not, up to 512 KiB, on numbered channels.
##
## Add one node to the game; it uses the `Parley` autoload. Players are named by their ids at the MultiplayerAPI.
## [codeblock]
## var messages := ParleyMessages.new()
##
## func _ready() -> void:
##     add_child(messages)
##     messages.network_messages_session_request.connect(messages.accept_session_with_user)
##
## func _process(_delta: float) -> void:
##     for message in messages.receive_messages_on_channel(0, 100):
##         print(message.remote_steam_id, " says ", bytes_to_var(message.payload))
## [/codeblock]
## Every method also has the name that GodotSteam gives it, like [method sendMessageToUser], so that a script that used Steam runs
## with `Steam.` replaced. A TypeScript program exchanges the same messages.

## A player wants to talk. While the game ignores it, it learns nothing; the signal comes again while it goes on.
signal network_messages_session_request(remote_id: int)
## No session came about, or one broke. Not emitted where a player closes one, or where one was not used.
signal network_messages_session_failed(remote_id: int, session_error: int, state: int, debug_msg: String)

## The session whose lobby the messages go through; the `Parley` autoload where the game sets none.
var session: ParleySession = null
var _messenger := ParleyMessenger.new()
var _lobby := ""
# The last id of each peer, which may have left.
var _ids := {}
# When a path to each peer was asked for.
var _sought_at := {}


func _init(of_session: ParleySession = null) -> void:
	session = of_session
	process_mode = Node.PROCESS_MODE_ALWAYS
	# Just before the session sends.
	process_priority = (1 << 20) - 1


func _enter_tree() -> void:
	if session == null:
		session = get_node_or_null("/root/Parley") as ParleySession
	if session == null:
		push_error("ParleyMessages: there is no Parley autoload. Enable the plugin, or set `session`.")
		return
	session.datagram_received.connect(_on_datagram)
	session.path_changed.connect(_on_path_changed)
	session.player_left.connect(_on_player_left)


func _exit_tree() -> void:
	if session == null:
		return
	_messenger.clear()
	_send()
	session.datagram_received.disconnect(_on_datagram)
	session.path_changed.disconnect(_on_path_changed)
	session.player_left.disconnect(_on_player_left)


func _process(_delta: float) -> void:
	_check_lobby()
	if _lobby == "":
		return
	var budget := session.budget
	budget.enter(ParleyFrameBudget.MESSAGES)
	_messenger.wake(_now())
	_send()
	while budget.has_room() and _messenger.go_on(_now()):
		_send()
	budget.leave()
	var events := _messenger.events
	_messenger.events = []
	for event in events:
		var id := _id_of(event[1])
		if event[0] == "request":
			network_messages_session_request.emit(id)
		else:
			network_messages_session_failed.emit(id, event[2], event[3], event[4])


# ----------------------------------------------------------------------------------------------------------------------


## Sends a message of up to 512 KiB. `flags`: `NETWORKING_SEND_...`. Returns a value of [enum ParleyMessageConstants.Result].
func send_message_to_user(remote_id: int, data: PackedByteArray, flags: int, channel: int) -> int:
	_check_lobby()
	return _messenger.send(_peer_of(remote_id), data, flags, channel, _now())


## The messages that have come on the channel, oldest first, at most so many. Each is a dictionary: `payload`, `size`, `channel`,
## `flags`, `remote_steam_id` and `identity` (the sender's id), `message_number`, `time_received` (microseconds), `connection` and
## `receiver_user_data` (always 0).
func receive_messages_on_channel(channel: int, max_messages: int) -> Array[Dictionary]:
	_check_lobby()
	var messages := _messenger.receive(channel, max_messages)
	for message in messages:
		var id := _id_of(message["remote"])
		message["remote_steam_id"] = id
		message["identity"] = id
		message["connection"] = 0
		message["receiver_user_data"] = 0
		message.erase("remote")
	return messages


## Accepts a player that asks. False if no such player does.
func accept_session_with_user(remote_id: int) -> bool:
	_check_lobby()
	return _messenger.accept(_peer_of(remote_id), _now())


## Ends the session at once; what was not confirmed may be lost. Refuses a player that only asks.
func close_session_with_user(remote_id: int) -> bool:
	_check_lobby()
	return _messenger.close_session(_peer_of(remote_id))


## Drops what waits on the channel; with its last channel the session ends.
func close_channel_with_user(remote_id: int, channel: int) -> bool:
	_check_lobby()
	return _messenger.close_channel(_peer_of(remote_id), channel)


## `{state, end_reason, end_debug, ping, local_quality, pending_reliable, pending_unreliable, send_rate, path}` of the session with a
## player: milliseconds, a share of 1, bytes, bytes a second.
func get_session_connection_info(remote_id: int) -> Dictionary:
	_check_lobby()
	var one := _messenger.session(_peer_of(remote_id))
	if one == null:
		return {"state": CONNECTION_STATE_NONE, "end_reason": 0, "end_debug": "", "path": ""}
	var info := {"state": one.state, "end_reason": one.end, "end_debug": one.debug, "path": session.info(remote_id).get("path", "")}
	var transport := one.transport
	if transport != null:
		info["ping"] = roundi(transport.rtt.smoothed_ms) if transport.rtt.is_measured else -1
		info["local_quality"] = 1.0 - float(transport.lost_count) / maxi(1, transport.sent_count)
		info["pending_reliable"] = transport.pending_reliable
		info["pending_unreliable"] = transport.pending_unreliable
		info["send_rate"] = transport.send_rate
	return info


## The player's name.
func get_friend_persona_name(remote_id: int) -> String:
	var player := session.lobby.player(remote_id) if session.lobby != null else null
	return player.name if player != null else ""


# --- GodotSteam's spelling --------------------------------------------------------------------------------------------


## See [method send_message_to_user].
func sendMessageToUser(remote_id: int, data: PackedByteArray, flags: int, channel: int) -> int:
	return send_message_to_user(remote_id, data, flags, channel)


## See [method receive_messages_on_channel].
func receiveMessagesOnChannel(channel: int, max_messages: int) -> Array[Dictionary]:
	return receive_messages_on_channel(channel, max_messages)


## See [method accept_session_with_user].
func acceptSessionWithUser(remote_id: int) -> bool:
	return accept_session_with_user(remote_id)


## See [method close_session_with_user].
func closeSessionWithUser(remote_id: int) -> bool:
	return close_session_with_user(remote_id)


## See [method close_channel_with_user].
func closeChannelWithUser(remote_id: int, channel: int) -> bool:
	return close_channel_with_user(remote_id, channel)


## See [method get_session_connection_info].
func getSessionConnectionInfo(remote_id: int) -> Dictionary:
	return get_session_connection_info(remote_id)


## See [method get_friend_persona_name].
func getFriendPersonaName(remote_id: int) -> String:
	return get_friend_persona_name(remote_id)


## Does nothing: the node works by itself.
func run_callbacks() -> void:
	pass


# ----------------------------------------------------------------------------------------------------------------------


# Another lobby, or none: its sessions are over without a word.
func _check_lobby() -> void:
	var now_in := session.lobby.id if session != null and session.lobby != null else ""
	if now_in == _lobby:
		return
	_messenger.clear()
	_messenger = ParleyMessenger.new()
	_ids.clear()
	_sought_at.clear()
	_lobby = now_in


func _send() -> void:
	if session._room == null:
		_messenger.outbox.clear()
		return
	for row in _messenger.outbox:
		# A path may be gone, as after a change of the host.
		if not session.send_datagram(_id_of(row[0]), row[1]) and not _messenger.wishes.has(row[0]):
			_messenger.wishes.append(row[0])
	_messenger.outbox.clear()
	for peer in _messenger.wishes:
		if _now() < _sought_at.get(peer, -INF) + ParleyMessageLimits.REQUEST_AGAIN_MS or _id_of(peer) == 0:
			continue
		_sought_at[peer] = _now()
		var remote := session._room.connector.connect_to(peer, _now())
		if remote.path != "":
			_messenger.opened(peer, remote.rtt_ms, _now())
	_messenger.wishes.clear()


func _on_datagram(id: int, bytes: PackedByteArray) -> void:
	_check_lobby()
	var peer := _peer_of(id)
	if peer != "" and bytes.size() > 0 and bytes[0] >= ParleyMessagePackets.HELLO and bytes[0] <= ParleyMessagePackets.BYE:
		_messenger.hear(peer, bytes, _now())


func _on_path_changed(id: int, path: String) -> void:
	_check_lobby()
	var peer := _peer_of(id)
	if peer != "" and path != "":
		_messenger.opened(peer, session.info(id).get("rtt_ms", -1.0), _now())


func _on_player_left(id: int, _reason: String) -> void:
	for peer: String in _ids:
		if _ids[peer] == id:
			_messenger.lost(peer, CONNECTION_END_REMOTE_TIMEOUT, "the player has left the lobby")


# The peer of an id; empty where there is none, or it is this machine.
func _peer_of(id: int) -> String:
	var player := session.lobby.player(id) if session != null and session.lobby != null else null
	if player == null or player.is_local:
		return ""
	_ids[player.peer_id] = id
	return player.peer_id


# Ids follow the host: the new host's is 1.
func _id_of(peer: String) -> int:
	if session.lobby != null:
		for player in session.lobby.players:
			if player.peer_id == peer:
				_ids[peer] = player.id
				return player.id
	return _ids.get(peer, 0)


static func _now() -> float:
	return Time.get_ticks_usec() / 1000.0

class_name ParleyRoom
extends RefCounted
## This machine's time in one lobby: follows the hub's events, keeps the players, and connects to those that it must reach. The
## session polls it.

const CONNECT_EVERY_MS := 50.0

var lobby := ParleyLobby.new()
var stream: ParleyEventStream
var connector: ParleyConnector
var peer: ParleyPeer
var is_mesh := false
## The hub is watched, and connections can be made.
var is_watched := false
## Not empty when the time in this lobby is over: the code and the sentence.
var over := ""
var over_why := ""
var snapshots: ParleySnapshots
## The host's term of office.
var term := 0
var _session: WeakRef
var _http: ParleyHttp
var _me := ""
var _host := ""
var _json := {}
var _roster := ParleyRoster.new()
# This machine hosts now: host_changed is emitted once the state of the host before is here.
var _tell_host := false
var _connect_at := 0.0
var _own_addresses := ParleyOwnAddresses.new()


func _init(session: ParleySession, http: ParleyHttp, me: String, joined: Dictionary, observer: ParleyObserver) -> void:
	_session = weakref(session)
	_http = http
	_me = me
	_json = joined
	_host = ParleyFields.host_of(joined)
	term = ParleyFields.term_of(joined)
	is_mesh = ParleyFields.is_mesh(joined)
	peer = session.peer
	lobby._session = weakref(session)
	snapshots = ParleySnapshots.new(http, ParleyFields.lobby_id(joined))
	stream = ParleyEventStream.new(http, {"topic": "lobby", "lobby_id": ParleyFields.lobby_id(joined)})
	connector = ParleyConnector.new(http, stream, ParleyFields.lobby_id(joined), observer)
	connector.reach.birthday = session.birthday
	_read_lobby()
	peer.start(session, id_of(_me), is_mesh)


## The id at the MultiplayerAPI: 1 for the host of a star, else a number made of the two ids.
func id_of(peer_id: String) -> int:
	if peer_id == _host and not is_mesh:
		return 1
	var digest := (lobby.id + "/" + peer_id).sha256_buffer()
	return maxi(2, digest.decode_u32(0) & 0x7FFFFFFF)


func peer_id_of(id: int) -> String:
	var player := lobby.player(id)
	return player.peer_id if player != null else ""


func host_remote() -> ParleyRemote:
	return connector.remote(_host)


var host_refusal: PackedStringArray:
	get:
		return connector.refusal(_host)


func pump_in(budget: ParleyFrameBudget, now: float) -> void:
	budget.enter(ParleyFrameBudget.RECEIVING)
	connector.pump_in(budget, now)
	peer.pump_in(now)
	for remote in connector.remotes():
		for bytes in remote.take_datagrams():
			session().datagram_received.emit(id_of(remote.peer_id), bytes)
	budget.leave()


func poll(budget: ParleyFrameBudget, now: float) -> void:
	stream.poll(now)
	if stream.over != "" and over == "":
		_end(stream.over)
	var events := stream.inbox
	stream.inbox = []
	for event in events:
		if over == "":
			_handle(event["type"], event["data"], now)
	if over != "":
		return
	if _own_addresses.have_changed(now):
		moved(now)
	snapshots.poll(now, session().snapshot if lobby.is_host else Callable(), term)
	if _tell_host and not snapshots.is_fetching:
		_tell_host = false
		session().host_changed.emit(lobby.host_id)
	connector.refuse_new = peer.refuse_new_connections
	if now >= _connect_at:
		_connect_at = now + CONNECT_EVERY_MS
		_connect(now)
	budget.enter(ParleyFrameBudget.SENDING)
	peer.pump_out(budget, now)
	budget.leave()
	connector.poll(now)
	for remote in connector.changed:
		session().path_changed.emit(id_of(remote.peer_id), remote.path)
	connector.changed.clear()


func close() -> void:
	_own_addresses.close()
	peer.stop()
	connector.close()
	stream.close()


# --- the hub's events -------------------------------------------------------------------------------------------------


func _handle(type: String, data: Dictionary, now: float) -> void:
	if connector.handle(type, data, now):
		return
	match type:
		"snapshot":
			_change(ParleyFields.joined_lobby(data))
			is_watched = true
			connector.resume(now)
		"resumed":
			connector.resume(now)
		"lobby.updated":
			_change(ParleyFields.joined_lobby(data))
		"lobby.host_changed":
			_change(ParleyFields.with_host(_json, data))
		"lobby.removed":
			_end(ParleyFields.text(data, "cause"), ParleyFields.text(data, "message"))
		"member.joined", "member.updated":
			_change(ParleyFields.with_member(_json, data))
		"member.left":
			_member_left(ParleyFields.text(data, "peer_id"), ParleyFields.text(data, "cause"))
		"member.applied":
			_http_refresh()
		"announcement":
			session().announce(ParleyFields.text(data, "announcement_id"), ParleyFields.text(data, "text"))
		"chat":
			session().chat_received.emit(_shown_id(ParleyFields.text(data, "from")), ParleyFields.text(data, "text"))


func _change(json: Dictionary) -> void:
	if json.is_empty():
		return
	_connect_at = 0.0
	_json = json
	var host := ParleyFields.host_of(json)
	term = maxi(term, ParleyFields.term_of(json))
	if host != _host:
		_change_host(host)
	_read_lobby()
	session().lobby_changed.emit(lobby)


# A star moves to the new host: everybody connects to it again, and ids stay, but that the new host is 1 from now on.
func _change_host(host: String) -> void:
	var before := _host
	var old_id := id_of(_me)
	_host = host
	if host == "":
		return
	if host == _me:
		snapshots.fetch()
	if is_mesh:
		_read_lobby()
		_announce_host(host)
		return
	var others := session().multiplayer.get_peers()
	peer.stop()
	peer.start(session(), id_of(_me), is_mesh)
	if before != _me and old_id == id_of(_me):
		peer.keep_connected()
	for remote in connector.remotes():
		if remote.peer_id != host and _me != host:
			connector.drop(remote.peer_id)
	_read_lobby()
	peer.announce_lost(others)
	_announce_host(host)


func _announce_host(host: String) -> void:
	_tell_host = host == _me
	if not _tell_host:
		session().host_changed.emit(id_of(host))


func _member_left(peer_id: String, state: String) -> void:
	if peer_id == _me:
		# `lobby.removed` follows a kick or a ban, and carries the host's message.
		# Only the host can take the seat before the first snapshot; later a long silence can end it.
		if over == "" and state not in ["kicked", "banned"]:
			_end(state if state != "left" else ("timed_out" if is_watched else "kicked"))
		return
	var player: ParleyPlayer = _roster.players.get(peer_id)
	_json = ParleyFields.without_member(_json, peer_id)
	if player == null:
		return
	peer.remove_link(player.id)
	connector.drop(peer_id)
	_roster.players.erase(peer_id)
	_read_lobby()
	session().player_left.emit(player.id, state)
	session().lobby_changed.emit(lobby)


func _read_lobby() -> void:
	ParleyFields.fill_lobby(lobby, _json)
	lobby.link = "parley://join/" + (lobby.code if lobby.code != "" else lobby.id)
	lobby.is_host = _host == _me
	lobby.host_id = id_of(_host) if _host != "" else 0
	_roster.read(lobby, _json, _me, _host, id_of)
	# A handler of these signals may read the lobby again.
	var gone := _roster.gone
	var applied := _roster.applied
	for player in _roster.joined:
		if not player.is_local:
			session().player_joined.emit(player.id, player.name)
	for applicant in applied:
		session().applied.emit(applicant)
	for peer_id in gone:
		_member_left(peer_id, "left")


# An applicant arrives: the lobby as the host sees it names all applicants.
var _refresh: ParleyRequest = null


func _http_refresh() -> void:
	if _refresh == null:
		_refresh = _http.request(HTTPClient.METHOD_GET, "/lobbies/" + lobby.id)


func _check_refresh() -> void:
	if _refresh == null or not _refresh.done:
		return
	var json: Variant = _refresh.json
	_refresh = null
	if not json is Dictionary or ParleyFields.lobby_id(json) != lobby.id:
		return
	_change(json)


func _end(reason: String, detail := "") -> void:
	over = ParleyFields.end_code(reason)
	over_why = ParleyErrors.sentence(over) + ((" " + detail) if detail != "" else "")


# --- connections ------------------------------------------------------------------------------------------------------


# A star's guests reach the host; in a mesh the later one reaches the earlier ones.
func _connect(now: float) -> void:
	_check_refresh()
	if not is_watched:
		return
	for player in lobby.players:
		if player.is_local:
			continue
		var is_wanted := is_mesh or player.is_host or lobby.is_host
		if not is_wanted:
			continue
		var remote := connector.remote(player.peer_id)
		if remote == null and _dials(player):
			remote = connector.connect_to(player.peer_id, now)
		if remote != null and not peer.has_link(player.id) and remote.channel != null:
			peer.add_link(player.id, remote, _dials(player), now)


func _dials(player: ParleyPlayer) -> bool:
	if not is_mesh:
		return player.is_host
	for one in lobby.players:
		if one.is_local:
			return false
		if one == player:
			return true
	return false


## This machine has another address.
func moved(now: float) -> void:
	_http.forget_connections()
	stream.renew(now)
	connector.moved(now)


# ----------------------------------------------------------------------------------------------------------------------


func _shown_id(peer_id: String) -> int:
	return id_of(peer_id) if _roster.players.has(peer_id) else 0


func session() -> ParleySession:
	return _session.get_ref() as ParleySession

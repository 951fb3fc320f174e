class_name ParleyDesk
extends RefCounted
## The session's requests to the hub: identity, hosting, joining, and what a member may ask for. Each is bounded.

## The first path and ENet's handshake take no longer, or the join has failed.
const CONNECT_MS := 20_000.0
const WATCH_MS := 10_000.0
const ADMISSION_MS := 60_000.0
const ADMISSION_EVERY_MS := 1_000.0
const LEAVE_MS := 2_000.0

var peer_id: String:
	get:
		return _identity.peer_id
var _session: WeakRef
var _worker := ParleyWorker.new()
var _http: ParleyHttp = null
var _identity := ParleyIdentity.new()
var _observer := ParleyObserver.new()
var _filter_test: ParleyFilterTest = null
var _udp_sign: ParleyUdpSign = null
var _is_open := false
var _is_busy := false
# Rises with every leave: an entry that began before is given up.
var _entry := 0


func _init(session: ParleySession) -> void:
	_session = weakref(session)


func http() -> ParleyHttp:
	var session := _get_session()
	if _http == null or _http.url != session.url.trim_suffix("/") or _http.game != session.game:
		if _http != null:
			_http.close()
			_identity.close()
		_http = ParleyHttp.new(session.url, session.game, _worker)
		_identity = ParleyIdentity.new()
		_is_open = false
	return _http


func poll(now: float) -> void:
	if _http != null:
		_http.poll()
	if _filter_test != null:
		_filter_test.poll(now)
		if _filter_test.done:
			_filter_test = null
	if _udp_sign != null:
		_udp_sign.poll(now)


func close() -> void:
	_entry += 1
	if _http != null:
		_http.flush(LEAVE_MS)
		_http.close()
		_http = null
	_worker.close()
	if _filter_test != null:
		_filter_test.close()
		_filter_test = null
	_end_udp_sign()
	_identity.close()
	_is_open = false


# --- getting in -------------------------------------------------------------------------------------------------------


func host(lobby_name: String, seats: int, options: Dictionary) -> Error:
	var session := _get_session()
	var body := ParleyFields.new_lobby(lobby_name, seats, options, session.version, session.player_name)
	return await _enter("/lobbies", body)


func join(invitation: String, password: String, options: Dictionary) -> Error:
	var session := _get_session()
	var text := ParleyInvitation.read(invitation)
	if text == "":
		return session.fail(ParleyErrors.BAD_INVITATION)
	if ParleyInvitation.is_code(text):
		return await _enter("/join-by-code", ParleyFields.joining(text, password, session.version, session.player_name, options))
	var body := ParleyFields.joining("", password, session.version, session.player_name, options)
	return await _enter("/lobbies/%s/members" % text.uri_encode(), body)


func quick_join(filter: Dictionary, create: Dictionary) -> Error:
	var session := _get_session()
	var made := {}
	if not create.is_empty():
		made = ParleyFields.new_lobby(create.get("name", "Game"), create.get("seats", 8), create, session.version, session.player_name)
	return await _enter("/quick-join", ParleyFields.quick_joining(filter, made, session.version, session.player_name))


func _enter(path: String, body: Dictionary) -> Error:
	var session := _get_session()
	if not session.is_inside_tree():
		return ERR_UNCONFIGURED
	if _is_busy:
		return session.fail(ParleyErrors.BUSY)
	if session._room != null or session.lan.is_active():
		return session.fail(ParleyErrors.ALREADY_IN_LOBBY)
	_is_busy = true
	_entry += 1
	var error := await _enter_as(session, path, body, _entry)
	_is_busy = false
	return error


func _enter_as(session: ParleySession, path: String, body: Dictionary, entry: int) -> Error:
	var answer := await ask_as_peer(HTTPClient.METHOD_POST, path, body)
	var until := _now() + ADMISSION_MS
	while answer.code == "" and ParleyFields.is_pending(answer.json):
		if _now() > until:
			return session.fail("not_admitted", "The host did not let you in in time.")
		await _pause(ADMISSION_EVERY_MS)
		if entry != _entry:
			return session.fail(ParleyErrors.LEFT)
		answer = await ask_as_peer(HTTPClient.METHOD_POST, path, body)
	if entry != _entry:
		return session.fail(ParleyErrors.LEFT)
	if answer.code != "":
		return session.fail(answer.code, answer.why)
	var ticket := ParleyFields.text(answer.json, "session_ticket")
	_observer.udp_token = ticket if ticket != "" else _identity.udp_token
	if _identity.has_udp_token:
		_observer.udp_token = _identity.udp_token
	_observer.sidecars = ParleyConnectionFields.native_endpoints(_identity.sidecars, session.url)
	if _filter_test == null and _now() - _observer.filtering_at > ParleyObserver.FILTERING_MS:
		_filter_test = ParleyFilterTest.new(_observer, _now())
	_end_udp_sign()
	_udp_sign = ParleyUdpSign.new(_observer, ticket, _now())
	session._room = ParleyRoom.new(session, _http, _identity.peer_id, ParleyFields.joined_lobby(answer.json), _observer)
	session.multiplayer.multiplayer_peer = session.peer
	return await _wait_for_path(session, session._room)


func _end_udp_sign() -> void:
	if _udp_sign != null:
		_udp_sign.close()
		_udp_sign = null


# Until the hub is watched, and for a guest until the host is connected.
func _wait_for_path(session: ParleySession, room: ParleyRoom) -> Error:
	var began := _now()
	while session._room == room:
		var ready := room.is_watched and (room.is_mesh or room.lobby.is_host or room.peer.is_linked(1))
		if ready:
			session.code = ""
			session.why = ""
			return OK
		if _now() - began > (CONNECT_MS if room.is_watched else WATCH_MS):
			var refusal := room.host_refusal
			var was_watched := room.is_watched
			send_leave(room.lobby.id)
			session._close_room()
			if not was_watched:
				return session.fail(ParleyErrors.UNREACHABLE)
			return session.fail(ParleyErrors.NO_PATH, ParleyErrors.sentence(ParleyErrors.NO_PATH) + (" " + refusal[1] if refusal[1] != "" else ""))
		await session.polled
	# The lobby ended meanwhile, and the session has said why; or the game left.
	if session.code == "":
		session.code = ParleyErrors.LEFT
		session.why = ParleyErrors.sentence(ParleyErrors.LEFT)
	return ParleyErrors.error(session.code)


## The seat is given back; nobody waits for the answer.
func send_leave(lobby_id: String, after: ParleyRequest = null) -> void:
	_entry += 1
	if _http != null:
		_http.request(HTTPClient.METHOD_DELETE, "/lobbies/%s/members/%s" % [lobby_id, _identity.peer_id], null, after)


## Asks for something that has no answer.
func done(method: HTTPClient.Method, path: String, body: Variant = null) -> Error:
	var answer := await finished(http().request(method, path, body))
	var session := _get_session()
	if session == null:
		return ERR_UNCONFIGURED
	if answer.code != "":
		return session.fail(answer.code, answer.why)
	session.code = ""
	session.why = ""
	return OK


# --- identity ---------------------------------------------------------------------------------------------------------


## Asks with an identity: the stored one, or a new one where there is none or the hub refuses it.
func ask_as_peer(method: HTTPClient.Method, path: String, body: Variant = null) -> ParleyRequest:
	var refusal := await identify()
	if refusal != null:
		return refusal
	var answer := await finished(http().request(method, path, body))
	if answer.code != "unauthorized":
		return answer
	_identity.forget()
	refusal = await identify()
	if refusal != null:
		return refusal
	return await finished(http().request(method, path, body))


## Null after a success.
func identify() -> ParleyRequest:
	var hub := http()
	var session := _get_session()
	if not _is_open:
		_is_open = true
		if session.keep_identity:
			_identity.open(session.url, session.game)
	if not _identity.is_valid:
		hub.token = ""
		var made := await finished(hub.request(HTTPClient.METHOD_POST, "/peers"))
		if made.code != "":
			return made
		if not _identity.take(made.json):
			made.fail(ParleyErrors.UNREACHABLE, "Something that is no lobby server answered.")
			return made
	hub.token = _identity.token
	if _identity.sidecars.is_empty():
		var listed := await finished(hub.request(HTTPClient.METHOD_GET, "/sidecars"))
		if listed.code == "":
			_identity.sidecars = ParleyFields.sidecars(listed.json)
		elif listed.code == ParleyErrors.UNREACHABLE:
			return listed
	return null


## Waits for the end of a request.
func finished(request: ParleyRequest) -> ParleyRequest:
	var session := _get_session()
	while not request.done and session != null and session.is_inside_tree() and not session.is_ending:
		await session.polled
	if not request.done:
		request.fail(ParleyErrors.LEFT, ParleyErrors.sentence(ParleyErrors.LEFT))
	return request


func _pause(ms: float) -> void:
	var session := _get_session()
	var until := _now() + ms
	while _now() < until and session.is_inside_tree() and not session.is_ending:
		await session.polled


func _get_session() -> ParleySession:
	return _session.get_ref() as ParleySession


static func _now() -> float:
	return Time.get_ticks_usec() / 1000.0

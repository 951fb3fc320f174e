class_name ParleyMemberRequests
extends RefCounted
## What a member of a lobby asks the hub for, and the list. Each request is bounded.

var _session: WeakRef


func _init(session: ParleySession) -> void:
	_session = weakref(session)


func list(filter: Dictionary) -> Array[ParleyListing]:
	var session := _get_session()
	var search := PackedStringArray()
	var texts := ParleyListFields.texts(filter)
	for field: String in texts:
		search.append(field.uri_encode() + "=" + str(texts[field]).uri_encode())
	var query := "?" + "&".join(search) if search.size() > 0 else ""
	var answer := await _desk().finished(_desk().http().request(HTTPClient.METHOD_GET, "/lobbies" + query))
	if answer.code != "":
		session.fail(answer.code, answer.why)
		return []
	session.why = ""
	session.code = ""
	return ParleyListFields.listings(answer.json)


func preview(invitation: String) -> ParleyListing:
	var session := _get_session()
	var text := ParleyInvitation.read(invitation)
	if text == "":
		session.fail(ParleyErrors.BAD_INVITATION)
		return null
	var path := ("/lobbies/by-code/" if ParleyInvitation.is_code(text) else "/lobbies/") + text.uri_encode()
	var answer := await _desk().ask_as_peer(HTTPClient.METHOD_GET, path)
	if answer.code != "":
		session.fail(answer.code, answer.why)
		return null
	session.code = ""
	session.why = ""
	return ParleyListFields.listing(answer.json)


func kick(id: int, reason: String, ban: bool) -> Error:
	var room := _get_session()._room
	var peer_id := room.peer_id_of(id) if room != null else ""
	if peer_id == "":
		return _get_session().fail("member_not_found", "There is no such player in the lobby.")
	var path := "/lobbies/%s/%s" % [room.lobby.id, "bans" if ban else "kicks"]
	return await _desk().done(HTTPClient.METHOD_POST, path, ParleyFields.removal(peer_id, reason))


func change_lobby(changes: Dictionary) -> Error:
	var room := _get_session()._room
	if room == null:
		return _get_session().fail(ParleyErrors.NOT_IN_LOBBY)
	return await _desk().done(HTTPClient.METHOD_PATCH, "/lobbies/" + room.lobby.id, ParleyFields.changes(changes))


func change_member(changes: Dictionary) -> Error:
	var room := _get_session()._room
	if room == null:
		return _get_session().fail(ParleyErrors.NOT_IN_LOBBY)
	return await _desk().done(HTTPClient.METHOD_PATCH, "/lobbies/%s/members/%s" % [room.lobby.id, _desk().peer_id], changes)


func chat(text: String) -> Error:
	var room := _get_session()._room
	if room == null:
		return _get_session().fail(ParleyErrors.NOT_IN_LOBBY)
	return await _desk().done(HTTPClient.METHOD_POST, "/lobbies/%s/chat" % room.lobby.id, ParleyFields.chat_line(text))


func admit(peer_id: String, lets_in: bool) -> Error:
	var room := _get_session()._room
	if room == null:
		return _get_session().fail(ParleyErrors.NOT_IN_LOBBY)
	var action := "admit" if lets_in else "deny"
	return await _desk().done(HTTPClient.METHOD_POST, "/lobbies/%s/applicants/%s/%s" % [room.lobby.id, peer_id, action])


func hand_over(id: int) -> Error:
	var session := _get_session()
	var room := session._room
	if room == null:
		return session.fail(ParleyErrors.NOT_IN_LOBBY)
	var peer_id := room.peer_id_of(id)
	if session.snapshot.is_valid():
		var written := room.snapshots.write(session.snapshot, room.term)
		if written != null:
			await _desk().finished(written)
	return await _desk().done(HTTPClient.METHOD_PUT, "/lobbies/%s/host" % room.lobby.id, ParleyFields.hand_over(peer_id, room.term))


func open_path(id: int) -> Error:
	var session := _get_session()
	var room := session._room
	var peer_id := room.peer_id_of(id) if room != null else ""
	if peer_id == "":
		return session.fail(ParleyErrors.NOT_IN_LOBBY if room == null else "member_not_found")
	var remote := room.connector.connect_to(peer_id, ParleyDesk._now())
	var until := ParleyDesk._now() + ParleyDesk.CONNECT_MS
	while session._room == room and not remote.is_closed and ParleyDesk._now() < until:
		if remote.path != "":
			session.code = ""
			session.why = ""
			return OK
		await session.polled
	return session.fail(ParleyErrors.NO_PATH)


func diagnose() -> String:
	return await ParleyDiagnosis.new().run(_desk())


func _get_session() -> ParleySession:
	return _session.get_ref() as ParleySession


func _desk() -> ParleyDesk:
	return _get_session()._desk

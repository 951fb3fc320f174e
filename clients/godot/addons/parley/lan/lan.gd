class_name ParleyLan
extends RefCounted
## Lobbies of the local network, without a hub and without the internet: found by UDP broadcast and multicast over IPv4, played
## over plain ENet. [member ParleySession.lan] is one.
##
## [codeblock]
## await Parley.lan.host("Nice", 8)
##
## Parley.lan.list_changed.connect(func(lobbies: Array[ParleyLanListing]) -> void: ...)
## Parley.lan.watch()
## await Parley.lan.join(lobby)          # of the list, or "192.168.1.7"
## [/codeblock]
## `multiplayer.peer_connected`, `@rpc` and the rest work as in other lobbies; [method ParleySession.leave] leaves this one too.

## The watched list has changed; see [method watch].
signal list_changed(lobbies: Array[ParleyLanListing])

## A host that was just found answers within this.
const ASK_MS := 2_000.0
const CONNECT_MS := 5_000.0

## The lobby that this machine is in, or null. It is kept up to date. Its `address` is empty on the host.
var lobby: ParleyLanListing = null
## This machine hosts.
var is_host := false
var _session: WeakRef
var _beacon: ParleyLanBeacon = null
var _search: ParleyLanSearch = null
# Of a guest: what its host says.
var _follow: ParleyLanSearch = null
var _peer: ENetMultiplayerPeer = null
var _is_busy := false
# Rises with every leave: a join that began before is given up.
var _entry := 0


func _init(session: ParleySession) -> void:
	_session = weakref(session)


## The lobbies that answer now; empty unless watched.
var lobbies: Array[ParleyLanListing]:
	get:
		return _search.listings() if _search != null else ([] as Array[ParleyLanListing])


## Opens a lobby on this network and hosts it. `options`: `data`, entries of `String`, number or `bool`; `port`, the game's UDP
## port, 0 for any. Sets `multiplayer.multiplayer_peer`.
func host(lobby_name: String, seats := 8, options := {}) -> Error:
	var session := _get_session()
	if is_active() or session.lobby != null:
		return session.fail(ParleyErrors.ALREADY_IN_LOBBY)
	var entry := ParleyLanListing.new()
	entry.id = ParleyRandom.word(16)
	entry.name = lobby_name.left(ParleyLanPacket.NAME_CHARACTERS_MAX)
	entry.seats = clampi(seats, 1, ParleyLanPacket.SEATS_MAX)
	entry.version = session.version.left(ParleyLanPacket.NAME_CHARACTERS_MAX)
	entry.data = options.get("data", {})
	entry.member_count = 1
	var peer := ENetMultiplayerPeer.new()
	if peer.create_server(int(options.get("port", 0)), maxi(1, entry.seats - 1)) != OK:
		return session.fail(ParleyErrors.UNREACHABLE, "The UDP port of the game is in use.")
	entry.port = peer.host.get_local_port()
	var beacon := ParleyLanBeacon.new()
	var answer := ParleyLanPacket.lobby(session.game, entry)
	if answer.is_empty() or not beacon.open():
		peer.close()
		beacon.close()
		if answer.is_empty():
			return session.fail("invalid_request", "The lobby's data does not fit into one datagram.")
		return session.fail(ParleyErrors.BUSY, "This machine hosts too many games on this network already.")
	_beacon = beacon
	is_host = true
	_enter(session, peer, entry)
	return OK


## Joins a lobby of the list, or the first one at a numeric IPv4 address. Returns `OK` when the host is connected.
func join(lobby_or_address: Variant) -> Error:
	var session := _get_session()
	if _is_busy:
		return session.fail(ParleyErrors.BUSY)
	if is_active() or session.lobby != null:
		return session.fail(ParleyErrors.ALREADY_IN_LOBBY)
	var wanted := lobby_or_address as ParleyLanListing if lobby_or_address is ParleyLanListing else null
	var address := wanted.address if wanted != null else str(lobby_or_address).strip_edges()
	if not address.is_valid_ip_address() or not ParleyAddresses.is_v4(address):
		return session.fail(ParleyErrors.BAD_INVITATION, "This is no IPv4 address.")
	_is_busy = true
	_entry += 1
	var error := await _join(session, wanted, address, _entry)
	_is_busy = false
	return error


## Keeps [signal list_changed] up to date until [method unwatch].
func watch() -> void:
	unwatch()
	_search = ParleyLanSearch.new(_get_session().game)
	_search.changed = true


## Ends [method watch].
func unwatch() -> void:
	if _search != null:
		_search.close()
		_search = null


## The game begins, or is over: a lobby in its game cannot be joined. For the host.
func start(in_game := true) -> void:
	if not is_host:
		return
	lobby.state = "in_game" if in_game else "open"
	_peer.refuse_new_connections = in_game


## Whether this machine is in a lobby of the local network.
func is_active() -> bool:
	return lobby != null


## Leaves the lobby and closes all connections.
func leave() -> void:
	_entry += 1
	if not is_active():
		return
	lobby = null
	is_host = false
	if _beacon != null:
		_beacon.close()
		_beacon = null
	if _follow != null:
		_follow.close()
		_follow = null
	var session := _get_session()
	if session != null and session.is_inside_tree() and session.multiplayer.multiplayer_peer == _peer:
		session.multiplayer.multiplayer_peer = null
	_peer.close()
	_peer = null


## Carries everything on; the session calls it every frame.
func poll(now: float) -> void:
	var session := _get_session()
	if _search != null:
		_search.poll(now)
		if _search.changed:
			_search.changed = false
			list_changed.emit(_search.listings())
	if not is_active():
		return
	if _peer.get_connection_status() == MultiplayerPeer.CONNECTION_DISCONNECTED:
		leave()
		session.fail(ParleyErrors.HOST_LOST, "The host has left.")
		return
	if is_host:
		lobby.member_count = session.multiplayer.get_peers().size() + 1
		_beacon.poll(session.game, ParleyLanPacket.lobby(session.game, lobby))
		return
	_follow.poll(now)
	for one in _follow.listings():
		if one.id == lobby.id:
			lobby = one


## Ends everything; the session calls it when it leaves the tree.
func close() -> void:
	leave()
	unwatch()


# ----------------------------------------------------------------------------------------------------------------------


func _join(session: ParleySession, wanted: ParleyLanListing, address: String, entry: int) -> Error:
	var found := await _find(session, wanted, address, entry)
	if entry != _entry:
		return session.fail(ParleyErrors.LEFT)
	if found == null:
		return session.fail(ParleyErrors.TIMED_OUT, "No game answers at %s." % address)
	if found.version != "" and session.version != "" and found.version != session.version:
		return session.fail("version_mismatch", "The host plays version %s, this is %s." % [found.version, session.version])
	if not found.joinable:
		return _refuse(session, found)
	var peer := ENetMultiplayerPeer.new()
	if peer.create_client(found.address, found.port) != OK:
		return session.fail(ParleyErrors.NO_PATH)
	var until := _now() + CONNECT_MS
	session.multiplayer.multiplayer_peer = peer
	while peer.get_connection_status() == MultiplayerPeer.CONNECTION_CONNECTING and _now() < until and entry == _entry:
		await session.polled
	if entry == _entry and peer.get_connection_status() == MultiplayerPeer.CONNECTION_CONNECTED:
		_follow = ParleyLanSearch.new(session.game, PackedStringArray([found.address]), false)
		_enter(session, peer, found)
		return OK
	if session.multiplayer.multiplayer_peer == peer:
		session.multiplayer.multiplayer_peer = null
	peer.close()
	# ENet does not answer when another guest has taken the last seat meanwhile.
	var now := await _find(session, found, found.address, entry)
	if entry != _entry:
		return session.fail(ParleyErrors.LEFT)
	return session.fail(ParleyErrors.NO_PATH) if now == null or now.joinable else _refuse(session, now)


static func _refuse(session: ParleySession, listing: ParleyLanListing) -> Error:
	if listing.state == "in_game":
		return session.fail("lobby_closed", "The game has begun.")
	return session.fail("lobby_full", "The lobby is full.")


# What the host says now: its port and whether there is a seat.
func _find(session: ParleySession, wanted: ParleyLanListing, address: String, entry: int) -> ParleyLanListing:
	var search := ParleyLanSearch.new(session.game, PackedStringArray([address]))
	var until := _now() + ASK_MS
	var found: ParleyLanListing = null
	while found == null and _now() < until and entry == _entry:
		search.poll(_now())
		for one in search.listings():
			if (wanted != null and one.id == wanted.id) or (wanted == null and one.address == address):
				found = one
		if found == null:
			await session.polled
	search.close()
	return found


func _enter(session: ParleySession, peer: ENetMultiplayerPeer, entry: ParleyLanListing) -> void:
	_peer = peer
	lobby = entry
	session.multiplayer.multiplayer_peer = peer
	session.code = ""
	session.why = ""


func _get_session() -> ParleySession:
	return _session.get_ref() as ParleySession


static func _now() -> float:
	return Time.get_ticks_usec() / 1000.0

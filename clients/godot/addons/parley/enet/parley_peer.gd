class_name ParleyPeer
extends MultiplayerPeerExtension
## A MultiplayerPeer with ENet inside: every remote player has its own ENet connection, carried over a sealed path that
## may change while it plays. [ParleySession] makes and feeds it.
##
## A star has the host as 1, and Godot's server relay between the others; a mesh connects every player to every other one.

## A link that was lost is made again after this, while its player is in the lobby.
const AGAIN_MS := 500.0

var is_mesh := false
var _session: WeakRef = null
var _enet := ENetMultiplayerPeer.new()
var _id := 0
var _links := {}
var _status := MultiplayerPeer.CONNECTION_DISCONNECTED
var _target := 0
var _mode := MultiplayerPeer.TRANSFER_MODE_RELIABLE
var _channel := 0
var _refuses := false
var _again_at := {}


func _init() -> void:
	_enet.peer_connected.connect(_on_peer_connected)
	_enet.peer_disconnected.connect(_on_peer_disconnected)


## Begins with an id: 1 for the host of a star.
func start(session: ParleySession, id: int, mesh: bool) -> Error:
	stop()
	_session = weakref(session)
	_id = id
	is_mesh = mesh
	var error := _enet.create_mesh(id)
	if error != OK:
		return error
	_status = MultiplayerPeer.CONNECTION_CONNECTED if mesh or id == 1 else MultiplayerPeer.CONNECTION_CONNECTING
	return OK


## Ends all links without a word to the session.
func stop() -> void:
	var now := Time.get_ticks_usec() / 1000.0
	var links := _links
	_links = {}
	for link: ParleyEnetLink in links.values():
		if link.enet_peer != null:
			link.enet_peer.peer_disconnect_now()
			# With all that ENet had to send before.
			while link.send_some(ParleyFrameBudget.TURN_BYTES, now):
				pass
			link.remote.pump_out(now)
	_enet.close()
	for link: ParleyEnetLink in links.values():
		link.close(link.is_open)
	_again_at.clear()
	_status = MultiplayerPeer.CONNECTION_DISCONNECTED


func has_link(id: int) -> bool:
	return _links.has(id)


func is_linked(id: int) -> bool:
	return _links.has(id) and (_links[id] as ParleyEnetLink).is_open


func add_link(id: int, remote: ParleyRemote, dials: bool, now: float) -> void:
	if now < _again_at.get(id, 0.0):
		return
	var link := ParleyEnetLink.new(id, remote, dials)
	if link.begin():
		_links[id] = link


## The player has gone.
func remove_link(id: int) -> void:
	var link: ParleyEnetLink = _links.get(id)
	if link == null:
		return
	var was_open := link.is_open
	if was_open:
		_enet.disconnect_peer(id, true)
	_links.erase(id)
	link.close()
	# A forced disconnection emits nothing by itself.
	if was_open:
		peer_disconnected.emit(id)


## The host changes in mid-game: this guest is not disconnected meanwhile.
func keep_connected() -> void:
	_status = MultiplayerPeer.CONNECTION_CONNECTED


## Players that go away and come back under a new host are announced as such.
func announce_lost(ids: PackedInt32Array) -> void:
	for id in ids:
		if not is_linked(id):
			peer_disconnected.emit(id)


## Hands what came to ENet.
func pump_in(now: float) -> void:
	for link: ParleyEnetLink in _links.values():
		link.pump_in()
		if link.is_stale:
			remove_link(link.id)
			_again_at.erase(link.id)
			add_link(link.id, link.remote, link.dials, now)
			if _links.has(link.id):
				(_links[link.id] as ParleyEnetLink).receive(link.leftover)
		elif not link.is_open and link.advance():
			_enet.add_mesh_peer(link.id, link.host)
	_enet.poll()


## Sends what ENet has to send, for all players in turns.
func pump_out(budget: ParleyFrameBudget, now: float) -> void:
	budget.give_turns(_links.values(), func(link: ParleyEnetLink) -> bool: return link.send_some(budget.turn_bytes, now))


func _on_peer_connected(id: int) -> void:
	if id == 1:
		_status = MultiplayerPeer.CONNECTION_CONNECTED
	peer_connected.emit(id)


func _on_peer_disconnected(id: int) -> void:
	var link: ParleyEnetLink = _links.get(id)
	if link != null:
		_links.erase(id)
		link.close()
		_again_at[id] = Time.get_ticks_usec() / 1000.0 + AGAIN_MS
	if _status != MultiplayerPeer.CONNECTION_DISCONNECTED:
		peer_disconnected.emit(id)


# --- MultiplayerPeerExtension -----------------------------------------------------------------------------------------


func _poll() -> void:
	var session := _session.get_ref() as ParleySession if _session != null else null
	if session != null:
		session.pump_in()


func _get_packet_script() -> PackedByteArray:
	return _enet.get_packet()


func _put_packet_script(bytes: PackedByteArray) -> Error:
	# Between two hosts the old one is gone and the next one is not connected: ENet would print an error for each packet.
	if _target > 0 and not is_linked(_target):
		return ERR_UNAVAILABLE
	_enet.set_target_peer(_target)
	_enet.transfer_mode = _mode
	_enet.transfer_channel = _channel
	return _enet.put_packet(bytes)


func _get_available_packet_count() -> int:
	return _enet.get_available_packet_count()


func _get_max_packet_size() -> int:
	return 1 << 24


func _get_packet_peer() -> int:
	return _enet.get_packet_peer()


func _get_packet_mode() -> MultiplayerPeer.TransferMode:
	return _enet.get_packet_mode()


func _get_packet_channel() -> int:
	return _enet.get_packet_channel()


func _set_target_peer(id: int) -> void:
	_target = id


func _set_transfer_mode(mode: MultiplayerPeer.TransferMode) -> void:
	_mode = mode


func _get_transfer_mode() -> MultiplayerPeer.TransferMode:
	return _mode


func _set_transfer_channel(channel: int) -> void:
	_channel = channel


func _get_transfer_channel() -> int:
	return _channel


func _get_connection_status() -> MultiplayerPeer.ConnectionStatus:
	return _status


func _get_unique_id() -> int:
	return _id


func _is_server() -> bool:
	return _id == 1


func _is_server_relay_supported() -> bool:
	return not is_mesh


func _disconnect_peer(id: int, force: bool) -> void:
	_enet.disconnect_peer(id, force)


func _set_refuse_new_connections(enable: bool) -> void:
	_refuses = enable


func _is_refusing_new_connections() -> bool:
	return _refuses


func _close() -> void:
	var session := _session.get_ref() as ParleySession if _session != null else null
	stop()
	if session != null:
		session.leave()

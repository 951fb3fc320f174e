class_name ParleyLanSearch
extends RefCounted
## A player's side: asks the local network for lobbies, once a second, and forgets those that do not answer any more.

const Packet := preload("lan_packet.gd")
const ASK_MS := 1_000.0
## The first questions follow each other faster: Wi-Fi loses broadcasts.
const FIRST_MS := 150.0
const FIRST := 3
const EXPIRY_MS := 3_500.0
const LISTINGS_MAX := 64
const SOCKETS_MAX := 8
const RECEIVED_MAX := 256

var game := ""
## Another lobby, or what one says of itself has changed.
var changed := false
var _sockets: Array[PacketPeerUDP] = []
var _addresses := PackedStringArray()
# By id: `[listing, when it was heard, its bytes]`.
var _found := {}
var _ask_at := 0.0
var _asked := 0
# Addresses that are asked directly, beside the network or instead of it.
var _direct := PackedStringArray()
var _asks_all := true


func _init(of_game: String, direct := PackedStringArray(), asks_all := true) -> void:
	game = of_game
	_direct = direct
	_asks_all = asks_all


func poll(now: float) -> void:
	if now >= _ask_at:
		_ask_at = now + (FIRST_MS if _asked < FIRST else ASK_MS)
		_asked += 1
		_open()
		_ask()
	for socket in _sockets:
		for number in RECEIVED_MAX:
			if socket.get_available_packet_count() == 0:
				break
			var bytes := socket.get_packet()
			_hear(bytes, socket.get_packet_ip(), now)
	for id: String in _found.keys():
		if now - _found[id][1] > EXPIRY_MS:
			_found.erase(id)
			changed = true


## What answers now, by name.
func listings() -> Array[ParleyLanListing]:
	var out: Array[ParleyLanListing] = []
	for row: Array in _found.values():
		out.append(row[0])
	out.sort_custom(func(a: ParleyLanListing, b: ParleyLanListing) -> bool: return [a.name, a.id] < [b.name, b.id])
	return out


func close() -> void:
	for socket in _sockets:
		socket.close()
	_sockets.clear()


# One socket for each address of this machine: its broadcasts then leave by that network, with or without a default route.
func _open() -> void:
	var now_at := PackedStringArray(["127.0.0.1"])
	for address in ParleyAddresses.own():
		if ParleyAddresses.is_v4(address) and not now_at.has(address) and now_at.size() < SOCKETS_MAX:
			now_at.append(address)
	if now_at == _addresses and not _sockets.is_empty():
		return
	close()
	_addresses = PackedStringArray()
	for address in now_at:
		var socket := PacketPeerUDP.new()
		if socket.bind(0, address) != OK:
			continue
		socket.set_broadcast_enabled(true)
		_sockets.append(socket)
		_addresses.append(address)


func _ask() -> void:
	var question := Packet.find(game)
	for at in _sockets.size():
		var own := _addresses[at]
		var targets := PackedStringArray([own]) if _asks_all or _direct.has(own) else PackedStringArray()
		if not ParleyAddresses.is_loopback(own):
			# The netmask is not known; most home networks have 24 bits.
			if _asks_all:
				targets.append_array(["255.255.255.255", own.get_basename() + ".255", Packet.GROUP])
			targets.append_array(_direct)
		for target in targets:
			for number in Packet.PORTS:
				_sockets[at].set_dest_address(target, Packet.PORT + number)
				# A network that is down refuses; the next question may pass.
				_sockets[at].put_packet(question)


func _hear(bytes: PackedByteArray, address: String, now: float) -> void:
	if not ParleyAddresses.is_loopback(address) and not ParleyAddresses.is_local(address):
		return
	var heard := Packet.read(bytes, game, address)
	if heard == null:
		return
	var known: Array = _found.get(heard.id, [])
	if known.is_empty():
		if _found.size() >= LISTINGS_MAX:
			return
		changed = true
	elif now - known[1] < ASK_MS / 2.0 and known[0].address != address and not ParleyAddresses.is_loopback(known[0].address):
		# The same host by another of its addresses: the first one stays.
		known[1] = now
		return
	elif known[2] != bytes or known[0].address != address:
		changed = true
	_found[heard.id] = [heard, now, bytes]

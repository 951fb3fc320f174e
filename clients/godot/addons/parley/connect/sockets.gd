class_name ParleySockets
extends RefCounted
## The UDP sockets of one connection, by number. Each takes IPv4 and IPv6, and none is connected: a connected one would hear
## of ICMP errors and of nobody else.

## A game that stands still for a second loses nothing.
const BUFFER_BYTES := 1 << 18
## Further sockets of a punch receive a few small datagrams each.
const BUFFER_SMALL_BYTES := 4_096
const REMEMBERED_MAX := 256

## Datagrams that were handed to the system.
var sent := 0
## The open sockets and their numbers, to be gone through without an allocation.
var open: Array[PacketPeerUDP] = []
var open_numbers := PackedInt32Array()
var _open := {}
var _reserve: ParleySocketReserve = null
# Text of IPv6 addresses as Godot writes them, to the canonical one, and the other way round.
static var _canonical := {}
static var _uncompressed := {}


## Binds a socket to a free port unless it is open. False where the system refuses.
func bind(number: int) -> bool:
	if _open.has(number):
		return true
	var is_further := number >= ParleyChannel.FURTHER_SOCKETS
	var socket := _reserved() if is_further else null
	if socket == null:
		socket = bound(BUFFER_SMALL_BYTES if is_further else BUFFER_BYTES)
	if socket == null:
		return false
	_open[number] = socket
	open.append(socket)
	open_numbers.append(number)
	return true


## Binds the further sockets of a punch beside the frames.
func reserve(count: int, worker: ParleyWorker) -> void:
	_drop_reserve()
	_reserve = ParleySocketReserve.new(count)
	worker.add(_reserve)


## Null where the system refuses.
static func bound(buffer_bytes: int) -> PacketPeerUDP:
	var socket := PacketPeerUDP.new()
	var is_bound := socket.bind(0, "*", buffer_bytes) == OK or socket.bind(0, "0.0.0.0", buffer_bytes) == OK
	return socket if is_bound else null


## 0 where it is not open.
func port_of(number: int) -> int:
	var socket: PacketPeerUDP = _open.get(number)
	return socket.get_local_port() if socket != null else 0


## Where a bound socket is in its own network: `{address, port}` each.
func hosts(number: int) -> Array[Dictionary]:
	var out: Array[Dictionary] = []
	var port := port_of(number)
	if port > 0:
		for address in ParleyAddresses.own_recent():
			out.append({"address": address, "port": port})
	return out


## Opens the socket where it is a new one.
func send(number: int, address: String, port: int, bytes: PackedByteArray) -> void:
	var socket: PacketPeerUDP = _open.get(number)
	if socket == null:
		if not bind(number):
			return
		socket = _open[number]
	sent += 1
	socket.set_dest_address(uncompressed(address), port)
	socket.put_packet(bytes)


func numbers() -> Array:
	return _open.keys()


## The next datagram of a socket: `[bytes, address, port]`, or empty.
func receive(number: int) -> Array:
	var socket: PacketPeerUDP = _open.get(number)
	if socket == null or socket.get_available_packet_count() == 0:
		return []
	var bytes := socket.get_packet()
	return [bytes, canonical(socket.get_packet_ip()), socket.get_packet_port()]


func close(number: int) -> void:
	var socket: PacketPeerUDP = _open.get(number)
	if socket != null:
		socket.close()
		_open.erase(number)
		var at := open.find(socket)
		open.remove_at(at)
		open_numbers.remove_at(at)


func close_all() -> void:
	_drop_reserve()
	for number: int in numbers():
		close(number)


static func uncompressed(address: String) -> String:
	return _remembered(_uncompressed, address, ParleyAddresses.uncompressed)


static func canonical(address: String) -> String:
	return _remembered(_canonical, address, ParleyAddresses.canonical)


# Null where none is left or ready.
func _reserved() -> PacketPeerUDP:
	return _reserve.sockets.pop_back() if _reserve != null and _reserve.is_done and not _reserve.sockets.is_empty() else null


func _drop_reserve() -> void:
	if _reserve != null:
		_reserve.is_cancelled = true
		_reserve = null


# IPv4 has one form. What is written for an IPv6 address is kept for the next datagram.
static func _remembered(known: Dictionary, address: String, write: Callable) -> String:
	if not address.contains(":"):
		return address
	if not known.has(address):
		if known.size() >= REMEMBERED_MAX:
			known.clear()
		known[address] = write.call(address.to_lower())
	return known[address]

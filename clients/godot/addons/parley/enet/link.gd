class_name ParleyEnetLink
extends RefCounted
## One remote player's ENet connection: an ENet host and a UDP socket on loopback, between which and the remote peer
## datagrams are carried. ENet needs its own socket, and the outer sockets also carry what is not ENet's.

## Packets of ENet that wait for the first path.
const WAITING_MAX := 64
## ENet would send datagrams of up to 1,392 bytes. The sealed payload holds 1,207.
const MTU := 1_180
const CONNECT_BYTES := 52
const CONNECT_COMMAND := 2
const MTU_AT := 12
const CONNECT_ID_AT := 44
## ENet ends a connection that does not answer; the path is looked after elsewhere, and may take this long to
## come back: ENet doubles its wait with each repetition.
const TIMEOUT_MIN_MS := 30_000
const TIMEOUT_MAX_MS := 60_000

## Id at the MultiplayerAPI.
var id := 0
var remote: ParleyRemote
## This side opens the ENet connection; the other one waits for it.
var dials := false
var host := ENetConnection.new()
## Null until connected.
var enet_peer: ENetPacketPeer = null
## The multiplayer peer services the host from then on.
var is_open := false
var _inner := PacketPeerUDP.new()
var _enet_port := 0
var _inner_port := 0
var _dialled := false
var _waiting: Array[PackedByteArray] = []
var _repeats := ParleyEnetRepeats.new()
var _connect_id := 0
## The other side has opened a new ENet connection: this link has to be made again.
var is_stale := false
## What the new link receives first.
var leftover: Array[PackedByteArray] = []


func _init(peer_id: int, to: ParleyRemote, is_dialling: bool) -> void:
	id = peer_id
	remote = to
	dials = is_dialling


## False where loopback sockets cannot be had.
func begin() -> bool:
	if _inner.bind(0, "127.0.0.1", 1 << 18) != OK or host.create_host_bound("127.0.0.1", 0, 1) != OK:
		return false
	_enet_port = host.get_local_port()
	_inner_port = _inner.get_local_port()
	_inner.set_dest_address("127.0.0.1", _enet_port)
	return true


## Hands what the remote peer sent to ENet.
func pump_in() -> void:
	receive(remote.take())


func receive(payloads: Array[PackedByteArray]) -> void:
	for at in payloads.size():
		var payload := payloads[at]
		if payload.size() == CONNECT_BYTES and _is_connect(payload) and not _accepts_connect(payload):
			leftover = payloads.slice(at)
			return
		_inner.put_packet(payload)


## Goes on until ENet is connected. True once, at that moment.
func advance() -> bool:
	if is_open:
		return false
	if dials and not _dialled and remote.path != "":
		_dialled = true
		enet_peer = host.connect_to_host("127.0.0.1", _inner_port)
	var event := host.service(0)
	if event[0] == ENetConnection.EVENT_CONNECT:
		var connected: ENetPacketPeer = event[1]
		if connected.get_remote_port() != _inner_port:
			# Another program of this machine.
			connected.reset()
			return false
		enet_peer = connected
		enet_peer.set_timeout(32, TIMEOUT_MIN_MS, TIMEOUT_MAX_MS)
		# ENet drops unreliable packets when its round trip varies, as it does when the path changes: no deceleration.
		enet_peer.throttle_configure(5_000, 2, 0)
		is_open = true
		return true
	if event[0] == ENetConnection.EVENT_DISCONNECT:
		_dialled = false
	return false


## Sends one turn of what ENet has to send, of so many bytes; true where there may be more.
func send_some(turn_bytes: int, now: float) -> bool:
	if remote.path != "" and not _waiting.is_empty():
		for payload in _waiting:
			remote.send(payload, now)
		_waiting.clear()
	var is_flushed := false
	var is_new := false
	var left := turn_bytes
	if _inner.get_available_packet_count() == 0:
		_repeats.clear()
	while left > 0:
		# Not before all of it has left: ENet hands over up to 64 KiB at once.
		if not is_flushed and _inner.get_available_packet_count() == 0:
			is_flushed = true
			host.flush()
			is_new = true
		if _inner.get_available_packet_count() == 0:
			return false
		var payload := _inner.get_packet()
		left -= ParleyFrameBudget.DATAGRAM_BYTES
		if _inner.get_packet_port() != _enet_port:
			continue
		if is_new:
			_repeats.set_clock(payload, now)
			is_new = false
		if payload.size() == MTU and _repeats.is_spurious(payload, remote.rtt_ms, now):
			continue
		left -= payload.size()
		if payload.size() == CONNECT_BYTES and _is_connect(payload):
			for byte in 4:
				payload[MTU_AT + byte] = (MTU >> (24 - 8 * byte)) & 0xFF
		if not remote.send(payload, now) and remote.path == "":
			_waiting.append(payload)
			if _waiting.size() > WAITING_MAX:
				_waiting.pop_front()
	return true


## `destroyed`: the ENetMultiplayerPeer has destroyed the host already.
func close(destroyed := false) -> void:
	is_open = false
	enet_peer = null
	_inner.close()
	if not destroyed:
		host.destroy()


# A CONNECT has no peer id yet (12 bits of ones).
func _is_connect(payload: PackedByteArray) -> bool:
	return (payload[0] & 0x0F) == 0x0F and payload[1] == 0xFF and (payload[4] & 0x0F) == CONNECT_COMMAND


# The other side may have begun again while this one's ENet still keeps the old connection.
func _accepts_connect(payload: PackedByteArray) -> bool:
	var connect_id := payload.decode_u32(CONNECT_ID_AT)
	if _connect_id != 0 and connect_id != _connect_id:
		is_stale = true
		return false
	_connect_id = connect_id
	return true

class_name ParleyLanBeacon
extends RefCounted
## The host's side: answers browsers of the local network. Questions from elsewhere are not answered, and no more than
## [constant ANSWERS_PER_S] a second.

const Packet := preload("lan_packet.gd")
const ANSWERS_PER_S := 64

## UDP port on which this host listens.
var port := 0
var _socket := PacketPeerUDP.new()
var _answers := 0
var _second := -1


## False where no port is free.
func open() -> bool:
	for number in Packet.PORTS:
		# Browsers of the same network find the first free one.
		if _socket.bind(Packet.PORT + number, "0.0.0.0") == OK:
			port = Packet.PORT + number
			for row in IP.get_local_interfaces():
				_socket.join_multicast_group(Packet.GROUP, row["name"])
			return true
	return false


## Answers with `lobby`, a datagram of [ParleyLanPacket].
func poll(game: String, lobby: PackedByteArray) -> void:
	var second := Time.get_ticks_msec() / 1000
	if second != _second:
		_second = second
		_answers = 0
	while _socket.get_available_packet_count() > 0:
		var bytes := _socket.get_packet()
		var address := _socket.get_packet_ip()
		if _answers >= ANSWERS_PER_S or not Packet.asks(bytes, game):
			continue
		if not ParleyAddresses.is_loopback(address) and not ParleyAddresses.is_local(address):
			continue
		_answers += 1
		_socket.set_dest_address(address, _socket.get_packet_port())
		_socket.put_packet(lobby)


func close() -> void:
	_socket.close()

# A game with netfox in Godot 4, from noray to ENet, as netfox's example does it: the addon's handshakes of 8 s from the
# registered port, then ENet from that port, and the relay where either fails.
#
#     -- SERVER            hosts: prints {"oid": OID}, and {"joined": PEER} for each player that ENet connected
#     -- SERVER OID        joins: prints {"got": "nat" or "relay" or "nothing", "handshakes": [...], "ms": MS}
#     -- SERVER [OID] --twice     registers with register_remote.gd of the guide
extends Node

const EVERY_S := 0.1
const TIMEOUT_S := 8.0

var wanted := ""
var handshakes: Array[String] = []
var since := 0


func _ready() -> void:
	var args := Array(OS.get_cmdline_user_args())
	var is_twice := "--twice" in args
	args.erase("--twice")
	wanted = args[1] if args.size() > 1 else ""
	Noray.on_command.connect(_handle)
	var result := await Noray.connect_to_host(args[0])
	if result == OK:
		await Noray.register_host()
		result = await load("res://register_remote.gd").register_remote() if is_twice else await Noray.register_remote()
	if result != OK:
		return tell({"failed": error_string(result)})
	if wanted == "":
		_host()
	else:
		since = Time.get_ticks_msec()
		Noray.say("connect " + wanted)


func tell(about: Dictionary) -> void:
	print(JSON.stringify(about))


func _host() -> void:
	var server := ENetMultiplayerPeer.new()
	if server.create_server(Noray.local_port) != OK:
		return tell({"failed": "no server"})
	multiplayer.multiplayer_peer = server
	multiplayer.peer_connected.connect(func(peer: int) -> void: tell({"joined": peer}))
	tell({"oid": Noray.oid})


func _handle(command: String, data: String) -> void:
	if command == "connect":
		var parts := data.split(":")
		_meet("nat", parts[0], parts[1].to_int())
	if command == "connect-relay":
		_meet("relay", Noray._address, data.to_int())


func _meet(way: String, address: String, port: int) -> void:
	if wanted == "":
		_blast(address, port)
		return
	var status := await _shake_hands(address, port)
	handshakes.append("%s %s" % [way, status])
	var is_connected := status != "ERR_TIMEOUT" and await _connect_enet(address, port)
	if is_connected or way == "relay":
		var got := way if is_connected else "nothing"
		tell({"got": got, "handshakes": handshakes, "ms": Time.get_ticks_msec() - since, "at": "%s:%d" % [address, port]})
	else:
		Noray.say("connect-relay " + wanted)


# The host cannot read what its ENet socket receives, so it claims that all went well.
func _blast(address: String, port: int) -> void:
	var left := TIMEOUT_S
	while left >= 0 and multiplayer.multiplayer_peer is ENetMultiplayerPeer:
		multiplayer.multiplayer_peer.host.socket_send(address, port, "$rwx".to_ascii_buffer())
		await get_tree().create_timer(EVERY_S).timeout
		left -= EVERY_S


# Letters mean what this side has done: r read, w written, x both. A packet from any source counts.
func _shake_hands(address: String, port: int) -> String:
	var udp := PacketPeerUDP.new()
	udp.bind(Noray.local_port)
	udp.set_dest_address(address, port)
	var has_read := false
	var is_shaken := false
	var is_done := false
	var left := TIMEOUT_S
	while left >= 0 and not is_done:
		while udp.get_available_packet_count() > 0:
			var packet := udp.get_packet().get_string_from_ascii()
			has_read = true
			is_shaken = is_shaken or "r" in packet
			is_done = is_done or ("x" in packet and is_shaken)
		udp.put_packet(("$%sw%s" % ["r" if has_read else "-", "x" if is_shaken else "-"]).to_ascii_buffer())
		await get_tree().create_timer(EVERY_S).timeout
		left -= EVERY_S
	udp.close()
	if is_done:
		return "OK"
	return "ERR_BUSY" if has_read and not is_shaken else "ERR_TIMEOUT"


func _connect_enet(address: String, port: int) -> bool:
	var client := ENetMultiplayerPeer.new()
	if client.create_client(address, port, 0, 0, 0, Noray.local_port) != OK:
		return false
	multiplayer.multiplayer_peer = client
	while client.get_connection_status() == MultiplayerPeer.CONNECTION_CONNECTING:
		await get_tree().process_frame
	if client.get_connection_status() == MultiplayerPeer.CONNECTION_CONNECTED:
		return true
	multiplayer.multiplayer_peer = null
	return false

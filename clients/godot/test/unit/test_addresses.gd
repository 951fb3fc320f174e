extends "res://test/unit/unit_test.gd"
## Addresses as text: of the wire, of the hub, and as Godot takes them.


func test_ipv6_is_written_with_all_groups_for_godot_and_as_rfc_5952_says_for_others() -> void:
	for row: Array in [
		["2001:db8::1", "2001:db8:0:0:0:0:0:1"],
		["2a00:20::a1:2", "2a00:20:0:0:0:0:a1:2"],
		["::1", "0:0:0:0:0:0:0:1"],
		["fd00::", "fd00:0:0:0:0:0:0:0"],
		["2001:db8:1:2:3:4:5:6", "2001:db8:1:2:3:4:5:6"],
		["192.0.2.7", "192.0.2.7"],
	]:
		same(ParleyAddresses.uncompressed(row[0]), row[1])
		same(ParleyAddresses.canonical(row[1]), row[0])


func test_a_datagram_reaches_a_compressed_ipv6_address() -> void:
	var heard := PacketPeerUDP.new()
	if heard.bind(0, "0:0:0:0:0:0:0:1") != OK:
		check(true, "no IPv6 here")
		return
	var sockets := ParleySockets.new()
	sockets.send(0, "::1", heard.get_local_port(), PackedByteArray([1, 2]))
	var until := Time.get_ticks_msec() + 5_000
	while heard.get_available_packet_count() == 0 and Time.get_ticks_msec() < until:
		OS.delay_msec(1)
	same(heard.get_packet(), PackedByteArray([1, 2]))
	sockets.close_all()


func test_a_hub_at_an_ipv6_address() -> void:
	var http := ParleyHttp.new("https://[2001:db8::1]:8443/base", "my game", null)
	same(http.connections.host, "2001:db8:0:0:0:0:0:1")
	same(http.socket_url, "wss://[2001:db8:0:0:0:0:0:1]:8443/base/v1/games/my%20game")
	var named := ParleyHttp.new("http://lobby.example.com", "default", null)
	same(named.socket_url, "ws://lobby.example.com/v1/games/default")

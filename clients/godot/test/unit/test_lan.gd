extends "res://test/unit/unit_test.gd"
## What hosts of the local network may say.

const Packet := preload("res://addons/parley/lan/lan_packet.gd")


func _listing() -> ParleyLanListing:
	var one := ParleyLanListing.new()
	one.id = "abc123"
	one.name = "Küche"
	one.seats = 4
	one.member_count = 2
	one.port = 5_000
	one.version = "1.0"
	one.data = {"map": "forest", "round": 3.0, "ranked": true}
	return one


func test_a_lobby_is_read_as_it_was_written() -> void:
	var bytes := Packet.lobby("game", _listing())
	var heard := Packet.read(bytes, "game", "192.168.1.7")
	same([heard.id, heard.name, heard.seats, heard.member_count, heard.port, heard.version, heard.data, heard.address, heard.joinable],
		["abc123", "Küche", 4, 2, 5_000, "1.0", {"map": "forest", "round": 3.0, "ranked": true}, "192.168.1.7", true])
	same(Packet.read(bytes, "other", "192.168.1.7"), null)
	check(Packet.asks(Packet.find("game"), "game"), "asks")
	check(not Packet.asks(Packet.find("game"), "gam"), "asks for another game")


func test_what_does_not_fit_is_not_sent() -> void:
	var one := _listing()
	one.data = {"text": "x".repeat(1_200)}
	same(Packet.lobby("game", one), PackedByteArray())


func test_what_another_machine_makes_up_is_refused_or_bounded() -> void:
	var head := "parley-lan 1 lobby game "
	for wrong: String in ["", "[]", "{", "null", "{\"id\":1}", "{\"id\":\"a\",\"port\":0,\"seats\":2}",
			"{\"id\":\"a\",\"port\":70000,\"seats\":2}", "{\"id\":\"a\",\"port\":1.5,\"seats\":2}", "{\"id\":\"a/b\",\"port\":1,\"seats\":2}",
			"{\"id\":\"a\",\"port\":1}", "[".repeat(1_000)]:
		same(Packet.read((head + wrong).to_utf8_buffer(), "game", "10.0.0.1"), null, wrong)
	var long := Packet.read((head + "{\"id\":\"a\",\"port\":1,\"seats\":2,\"members\":9,\"name\":\"%s\",\"data\":{\"a\":[],\"b\":{},\"c\":null,\"d\":\"%s\"}}"
		% ["n".repeat(500), "v".repeat(200)]).to_utf8_buffer(), "game", "10.0.0.1")
	same([long.name.length(), long.data, long.joinable], [64, {}, false])
	var bad_utf8 := (head + "{\"id\":\"a\",\"port\":1,\"seats\":2,\"name\":\"").to_utf8_buffer()
	bad_utf8.append_array([0xFF, 0xC0, 0x22, 0x7D])
	check(Packet.read(bad_utf8, "game", "10.0.0.1") != null, "bad UTF-8")
	var dice := RandomNumberGenerator.new()
	dice.seed = 9
	for number in 500:
		var bytes := head.to_utf8_buffer()
		for byte in dice.randi_range(0, 200):
			bytes.append(dice.randi() & 0xFF)
		Packet.read(bytes, "game", "10.0.0.1")

class_name ParleyLanPacket
extends RefCounted
## The datagrams of the local network's lobbies: text, at most [constant BYTES_MAX] bytes.
##
## [codeblock]
## parley-lan 1 find GAME            a browser asks, by broadcast, multicast and loopback
## parley-lan 1 lobby GAME {json}    the host answers the browser's endpoint
## [/codeblock]
## JSON: `id`, `name`, `seats`, `members`, `state`, `version`, `port` (of the game), `data`.

## First of the UDP ports on which hosts listen; several games on one machine take the next ones.
const PORT := 47_877
const PORTS := 4
const GROUP := "239.255.77.77"
const BYTES_MAX := 1_200
const NAME_CHARACTERS_MAX := 64
const ENTRIES_MAX := 16
const VALUE_CHARACTERS_MAX := 128
const SEATS_MAX := 4_095
const _FIND := "parley-lan 1 find "
const _LOBBY := "parley-lan 1 lobby "


static func find(game: String) -> PackedByteArray:
	return (_FIND + game.uri_encode()).to_ascii_buffer()


## Whether a browser asks for lobbies of this game.
static func asks(bytes: PackedByteArray, game: String) -> bool:
	return bytes == find(game)


## Empty where the lobby's data does not fit into one datagram.
static func lobby(game: String, entry: ParleyLanListing) -> PackedByteArray:
	var json := {
		"id": entry.id, "name": entry.name, "seats": entry.seats, "members": entry.member_count, "state": entry.state,
		"version": entry.version, "port": entry.port, "data": entry.data,
	}
	var bytes := (_LOBBY + game.uri_encode() + " " + JSON.stringify(json)).to_utf8_buffer()
	return bytes if bytes.size() <= BYTES_MAX else PackedByteArray()


## What a host at this address says, or null where it is no lobby of this game.
static func read(bytes: PackedByteArray, game: String, address: String) -> ParleyLanListing:
	var head := (_LOBBY + game.uri_encode() + " ").to_ascii_buffer()
	if bytes.size() > BYTES_MAX or bytes.slice(0, head.size()) != head:
		return null
	# What another machine sent wrongly is no error of this game.
	var prints := Engine.print_error_messages
	Engine.print_error_messages = false
	var parser := JSON.new()
	var is_json := parser.parse(bytes.slice(head.size()).get_string_from_utf8()) == OK
	Engine.print_error_messages = prints
	if not is_json or not parser.data is Dictionary:
		return null
	return _listing(parser.data, address)


static func _listing(json: Dictionary, address: String) -> ParleyLanListing:
	var entry := ParleyLanListing.new()
	entry.address = address
	entry.id = _text(json, "id")
	entry.name = _text(json, "name")
	entry.version = _text(json, "version")
	entry.state = "in_game" if _text(json, "state") == "in_game" else "open"
	entry.port = _number(json, "port", 65_535)
	entry.seats = _number(json, "seats", SEATS_MAX)
	entry.member_count = _number(json, "members", SEATS_MAX)
	if entry.id == "" or not entry.id.is_valid_filename() or entry.port == 0 or entry.seats == 0:
		return null
	entry.joinable = entry.state == "open" and entry.member_count < entry.seats
	var data: Variant = json.get("data")
	if data is Dictionary:
		for key: Variant in data:
			var value: Variant = data[key]
			var is_value: bool = value is bool or value is float or (value is String and value.length() <= VALUE_CHARACTERS_MAX)
			if is_value and (key as String).length() <= NAME_CHARACTERS_MAX and entry.data.size() < ENTRIES_MAX:
				entry.data[key] = value
	return entry


static func _text(json: Dictionary, field: String) -> String:
	var value: Variant = json.get(field)
	return (value as String).left(NAME_CHARACTERS_MAX) if value is String else ""


# A whole number from 1, or 0.
static func _number(json: Dictionary, field: String, most: int) -> int:
	var value: Variant = json.get(field)
	if not value is float or value < 1.0 or value > most or value != floorf(value):
		return 0
	return int(value)

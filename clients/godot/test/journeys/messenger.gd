extends "res://test/journeys/actor.gd"
## An actor with `ParleyMessages`: prints what comes on channels 0 and 7, with values of `var_to_bytes` decoded, and
## carries out `{"message": value, "to": id, "flags", "channel", "gzip", "raw"}`, `{"accept": id}`, `{"close": id}`,
## `{"session": id}`, `{"packet": hex}`.

const Packets := preload("res://addons/parley/messages/packets.gd")
var messages := ParleyMessages.new()
## Requests are accepted at once, unless `{"refuse": true}` came.
var _refuses := false


func _ready() -> void:
	super()
	# The actor prints datagrams as text.
	for connection in parley.datagram_received.get_connections():
		parley.datagram_received.disconnect(connection["callable"])
	add_child(messages)
	messages.network_messages_session_request.connect(_on_request)
	messages.network_messages_session_failed.connect(
		func(id: int, reason: int, state: int, debug: String) -> void:
			emit({"session_failed": id, "reason": reason, "state": state, "debug": debug}))


func _on_request(id: int) -> void:
	emit({"request": id})
	if _refuses:
		messages.close_session_with_user(id)
	else:
		messages.accept_session_with_user(id)


func _process(delta: float) -> void:
	super(delta)
	for channel: int in [0, 7]:
		for message in messages.receive_messages_on_channel(channel, 100):
			var payload: PackedByteArray = message["payload"]
			var value: Variant = null
			# 0x1F 0x8B begins gzip (RFC 1952).
			var is_gzip := payload.size() > 2 and payload[0] == 0x1F and payload[1] == 0x8B
			if channel == 0:
				value = bytes_to_var(payload.decompress_dynamic(1 << 20, FileAccess.COMPRESSION_GZIP) if is_gzip else payload)
			emit({"message": value, "from": message["remote_steam_id"], "channel": message["channel"], "flags": message["flags"],
				"number": message["message_number"], "bytes": payload.size(), "gzip": is_gzip, "md5": _md5(payload),
				"type": typeof(value)})


func _do(command: Dictionary) -> void:
	if command.has("message"):
		var bytes := var_to_bytes(command["message"])
		if command.has("raw"):
			bytes.resize(int(command["raw"]))
			for at in range(0, bytes.size(), 4):
				bytes.encode_u32(at, (at * 2_654_435_761) & 0xFFFFFFFF)
		if command.get("gzip", false):
			bytes = bytes.compress(FileAccess.COMPRESSION_GZIP)
		var result := messages.send_message_to_user(int(command["to"]), bytes, int(command.get("flags", 8)), int(command.get("channel", 0)))
		emit({"result": result, "md5": _md5(bytes), "hex": bytes.hex_encode() if bytes.size() < 1000 else ""})
	elif command.has("close"):
		emit({"closed": messages.close_session_with_user(int(command["close"]))})
	elif command.has("refuse"):
		_refuses = command["refuse"]
	elif command.has("session"):
		emit({"session": messages.get_session_connection_info(int(command["session"]))})
	elif command.has("packet"):
		emit({"packet": _rewritten(Packets.read((command["packet"] as String).hex_decode()))})
	else:
		super(command)


func _md5(bytes: PackedByteArray) -> String:
	var context := HashingContext.new()
	context.start(HashingContext.HASH_MD5)
	if not bytes.is_empty():
		context.update(bytes)
	return context.finish().hex_encode()


# What was read, written again.
func _rewritten(packet: Packets.Packet) -> String:
	if packet == null:
		return ""
	if packet.kind == Packets.HELLO:
		return Packets.hello(packet.to, packet.from, packet.flags).hex_encode()
	if packet.kind == Packets.BYE:
		return Packets.bye(packet.to, packet.from, packet.reason, packet.debug).hex_encode()
	var out := Packets.Writer.new(1_207, packet.to, packet.number)
	for frame in packet.frames:
		match frame.type:
			Packets.ACK:
				out.ack(frame.ranges, frame.delay_ms)
			Packets.BYTES:
				out.bytes(frame.channel, frame.number, frame.bytes)
			Packets.PIECE:
				out.piece(frame.piece)
			Packets.PING:
				out.ping()
			Packets.WINDOW:
				out.window(frame.channel, frame.number)
	return out.finish().hex_encode()

class_name ParleyMessagePackets
extends RefCounted
## What two ends of a session say, each in one datagram of an encrypted path. Numbers are big-endian.
##
## [codeblock]
## hello   1, to (4), from (4), version (1), flags (1)
## data    2, to (4), number (6), frames ...
## bye     3, to (4), from (4), reason (2), text ...
##
## frames of data:
## ack     1, largest (6), delay in 0.1 ms (2), ranges (1), length (2), then (gap (2), length (2)) for each further one
## bytes   2, channel (2), offset (6), length (2), bytes
## piece   3, channel (2), message (4), flags (1), index (2), count (2), length (2), bytes
## ping    4
## window  5, channel (2), limit (6)
## [/codeblock]

const Limits := preload("message_limits.gd")
const HELLO := 1
const DATA := 2
const BYE := 3
const ACK := 1
const BYTES := 2
const PIECE := 3
const PING := 4
const WINDOW := 5
## The peer does not know yet whether it is heard.
const ANSWER_WANTED := 1
## Messages may come deflated.
const INFLATES := 2
## Of a piece: its message is deflated.
const DEFLATED := 1
const DATA_HEADER_BYTES := 11
const BYTES_HEADER_BYTES := 11
const PIECE_HEADER_BYTES := 14
const WINDOW_FRAME_BYTES := 9
const ACK_HEADER_BYTES := 12
const SHORT_MAX := 0xFFFF


class Piece extends RefCounted:
	var channel := 0
	var message := 0
	var flags := 0
	var index := 0
	var count := 1
	var bytes := PackedByteArray()


## Frames of one kind each: `ack` has `ranges` and `delay_ms`, `bytes` has `channel`, `number` (the offset) and `bytes`, `piece`
## has `piece`, `window` has `channel` and `number` (the limit).
class Frame extends RefCounted:
	var type := 0
	var channel := 0
	var number := 0
	var bytes := PackedByteArray()
	var piece: Piece = null
	var ranges: ParleyRanges = null
	var delay_ms := 0.0


class Packet extends RefCounted:
	var kind := 0
	var to := 0
	## Of a hello and a bye.
	var from := 0
	var version := 0
	var flags := 0
	var reason := 0
	var debug := ""
	## Of data.
	var number := 0
	var frames: Array[Frame] = []


static func hello(to: int, from: int, flags: int) -> PackedByteArray:
	var out := head(HELLO, to)
	_put(out, from, 4)
	out.append(Limits.VERSION)
	out.append(flags)
	return out


static func bye(to: int, from: int, reason: int, debug: String) -> PackedByteArray:
	var out := head(BYE, to)
	_put(out, from, 4)
	_put(out, reason, 2)
	out.append_array(debug.to_utf8_buffer().slice(0, Limits.DEBUG_BYTES_MAX))
	return out


static func head(kind: int, to: int) -> PackedByteArray:
	var out := PackedByteArray([kind])
	_put(out, to, 4)
	return out


static func _put(out: PackedByteArray, value: int, bytes: int) -> void:
	for byte in range(bytes - 1, -1, -1):
		out.append((value >> (byte << 3)) & 0xFF)


static func number_at(bytes: PackedByteArray, at: int, length: int) -> int:
	var value := 0
	for byte in length:
		value = (value << 8) | bytes[at + byte]
	return value


## Builds one datagram of data, frame by frame, up to a length.
class Writer extends RefCounted:
	var _out := PackedByteArray()
	var _bytes_max := 0

	func _init(bytes_max: int, to: int, number: int) -> void:
		_bytes_max = bytes_max
		_out = ParleyMessagePackets.head(DATA, to)
		_add(number, 6)

	var room: int:
		get:
			return _bytes_max - _out.size()

	var is_empty: bool:
		get:
			return _out.size() == DATA_HEADER_BYTES

	func finish() -> PackedByteArray:
		return _out

	## As many ranges as there is room for, the newest first.
	func ack(ranges: ParleyRanges, delay_ms: float) -> void:
		var last := ranges.size() - 1
		var count := mini(mini(ranges.size(), Limits.RANGES_TOLD_MAX), 1 + floori((room - ACK_HEADER_BYTES) / 4.0))
		if last < 0 or count < 1:
			return
		_out.append(ACK)
		_add(ranges.to[last] - 1, 6)
		_short(roundi(delay_ms * 10.0))
		var count_at := _out.size()
		_out.append(1)
		_short(ranges.to[last] - ranges.from[last])
		var told := 1
		while told < count:
			var at := last - told
			var gap := ranges.from[at + 1] - ranges.to[at]
			# What does not fit into two bytes is too old to matter.
			if gap > SHORT_MAX or ranges.to[at + 1] - ranges.from[at + 1] > SHORT_MAX:
				break
			_short(gap)
			_short(ranges.to[at] - ranges.from[at])
			told += 1
		_out[count_at] = told

	func bytes(channel: int, offset: int, body: PackedByteArray) -> void:
		_out.append(BYTES)
		_add(channel, 2)
		_add(offset, 6)
		_add(body.size(), 2)
		_out.append_array(body)

	func piece(one: Piece) -> void:
		_out.append(PIECE)
		_add(one.channel, 2)
		_add(one.message, 4)
		_out.append(one.flags)
		_add(one.index, 2)
		_add(one.count, 2)
		_add(one.bytes.size(), 2)
		_out.append_array(one.bytes)

	func ping() -> void:
		_out.append(PING)

	func window(channel: int, limit: int) -> void:
		_out.append(WINDOW)
		_add(channel, 2)
		_add(limit, 6)

	func _short(value: int) -> void:
		_add(clampi(value, 0, SHORT_MAX), 2)

	func _add(value: int, size: int) -> void:
		for byte in range(size - 1, -1, -1):
			_out.append((value >> (byte << 3)) & 0xFF)


## A datagram, or null where it is none of a session's.
static func read(bytes: PackedByteArray) -> Packet:
	if bytes.size() < DATA_HEADER_BYTES:
		return null
	var packet := Packet.new()
	packet.kind = bytes[0]
	packet.to = number_at(bytes, 1, 4)
	match packet.kind:
		HELLO:
			packet.from = number_at(bytes, 5, 4)
			packet.version = bytes[9]
			packet.flags = bytes[10]
			return packet
		BYE:
			packet.from = number_at(bytes, 5, 4)
			packet.reason = number_at(bytes, 9, 2)
			packet.debug = _printable(bytes.slice(DATA_HEADER_BYTES, DATA_HEADER_BYTES + Limits.DEBUG_BYTES_MAX))
			return packet
		DATA:
			packet.number = number_at(bytes, 5, 6)
			return packet if _read_frames(bytes, packet.frames) else null
	return null


# Godot prints an error where bytes are no UTF-8.
static func _printable(bytes: PackedByteArray) -> String:
	var text := ""
	for byte in bytes:
		text += char(byte) if byte >= 0x20 and byte < 0x7F else "?"
	return text


static func _read_frames(bytes: PackedByteArray, frames: Array[Frame]) -> bool:
	var at := DATA_HEADER_BYTES
	while at < bytes.size():
		var left := bytes.size() - at
		var frame := Frame.new()
		frame.type = bytes[at]
		if frame.type == PING:
			at += 1
		elif frame.type == BYTES and left >= BYTES_HEADER_BYTES:
			frame.channel = number_at(bytes, at + 1, 2)
			frame.number = number_at(bytes, at + 3, 6)
			var begin := at + BYTES_HEADER_BYTES
			at = begin + number_at(bytes, at + 9, 2)
			if at == begin or at > bytes.size():
				return false
			frame.bytes = bytes.slice(begin, at)
		elif frame.type == PIECE and left >= PIECE_HEADER_BYTES:
			var begin := at + PIECE_HEADER_BYTES
			frame.piece = Piece.new()
			frame.channel = number_at(bytes, at + 1, 2)
			frame.piece.channel = frame.channel
			frame.piece.message = number_at(bytes, at + 3, 4)
			frame.piece.flags = bytes[at + 7]
			frame.piece.index = number_at(bytes, at + 8, 2)
			frame.piece.count = number_at(bytes, at + 10, 2)
			at = begin + number_at(bytes, at + 12, 2)
			if at > bytes.size() or frame.piece.index >= frame.piece.count:
				return false
			frame.piece.bytes = bytes.slice(begin, at)
		elif frame.type == WINDOW and left >= WINDOW_FRAME_BYTES:
			frame.channel = number_at(bytes, at + 1, 2)
			frame.number = number_at(bytes, at + 3, 6)
			at += WINDOW_FRAME_BYTES
		elif frame.type == ACK and left >= ACK_HEADER_BYTES:
			var count := bytes[at + 9]
			var end := at + ACK_HEADER_BYTES + 4 * (count - 1)
			if count == 0 or end > bytes.size():
				return false
			frame.delay_ms = number_at(bytes, at + 7, 2) / 10.0
			frame.ranges = _read_ranges(bytes, at, count)
			if frame.ranges == null:
				return false
			at = end
		else:
			return false
		frames.append(frame)
	return true


# Ascending, and never below 0; null where they are not.
static func _read_ranges(bytes: PackedByteArray, at: int, count: int) -> ParleyRanges:
	var ranges := ParleyRanges.new()
	var to := number_at(bytes, at + 1, 6) + 1
	var from := to - number_at(bytes, at + 10, 2)
	for one in count:
		if one > 0:
			var next := at + ACK_HEADER_BYTES + 4 * (one - 1)
			to = from - number_at(bytes, next, 2)
			from = to - number_at(bytes, next + 2, 2)
		if from < 0 or from >= to:
			return null
		ranges.add(from, to)
	return ranges

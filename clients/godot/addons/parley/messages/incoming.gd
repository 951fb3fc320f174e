class_name ParleyIncoming
extends RefCounted
## One channel's reliable messages from a peer: its stream put in order and cut into messages.

const Limits := preload("message_limits.gd")


## A message as it came; it may be deflated.
class Arrived extends RefCounted:
	var channel := 0
	var bytes := PackedByteArray()
	var is_deflated := false
	var is_reliable := false
	## What it took of its channel's window.
	var taken := 0


var channel := 0
## How far the peer may go.
var limit := Limits.WINDOW_BYTES
# By offset; they may overlap each other.
var _pieces := {}
# Bytes in order that make no message yet, from `_rest_at` on.
var _rest := PackedByteArray()
var _rest_at := 0
# Of the message under way; below 0 while its length has not come.
var _length := -1
var _is_deflated := false
# In order up to here, and read by the game.
var _next := 0
var _consumed := 0


func _init(of_channel: int) -> void:
	channel = of_channel


## Whether there is room for it. A sender that keeps to the limit never finds none.
func may_take(offset: int, size: int) -> bool:
	var is_new := offset > _next and not _pieces.has(offset)
	return offset + size <= limit and (not is_new or _pieces.size() < Limits.PIECES_MAX)


## Appends the messages that it completes to `out`. False where they are none.
func take(offset: int, bytes: PackedByteArray, out: Array[Arrived]) -> bool:
	if offset + bytes.size() <= _next:
		return true
	if offset > _next:
		if not _pieces.has(offset) or (_pieces[offset] as PackedByteArray).size() < bytes.size():
			_pieces[offset] = bytes
		return true
	_append(bytes, offset)
	while not _pieces.is_empty() and _append_next():
		pass
	return _cut(out)


## The game has read so much. True where the peer should receive the new limit.
func consume(taken: int) -> bool:
	_consumed += taken
	if _consumed + Limits.WINDOW_BYTES - limit < Limits.WINDOW_STEP_BYTES:
		return false
	limit = _consumed + Limits.WINDOW_BYTES
	return true


func _append_next() -> bool:
	var at := _next
	if not _pieces.has(at):
		for offset: int in _pieces:
			if offset < _next:
				at = offset
				break
		if at == _next:
			return false
	var bytes: PackedByteArray = _pieces[at]
	_pieces.erase(at)
	if at + bytes.size() > _next:
		_append(bytes, at)
	return true


func _append(bytes: PackedByteArray, offset: int) -> void:
	_rest.append_array(bytes if offset == _next else bytes.slice(_next - offset))
	_next = offset + bytes.size()


func _cut(out: Array[Arrived]) -> bool:
	while true:
		var left := _rest.size() - _rest_at
		if _length < 0:
			if left < ParleyOutgoing.LENGTH_BYTES:
				break
			var word := ParleyMessagePackets.number_at(_rest, _rest_at, 4)
			_is_deflated = word >= ParleyOutgoing.DEFLATED_BIT
			_length = word & 0x7FFF_FFFF
			_rest_at += 4
			if _length > Limits.MESSAGE_BYTES_MAX:
				return false
			continue
		if left < _length:
			break
		var one := Arrived.new()
		one.channel = channel
		one.bytes = _rest.slice(_rest_at, _rest_at + _length)
		one.is_deflated = _is_deflated
		one.is_reliable = true
		one.taken = _length + ParleyOutgoing.LENGTH_BYTES
		out.append(one)
		_rest_at += _length
		_length = -1
	if _rest_at > 0:
		_rest = _rest.slice(_rest_at)
		_rest_at = 0
	return true


## Unreliable messages of which pieces are missing.
class Partials extends RefCounted:
	var _partials := {}
	var _bytes := 0

	## The message that it completes, or null.
	func take(piece: ParleyMessagePackets.Piece, now: float) -> Arrived:
		if piece.count == 1:
			return _arrived(piece, piece.bytes)
		for message: int in _partials.keys():
			if _partials[message]["until"] <= now:
				_drop(message)
		if not _partials.has(piece.message) and not _begin(piece, now):
			return null
		var partial: Dictionary = _partials[piece.message]
		if partial["count"] != piece.count or partial["pieces"].has(piece.index):
			return null
		partial["pieces"][piece.index] = piece.bytes
		partial["bytes"] += piece.bytes.size()
		_bytes += piece.bytes.size()
		if partial["bytes"] > Limits.MESSAGE_BYTES_MAX:
			_drop(piece.message)
		elif partial["pieces"].size() == piece.count:
			_drop(piece.message)
			var whole := PackedByteArray()
			for index in piece.count:
				whole.append_array(partial["pieces"][index])
			return _arrived(piece, whole)
		while _bytes > Limits.PARTIAL_BYTES_MAX:
			_drop(_partials.keys()[0])
		return null

	func _begin(piece: ParleyMessagePackets.Piece, now: float) -> bool:
		if piece.count > Limits.MESSAGE_BYTES_MAX / Limits.PIECE_BYTES_MIN:
			return false
		if _partials.size() >= Limits.PARTIAL_MAX:
			_drop(_partials.keys()[0])
		_partials[piece.message] = {"pieces": {}, "count": piece.count, "bytes": 0, "until": now + Limits.PARTIAL_MS}
		return true

	func _drop(message: int) -> void:
		_bytes -= _partials[message]["bytes"]
		_partials.erase(message)

	func _arrived(piece: ParleyMessagePackets.Piece, bytes: PackedByteArray) -> Arrived:
		var one := Arrived.new()
		one.channel = piece.channel
		one.bytes = bytes
		one.is_deflated = (piece.flags & ParleyMessagePackets.DEFLATED) != 0
		return one

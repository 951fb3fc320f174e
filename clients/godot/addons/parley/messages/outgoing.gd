class_name ParleyOutgoing
extends RefCounted
## One channel's reliable messages on their way to a peer: a stream of bytes, each message behind its length (4 bytes, the
## uppermost bit says that it is deflated).

const Limits := preload("message_limits.gd")
const LENGTH_BYTES := 4
const DEFLATED_BIT := 0x8000_0000
## Confirmed bytes are cut off in steps of this.
const _CUT_BYTES := 1 << 16


## Bytes of a stream on their way.
class Part extends RefCounted:
	var stream: ParleyOutgoing
	var from := 0
	var to := 0


var channel := 0
# The stream from `_start` on.
var _bytes := PackedByteArray()
var _start := 0
var _acked := ParleyRanges.new()
var _lost := ParleyRanges.new()
# Confirmed up to here, sent up to there.
var _base := 0
var _next := 0
var _limit := Limits.WINDOW_BYTES


func _init(of_channel: int) -> void:
	channel = of_channel


## Bytes that were not confirmed.
var pending: int:
	get:
		return _start + _bytes.size() - _base - _acked.count()


## Whether there is something to send, and room at the other side for it.
var is_ready: bool:
	get:
		return _lost.size() > 0 or _next < mini(_start + _bytes.size(), _limit)


func push(bytes: PackedByteArray, is_deflated: bool) -> void:
	var word := bytes.size() | (DEFLATED_BIT if is_deflated else 0)
	for shift in [24, 16, 8, 0]:
		_bytes.append((word >> shift) & 0xFF)
	_bytes.append_array(bytes)


## The next bytes to send, what was lost first; null where there are none.
func next(bytes_max: int) -> Part:
	var part := Part.new()
	part.stream = self
	if _lost.size() > 0:
		part.from = _lost.from[0]
		part.to = mini(_lost.to[0], part.from + bytes_max)
		_lost.subtract(part.from, part.to)
		return part
	part.from = _next
	part.to = mini(mini(_next + bytes_max, _start + _bytes.size()), _limit)
	if part.to <= part.from:
		return null
	_next = part.to
	return part


func bytes_of(part: Part) -> PackedByteArray:
	return _bytes.slice(part.from - _start, part.to - _start)


func acked(part: Part) -> void:
	_lost.subtract(part.from, part.to)
	_acked.add(maxi(part.from, _base), part.to)
	if _acked.size() == 0 or _acked.from[0] > _base:
		return
	_base = _acked.to[0]
	_acked.subtract(0, _base)
	if _base - _start >= _CUT_BYTES or _base == _start + _bytes.size():
		_bytes = _bytes.slice(_base - _start)
		_start = _base


func lost(part: Part) -> void:
	if part.to <= _base:
		return
	_lost.add(maxi(part.from, _base), part.to)
	for at in _acked.size():
		_lost.subtract(_acked.from[at], _acked.to[at])


## The peer has room up to there.
func widen(limit: int) -> void:
	_limit = maxi(_limit, limit)


## Unreliable pieces, first come, first sent.
class Pieces extends RefCounted:
	var bytes := 0
	var _waiting: Array[ParleyMessagePackets.Piece] = []
	var _at := 0
	var _message := 0

	func is_empty() -> bool:
		return _at >= _waiting.size()

	func next() -> ParleyMessagePackets.Piece:
		return _waiting[_at] if _at < _waiting.size() else null

	func push(channel: int, payload: PackedByteArray, flags: int, piece_bytes_max: int) -> void:
		var count := maxi(1, ceili(float(payload.size()) / piece_bytes_max))
		for index in count:
			var piece := ParleyMessagePackets.Piece.new()
			piece.channel = channel
			piece.message = _message
			piece.flags = flags
			piece.index = index
			piece.count = count
			piece.bytes = payload.slice(index * piece_bytes_max, (index + 1) * piece_bytes_max)
			_waiting.append(piece)
		_message = (_message + 1) & 0xFFFF_FFFF
		bytes += payload.size()

	func shift() -> void:
		bytes -= _waiting[_at].bytes.size()
		_waiting[_at] = null
		_at += 1
		if _at == _waiting.size():
			_waiting.clear()
			_at = 0

class_name ParleyFrameBudget
extends RefCounted
## How much the addon sends in one frame of what the game has given it at once. The rest leaves in the next frames, so that a
## burst lasts longer and holds no frame. It bounds bulk alone: each player has a turn in every frame, and what came is taken in
## without it. A late frame sends more, so that a slow game does not fall behind.

const USEC := 1_000
## Bytes in any case: the clock also runs while other programs have the processor.
const BYTES_MIN := 32_000
## What a datagram costs beside its bytes.
const DATAGRAM_BYTES := 100
## The frame that these bytes are for, and how often one late frame may have them. A frame is late from here on: a shorter one may
## be what a burst itself has taken.
const FRAME_USEC := 16_000
const FRAMES_MAX := 16.0
const LATE_USEC := 50_000

var _usec := 0
var _bytes_min := 0
var _until := 0
var _left := 0
var _began := 0


func _init(usec := USEC, bytes_min := BYTES_MIN) -> void:
	_usec = usec
	_bytes_min = bytes_min


## A frame begins.
func begin() -> void:
	var now := Time.get_ticks_usec()
	var since := now - _began if _began > 0 else 0
	var frames := minf(float(since) / FRAME_USEC, FRAMES_MAX) if since >= LATE_USEC else 1.0
	_began = now
	_until = now + _usec
	_left = int(_bytes_min * frames)


## Whether there is room for another datagram.
func has_room() -> bool:
	return _left > 0 or Time.get_ticks_usec() < _until


## Counts a datagram.
func spend(bytes: int) -> void:
	_left -= bytes + DATAGRAM_BYTES
